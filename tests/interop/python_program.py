"""What the examples of other languages do, from Python: the run that theirs are compared with.

    python_program.py HOST:PORT

It trains on the same samples, by the modules of client/examples/python. DESCENT_STUBS has its stubs.
"""

import os
import pathlib
import sys
import uuid

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "client/examples/python"
sys.path += [os.environ["DESCENT_STUBS"], str(EXAMPLE)]

import numpy as np

import training
from connecting import connect
from descent.v1 import model_service_pb2 as models
from descent.v1 import model_service_pb2_grpc as models_grpc
from descent.v1 import network_pb2 as network
from descent.v1 import network_service_pb2_grpc as networks_grpc

MODEL = "python-example"
FEATURES = 8
ROWS = 32
BATCHES = 1000


def batch(sequence):
    """The training batch with this sequence number, counted from 1."""
    state = sequence * 2654435761 % 2**32
    drawn = []
    for _ in range(ROWS * FEATURES):
        state = (state * 1664525 + 1013904223) % 2**32
        drawn.append((state >> 24) / 256)
    x = np.array(drawn, np.float32).reshape(ROWS, FEATURES)
    y = 10 * x[:, 0] * x[:, 1] + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, y[:, np.newaxis]


class Batches:
    """A sequence of them, made as they are asked for."""

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        return batch(index + 1)


def dense(units, kind):
    return network.Layer(
        dense=network.DenseLayer(units=units, activation=network.Activation(kind=kind)))


def main():
    spec = network.NetworkSpec(
        input_features=FEATURES,
        layers=[dense(32, network.ACTIVATION_KIND_RELU), dense(1, network.ACTIVATION_KIND_IDENTITY)],
        loss=network.Loss(kind=network.LOSS_KIND_MEAN_SQUARED_ERROR), seed=1)
    optimizer = network.OptimizerSpec(learning_rate=0.01, adam=network.Adam())
    with connect(sys.argv[1]) as channel:
        stub = models_grpc.ModelServiceStub(channel)
        created = stub.CreateModel(models.CreateModelRequest(
            model=models.Model(name=MODEL, network=spec, optimizer=optimizer),
            request_id=uuid.uuid4().hex), wait_for_ready=True, timeout=60)
        print(f"created {MODEL}: {created.model.parameter_count} parameters")
        for _ in training.train(networks_grpc.NetworkServiceStub(channel), MODEL, Batches(),
                                ack_every=8):
            pass
        model = stub.GetModel(models.GetModelRequest(name=MODEL), timeout=60).model
        print(f"trained to step {model.step}, state {model.state_hash}")
        stub.DeleteModel(models.DeleteModelRequest(name=MODEL), timeout=60)


if __name__ == "__main__":
    main()
