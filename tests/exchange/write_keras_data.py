"""Writes what the tests read of Keras: models that have learned, as its own export (tf2onnx) writes them, and what they predict.

    write_keras_data.py

The files in data/ are of Keras 3.15, TensorFlow 2.21 and tf2onnx 1.17 from PyPI.
"""

import os
import pathlib

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import keras  # pylint: disable=wrong-import-position
import numpy as np
from keras import layers

DATA = pathlib.Path(__file__).resolve().parent / "data"


def sequential(*parts):
    return keras.Sequential([keras.Input((4,), name="x"), *parts])


def residual():
    x = keras.Input((4,), name="x")
    hidden = layers.Dense(8, activation="relu")(x)
    hidden = layers.Add()([hidden, layers.Dense(8, activation="tanh")(hidden)])
    return keras.Model(x, layers.Dense(1)(hidden))


def tables(**ids):
    """Dense layers of the numbers and of what `ids` make rows of: by the input's name its type, the ids a row has, and that."""
    x = keras.Input((4,), name="x")
    inputs = [keras.Input((count,), dtype=dtype, name=name) for name, (dtype, count, _) in ids.items()]
    rows = [row for values, (_, _, make) in zip(inputs, ids.values()) for row in make(values)]
    hidden = layers.Dense(6, activation="relu")(layers.Concatenate()([*rows, x]))
    return keras.Model([*inputs, x], layers.Dense(1)(hidden))


def one(values):
    return [layers.Flatten()(layers.Embedding(5, 3)(values))]


def models_with_tables():
    """As models() has them, and how many ids a row has of each categorical input."""
    loss = "mean_squared_error", None
    yield "tables_one", tables(user=("int64", 1, one), item=("int32", 1, one)), *loss, (1, 1)
    yield "tables_of_floats", tables(user=("float32", 1, one)), *loss, (1,)
    yield "tables_columns", tables(c=("int64", 2, lambda c: [layers.Embedding(5, 3)(c[:, 0]), layers.Embedding(6, 2)(c[:, 1])])), *loss, (1, 1)
    yield "tables_joined", tables(c=("int64", 2, lambda c: [layers.Flatten()(layers.Concatenate()(
        [layers.Embedding(5, 3)(c[:, :1]), layers.Embedding(6, 2)(c[:, 1:])]))])), *loss, (1, 1)
    yield "tables_mean", tables(ids=("int64", 3, lambda ids: [layers.GlobalAveragePooling1D()(layers.Embedding(5, 3)(ids))])), *loss, (3,)
    yield "tables_sum", tables(ids=("int64", None, lambda ids: [keras.ops.sum(layers.Embedding(5, 3)(ids), axis=1)])), *loss, (3,)


def models():
    """Each with its loss and the number of its classes."""
    yield "classes", sequential(layers.Dense(8, activation="gelu"), layers.LayerNormalization(), layers.Dropout(0.2),
                                layers.Dense(3, activation="softmax")), "sparse_categorical_crossentropy", 3
    yield "norm_of_nothing_learned", sequential(layers.Dense(8, activation="silu"), layers.LayerNormalization(
        trainable=False), layers.Dense(1)), "mean_squared_error", None
    yield "batch_norm_before", sequential(
        layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(6, use_bias=False),
        layers.BatchNormalization(), layers.Activation("tanh"), layers.Dense(1)), "mean_squared_error", None
    yield "batch_norm_after", sequential(
        layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(6, activation="selu", use_bias=False),
        layers.BatchNormalization(), layers.Dense(1)), "mean_squared_error", None
    yield "residual", residual(), "mean_squared_error", None


def main():
    keras.utils.set_random_seed(1)
    numbers = np.random.default_rng(0)
    inputs = (numbers.normal(size=(256, 4)) * [1, 2, 3, 0.5] + [0, 1, 2, 3]).astype(np.float32)
    for name, model, loss, classes, *counts in (*models(), *models_with_tables()):
        targets = numbers.normal(size=256) if classes is None else numbers.integers(0, classes, size=256)
        # Of each categorical input, and then as the model reads them.
        ids = [numbers.integers(0, 5, size=(256, count)) for count in (counts[0] if counts else ())]
        read = ids if len(ids) == len(model.inputs) - 1 else [np.concatenate(ids, 1)]
        rows = [*(values.astype(into.dtype) for values, into in zip(read, model.inputs)), inputs] if ids else inputs
        model.compile(keras.optimizers.Adam(0.01), loss=loss)
        model.fit(rows, targets, epochs=3, verbose=0)
        model.export(DATA / f"keras_{name}.onnx", format="onnx", verbose=False)
        np.savez(DATA / f"keras_{name}.npz", inputs=inputs[:16], outputs=model.predict(rows, verbose=0)[:16],
                 **{f"ids_{i}": values[:16] for i, values in enumerate(ids)})


if __name__ == "__main__":
    main()
