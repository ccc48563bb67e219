#!/usr/bin/env python3
"""Trains one network whose halves are on two servers, by back-propagation across them.

    descentd --in-memory --listen 127.0.0.1:50051 &
    descentd --in-memory --listen 127.0.0.1:50052 &
    ./two_servers.py 127.0.0.1:50051 127.0.0.1:50052

The lower half's outputs are the upper half's inputs. Only the upper one knows the targets, only the lower one the
samples: between them go activations one way and their gradients the other. The same network is trained whole on the
first server, to compare.
"""

import argparse

import descent
import numpy as np

STEPS = 400
BATCH = 32
HIDDEN = 64


def samples(random, rows):
    x = random.random((rows, 4), dtype=np.float32)
    y = np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2
    return x, y[:, np.newaxis]


def train_step(lower, upper, x, y):
    """One update of both halves, each by its own optimizer. Returns the loss before it."""
    activations = lower.forward(x).outputs
    above = upper.gradient(activations, y, input_gradient=True, training=True)
    below = lower.gradient(x, output_gradient=above.input_gradient, training=True)
    # Somebody else's update in between would make these the gradients of another network.
    upper.step(gradients=above.gradients, base_step=above.step, max_staleness=0)
    lower.step(gradients=below.gradients, base_step=below.step, max_staleness=0)
    return above.loss


def main():
    parser = argparse.ArgumentParser(description="Trains a network whose halves are on two servers.")
    parser.add_argument("lower", nargs="?", default="127.0.0.1:50051", metavar="HOST:PORT")
    parser.add_argument("upper", nargs="?", default="127.0.0.1:50052", metavar="HOST:PORT")
    given = parser.parse_args()
    random = np.random.default_rng(0)
    first = descent.Dense(HIDDEN, "relu")
    last = descent.Dense(1)

    with descent.Client(given.lower) as below, descent.Client(given.upper) as above:
        whole = below.create("whole", descent.Network(4, [first, last]), descent.Adam(0.01))
        lower = below.create("lower", descent.Network(4, [first]), descent.Adam(0.01))
        upper = above.create("upper", descent.Network(HIDDEN, [last]), descent.Adam(0.01))
        try:
            # The halves begin where the whole does.
            begin = whole.parameters()
            lower.set_parameters({f"layers.0.{name}": begin[f"layers.0.{name}"] for name in ("kernel", "bias")})
            upper.set_parameters({f"layers.0.{name}": begin[f"layers.1.{name}"] for name in ("kernel", "bias")})

            for step in range(1, STEPS + 1):
                x, y = samples(random, BATCH)
                expected = whole.step(x, y).loss
                loss = train_step(lower, upper, x, y)
                if step % 100 == 0:
                    print(f"step {step:4}  loss {loss:.6f}, of the whole {expected:.6f}")

            end = whole.parameters()
            halves = {
                **lower.parameters(),
                **{name.replace("layers.0", "layers.1"): value for name, value in upper.parameters().items()},
            }
            difference = max(float(np.abs(end[name] - halves[name]).max()) for name in end)
            print(f"largest difference of a parameter {difference:.3g}")
            x, y = samples(random, 1000)
            predicted = upper.predict(lower.forward(x).outputs)
            print(f"test rmse {np.sqrt(np.mean((predicted - y) ** 2)):.4f}")
        finally:
            for model in (whole, lower, upper):
                model.delete()


if __name__ == "__main__":
    main()
