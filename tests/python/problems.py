"""Small problems for the package's tests."""

import descent
import numpy as np


def network(inputs=4, outputs=1, **settings):
    layers = [descent.Dense(8, "tanh"), descent.Dense(outputs)]
    return descent.Network(inputs, layers, **settings)


def batches(count, rows=4, inputs=4, seed=0):
    """So many (x, y), the same for the same seed."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        x = random.random((rows, inputs), dtype=np.float32)
        yield x, x.sum(axis=1, keepdims=True)
