"""Times one training step of PyTorch on the reference networks of bench/core/step_bench.cc.

    /usr/bin/python3 bench/peers/torch_step.py [ROUNDS [THREADS]]

Prints one JSON object a line: {"kind": "torch", "version": "2.15.0", "network": "13-64-1",
"threads": 1, "us": …, "eager_us": …, "compiled_us": …, "functional_us": …}. "us" is the best of the
ways to write a step: as usual; the same with torch.compile around the network with its loss and
around the optimizer; and as one compiled function of the parameters, by torch.func. PyTorch before
2.0 has the first alone.
"""

import json
import os
import sys

from reference_networks import REFERENCES
from timing import best_seconds

RATE = 1e-3


def uncompiled(function):
    return function


def make_step(torch, model, loss, wrap):
    """Plain gradient descent with autograd and torch.optim."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    forward = wrap(lambda: loss(model))
    update = wrap(optimizer.step)

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward().backward()
        update()

    return step


def make_functional_step(torch, model, loss, wrap):
    """Plain gradient descent as one function of the parameters."""
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss_at(parameters):
        return loss(lambda x: torch.func.functional_call(model, parameters, (x,)))

    @wrap
    def step():
        gradients, value = torch.func.grad_and_value(loss_at)(parameters)
        for name, gradient in gradients.items():
            parameters[name].sub_(gradient, alpha=RATE)
        return value

    return step


def make_run(torch, reference, make, wrap):
    """A function that does updates on a fixed random batch."""
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[reference.activation]
    layers = []
    for inputs, units in zip(reference.widths, reference.widths[1:]):
        layers += [torch.nn.Linear(inputs, units), activation()]
    x = torch.rand(reference.rows, reference.widths[0]) * 2 - 1
    y = torch.rand(reference.rows, reference.widths[-1]) * 2 - 1
    criterion = torch.nn.MSELoss()
    model = torch.nn.Sequential(*layers[:-1])
    step = make(torch, model, lambda network: criterion(network(x), y), wrap)

    def run(count):
        for _ in range(count):
            step()

    return run


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    # Left alone, PyTorch's own threads and OpenBLAS's get into each other's way; both libraries
    # read this when they are loaded.
    os.environ.update(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    os.environ.setdefault("TORCH_LOGS", "-all")  # errors alone
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    ways = {"eager_us": (make_step, uncompiled)}
    if hasattr(torch, "compile"):
        ways["compiled_us"] = (make_step, torch.compile)
        ways["functional_us"] = (make_functional_step, torch.compile)
    for reference in REFERENCES:
        times = {}
        for name, (make, wrap) in ways.items():
            if wrap is not uncompiled:
                torch.compiler.reset()  # or functions of the network before count as recompiled
            run = make_run(torch, reference, make, wrap)
            times[name] = best_seconds(run, rounds, threads) * 1e6
        result = {"kind": "torch", "version": torch.__version__.partition("+")[0]}
        result |= {"network": reference.name, "threads": threads, "us": min(times.values())}
        print(json.dumps(result | times), flush=True)


if __name__ == "__main__":
    main()
