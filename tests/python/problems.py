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


COLORS = ["red", "green", "blue", "grün", "black"]
TAGS = 20


def network_of_orders(**settings):
    return descent.Network(2, [descent.Dense(16, "tanh"), descent.Dense(1)], categorical=(
        descent.Categorical("color", 1000, 4, "xxh64"), descent.Categorical("tags", TAGS, 3)), **settings)


def orders(count, rows=4, seed=0):
    """So many batches whose targets are a matter of a color, of some tags and hardly of numbers, the same for the same seed."""
    random = np.random.default_rng(seed)
    of_color = np.linspace(-1, 1, len(COLORS))
    of_tag = np.linspace(-0.3, 0.3, TAGS)
    for _ in range(count):
        x = random.random((rows, 2), dtype=np.float32)
        colors = random.integers(len(COLORS), size=rows)
        tags = [random.integers(TAGS, size=size).tolist() for size in random.integers(4, size=rows)]
        y = 0.1 * x.sum(axis=1) + of_color[colors] + [of_tag[some].sum() for some in tags]
        yield {"x": x, "y": y, "categories": {"color": [COLORS[color] for color in colors], "tags": tags}}
