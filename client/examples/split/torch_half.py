#!/usr/bin/env python3
"""Trains a network of which one half is PyTorch's and the other is on a Descent server.

    descentd --in-memory &
    ./torch_half.py 127.0.0.1:50051
"""

import sys

import descent
import torch

from torch_layer import DescentLayer

STEPS = 400


def samples(generator, rows):
    x = torch.rand(rows, 4, generator=generator)
    y = torch.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2
    return x, y[:, None]


def main():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    with descent.Client(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051") as client:
        head = descent.Network(16, [descent.Dense(16, "relu"), descent.Dense(1)])
        model = client.create("head", head, descent.Adam(0.01))
        try:
            layer = DescentLayer(model)
            network = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), layer)
            optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
            for step in range(1, STEPS + 1):
                x, y = samples(generator, 32)
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(network(x), y)
                loss.backward()
                optimizer.step()
                layer.step()
                if step % 100 == 0:
                    print(f"step {step:4}  loss {loss.item():.6f}")
            x, y = samples(generator, 1000)
            with torch.no_grad():
                error = torch.nn.functional.mse_loss(network(x), y).sqrt()
            print(f"test rmse {error.item():.4f}")
        finally:
            model.delete()


if __name__ == "__main__":
    main()
