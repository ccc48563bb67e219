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
    for name, model, loss, classes in models():
        targets = numbers.normal(size=256) if classes is None else numbers.integers(0, classes, size=256)
        model.compile(keras.optimizers.Adam(0.01), loss=loss)
        model.fit(inputs, targets, epochs=3, verbose=0)
        model.export(DATA / f"keras_{name}.onnx", format="onnx", verbose=False)
        np.savez(DATA / f"keras_{name}.npz", inputs=inputs[:16], outputs=model.predict(inputs[:16], verbose=0))


if __name__ == "__main__":
    main()
