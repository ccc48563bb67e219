"""Times one training step of PyTorch on the networks of bench/core/tables_bench.cc.

    /usr/bin/python3 bench/peers/torch_tables.py [ROUNDS [THREADS]]

Prints one JSON object a line: {"kind": "torch_tables", "version": "1.13.1", "buckets": 1000000,
"rows": 128, "us": …}. The tables are nn.EmbeddingBag with sparse gradients under SparseAdam, the
rest is under Adam: what PyTorch has for tables of which a batch names a few rows.
"""

import itertools
import json
import os
import sys

from timing import best_seconds

NUMERIC, INPUTS, DIMENSION, UNITS, BATCHES = 13, 4, 16, 64, 64


def make_run(torch, buckets, rows):
    """A function that does updates, each on the next of some random batches."""
    tables = torch.nn.ModuleList(
        torch.nn.EmbeddingBag(buckets, DIMENSION, mode="sum", sparse=True) for _ in range(INPUTS))
    dense = torch.nn.Sequential(torch.nn.Linear(NUMERIC + INPUTS * DIMENSION, UNITS),
                                torch.nn.ReLU(), torch.nn.Linear(UNITS, 1))
    optimizers = [torch.optim.SparseAdam(list(tables.parameters()), lr=1e-6),
                  torch.optim.Adam(dense.parameters(), lr=1e-6)]
    criterion = torch.nn.MSELoss()
    batches = itertools.cycle([
        (torch.rand(rows, NUMERIC), torch.rand(rows, 1),
         [torch.randint(buckets, (rows, 1)) for _ in range(INPUTS)]) for _ in range(BATCHES)])

    def run(count):
        for x, y, ids in itertools.islice(batches, count):
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            blocks = [table(some) for table, some in zip(tables, ids)]
            criterion(dense(torch.cat([x, *blocks], 1)), y).backward()
            for optimizer in optimizers:
                optimizer.step()

    return run


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    # As torch_step.py does.
    os.environ.update(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    for rows in (32, 256):
        for buckets in (1000, 100_000, 1_000_000):
            seconds = best_seconds(make_run(torch, buckets, rows), rounds, threads)
            print(json.dumps({"kind": "torch_tables",
                              "version": torch.__version__.partition("+")[0],
                              "buckets": buckets, "rows": rows, "us": seconds * 1e6}), flush=True)


if __name__ == "__main__":
    main()
