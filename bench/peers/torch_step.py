"""Times one training step of PyTorch on the reference networks of bench/core/step_bench.cc.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /usr/bin/python3 torch_step.py [ROUNDS]

Prints one JSON object a line: {"kind": "torch", "network": "13-64-1", "threads": 1, "us": …}. Both
variables have to be set before the start, and mean the threads of the step: left alone, PyTorch's
own threads and OpenBLAS's get into each other's way.

Time is taken as in bench/core/timing.h: CPU time with one thread, else wall time, the best block.
"""

import json
import os
import sys
import time

import torch

NETWORKS = [
    ((13, 64, 1), torch.nn.ReLU, 32),
    ((8, 64, 64, 1), torch.nn.ReLU, 128),
    ((784, 128, 10), torch.nn.ReLU, 64),
    ((28, 300, 300, 300, 300, 300, 1), torch.nn.Tanh, 100),
    ((784, 512, 256, 10), torch.nn.ReLU, 128),
    ((784, 1024, 1024, 10), torch.nn.ReLU, 256),
]
BLOCK_SECONDS = 0.005


def name_of(widths):
    hidden = widths[1:-1]
    if len(hidden) > 2 and len(set(hidden)) == 1:
        return f"{widths[0]}-{hidden[0]}x{len(hidden)}-{widths[-1]}"
    return "-".join(map(str, widths))


def make_step(widths, activation, rows):
    """A function that does one update by plain gradient descent on a fixed random batch."""
    layers = []
    for inputs, units in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, units), activation()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loss = torch.nn.MSELoss()
    x = torch.rand(rows, widths[0]) * 2 - 1
    y = torch.rand(rows, widths[-1]) * 2 - 1

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), y).backward()
        optimizer.step()

    return step


def seconds(step, count, clock):
    begin = clock()
    for _ in range(count):
        step()
    return (clock() - begin) / count


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    threads = int(os.environ["OMP_NUM_THREADS"])
    clock = time.process_time if threads == 1 else time.perf_counter
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    for widths, activation, rows in NETWORKS:
        step = make_step(widths, activation, rows)
        seconds(step, 3, clock)
        count = max(1, int(BLOCK_SECONDS / seconds(step, 3, clock)))
        best = min(seconds(step, count, clock) for _ in range(rounds))
        result = {"kind": "torch", "network": name_of(widths), "threads": threads}
        print(json.dumps(result | {"us": best * 1e6}), flush=True)


if __name__ == "__main__":
    main()
