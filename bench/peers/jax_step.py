"""Times one training step of JAX on the reference networks of bench/core/step_bench.cc.

    bench/peers/setup
    build/peers/bin/python bench/peers/jax_step.py [ROUNDS [THREADS]]

Prints one JSON object a line: {"kind": "jax", "version": "0.10.2", "network": "13-64-1",
"threads": 1, "us": …}.

A step is one compiled function of the parameters, which it is given for good, and of the batch.
Steps follow each other as in a training loop, without waiting for each one's loss; a block ends
when its last step has. JAX starts as many threads as it may use cores, so one thread is the process
kept to one core, and its time the CPU time of all that runs there.
"""

import json
import os
import sys

from reference_networks import REFERENCES
from timing import best_seconds

RATE = 1e-3


def make_run(jax, reference):
    """A function that does updates by plain gradient descent on a fixed random batch."""
    activation = {"relu": jax.nn.relu, "tanh": jax.numpy.tanh}[reference.activation]
    uniform = jax.nn.initializers.uniform(2)
    keys = iter(jax.random.split(jax.random.key(1), len(reference.widths) + 1))
    x = uniform(next(keys), (reference.rows, reference.widths[0])) - 1
    y = uniform(next(keys), (reference.rows, reference.widths[-1])) - 1
    parameters = [
        (jax.nn.initializers.glorot_uniform()(next(keys), shape), jax.numpy.zeros(shape[1]))
        for shape in zip(reference.widths, reference.widths[1:])
    ]

    def loss(parameters, x, y):
        *hidden, (kernel, bias) = parameters
        for hidden_kernel, hidden_bias in hidden:
            x = activation(x @ hidden_kernel + hidden_bias)
        return jax.numpy.mean((x @ kernel + bias - y) ** 2)

    def update(parameters, x, y):
        value, gradient = jax.value_and_grad(loss)(parameters, x, y)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient), value

    step = jax.jit(update, donate_argnums=0)

    def run(count):
        nonlocal parameters
        for _ in range(count):
            parameters, value = step(parameters, x, y)
        jax.block_until_ready((parameters, value))

    return run


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    import jax  # counts the cores

    jax.config.update("jax_platforms", "cpu")
    for reference in REFERENCES:
        us = best_seconds(make_run(jax, reference), rounds, threads) * 1e6
        result = {"kind": "jax", "version": jax.__version__, "network": reference.name}
        print(json.dumps(result | {"threads": threads, "us": us}), flush=True)


if __name__ == "__main__":
    main()
