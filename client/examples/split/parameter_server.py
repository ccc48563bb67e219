#!/usr/bin/env python3
"""Four workers train one model: each computes gradients on its own samples, and sends them to be applied.

    descentd --in-memory &
    ./parameter_server.py 127.0.0.1:50051

While a worker computes, others update the model. A gradient may be that old, MAX_STALENESS updates, and no older: the
server refuses it, and the worker computes it again. The last worker is slow, to show it.
"""

import sys
import threading
import time
from dataclasses import dataclass

import descent
import numpy as np

WORKERS = 4
UPDATES = 1000
BATCH = 32
MAX_STALENESS = 2


def samples(random, rows):
    x = random.random((rows, 4), dtype=np.float32)
    y = np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2
    return x, y[:, np.newaxis]


@dataclass
class Worker:
    """What one of them did."""

    number: int
    server: str
    pause: float  # seconds between computing a gradient and sending it
    applied: int = 0
    refused: int = 0
    stalest: int = 0  # of the gradients that were applied

    def run(self):
        random = np.random.default_rng(self.number)
        with descent.Client(self.server) as client:
            model = client.model("shared")
            step = 0
            while step < UPDATES:
                x, y = samples(random, BATCH)
                step = self.update(model, x, y)

    def update(self, model, x, y):
        """Has the model learn from a batch, and returns its step then."""
        while True:
            gradient = model.gradient(x, y)
            time.sleep(self.pause)
            try:
                answer = model.step(
                    gradients=gradient.gradients, base_step=gradient.step, max_staleness=MAX_STALENESS
                )
            except descent.AbortedError as error:
                if error.reason != "STALE_GRADIENTS":
                    raise
                self.refused += 1
                if model.step_count >= UPDATES:
                    return UPDATES
                continue
            self.applied += 1
            self.stalest = max(self.stalest, answer.step - 1 - gradient.step)
            return answer.step


def main():
    server = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
    with descent.Client(server) as client:
        network = descent.Network(4, [descent.Dense(64, "relu"), descent.Dense(1)])
        optimizer = descent.Adam(0.01, schedule=descent.Cosine(period=2 * UPDATES))
        model = client.create("shared", network, optimizer)
        try:
            workers = [Worker(i, server, pause=0.05 if i == WORKERS - 1 else 0) for i in range(WORKERS)]
            threads = [threading.Thread(target=worker.run) for worker in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for worker in workers:
                print(
                    f"worker {worker.number}: {worker.applied} applied, the stalest by {worker.stalest}, "
                    f"{worker.refused} refused"
                )
            print(f"the model is at step {model.step_count}")
            x, y = samples(np.random.default_rng(99), 1000)
            print(f"test rmse {model.evaluate([(x, y)]).metrics['rmse']:.4f}")
        finally:
            model.delete()


if __name__ == "__main__":
    main()
