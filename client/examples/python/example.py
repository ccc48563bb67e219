#!/usr/bin/env python3
"""Creates a model on a Descent server, trains it, predicts, and asks for gradients.

    ./generate_stubs
    descentd --in-memory &
    ./example.py [HOST:PORT]

The data are Friedman's first problem: y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + e,
with ten features in [0, 1), of which five say nothing, and normal noise e.
"""

import argparse
import os
import pathlib
import sys
import uuid

import grpc
import numpy as np

stubs = os.environ.get("DESCENT_STUBS", pathlib.Path(__file__).parent / "generated")
sys.path.append(str(stubs))

from descent.v1 import model_service_pb2 as models
from descent.v1 import model_service_pb2_grpc as models_grpc
from descent.v1 import network_pb2 as network
from descent.v1 import network_service_pb2 as networks
from descent.v1 import network_service_pb2_grpc as networks_grpc
from descent.v1 import tensor_pb2

from connecting import connect
from error_details import error_details
from tensors import to_array, to_tensor
from training import train

MODEL = "python-example"
FEATURES = 10
BATCH = 64
EPOCHS = 20
DEADLINE = 10  # seconds, of every call but the training stream


def friedman1(rows, random, noise):
    x = random.random((rows, FEATURES), dtype=np.float32)
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y += 10 * x[:, 3] + 5 * x[:, 4] + noise * random.standard_normal(rows, dtype=np.float32)
    return x, y[:, np.newaxis]


def dense(units, kind):
    activation = network.Activation(kind=kind)
    return network.Layer(dense=network.DenseLayer(units=units, activation=activation))


def residual(*layers):
    """x + f(x), where f are these layers; the last has as many units as x."""
    return network.Layer(residual=network.ResidualLayer(layers=layers))


def create(stub):
    layer_norm = network.Layer(layer_norm=network.LayerNormLayer())
    dropout = network.Layer(dropout=network.DropoutLayer(rate=0.1))
    spec = network.NetworkSpec(
        input_features=FEATURES,
        layers=[
            dense(64, network.ACTIVATION_KIND_RELU),
            residual(layer_norm, dense(64, network.ACTIVATION_KIND_RELU)),
            dropout,
            dense(1, network.ACTIVATION_KIND_IDENTITY),
        ],
        # By running statistics of the rows trained on, so that the features' scales don't matter.
        input_normalization=network.InputNormalization(),
        loss=network.Loss(kind=network.LOSS_KIND_MEAN_SQUARED_ERROR),
        seed=1,
    )
    optimizer = network.OptimizerSpec(learning_rate=1e-2, adam=network.Adam())
    model = models.Model(name=MODEL, network=spec, optimizer=optimizer)
    # With a request id the call can be repeated when its answer is lost.
    request = models.CreateModelRequest(model=model, request_id=uuid.uuid4().hex)
    return stub.CreateModel(request, timeout=DEADLINE).model


def shuffled_batches(x, y, random):
    """The rows in a new order for each epoch, in batches."""
    order = np.concatenate([random.permutation(len(x)) for _ in range(EPOCHS)])
    return [(x[rows], y[rows]) for rows in np.split(order, range(BATCH, len(order), BATCH))]


def predict(stub, x):
    request = networks.PredictRequest(model=MODEL, inputs=to_tensor(x))
    return to_array(stub.Predict(request, timeout=DEADLINE).outputs)


def gradient(stub, x, y):
    request = networks.GradientRequest(
        model=MODEL, inputs=to_tensor(x), targets=to_tensor(y), input_gradient=True
    )
    return stub.Gradient(request, timeout=DEADLINE)


def evaluate(stub, x, y):
    def requests():
        for begin in range(0, len(x), 256):
            rows = slice(begin, begin + 256)
            batch = tensor_pb2.Batch(inputs=to_tensor(x[rows]), targets=to_tensor(y[rows]))
            yield networks.EvaluateRequest(model=MODEL, batch=batch)

    return stub.Evaluate(requests(), timeout=DEADLINE)


def history(stub):
    """How training went; a page of the largest size holds all of it."""
    request = models.ListHistoryRequest(model=MODEL, page_size=1000)
    return stub.ListHistory(request, timeout=DEADLINE).points


def contents(path):
    return None if path is None else pathlib.Path(path).read_bytes()


def main():
    parser = argparse.ArgumentParser(description="Trains a model on a Descent server.")
    parser.add_argument("server", nargs="?", default="127.0.0.1:50051", metavar="HOST:PORT")
    parser.add_argument("--tls-ca", metavar="FILE", help="encrypt; authorities of the server")
    parser.add_argument("--tls-certificate", metavar="FILE", help="your own, if it asks for one")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's private key")
    parser.add_argument("--token-file", metavar="FILE", help="the token that says who you are")
    given = parser.parse_args()
    random = np.random.default_rng(0)
    x, y = friedman1(4000, random, noise=1)
    x_test, y_test = friedman1(1000, random, noise=1)

    with connect(
        given.server,
        tls_ca=contents(given.tls_ca),
        tls_certificate=contents(given.tls_certificate),
        tls_key=contents(given.tls_key),
        token=given.token_file and contents(given.token_file).decode().strip(),
    ) as channel:
        model_stub = models_grpc.ModelServiceStub(channel)
        stub = networks_grpc.NetworkServiceStub(channel)

        model = create(model_stub)
        print(f"created {model.name}: {model.parameter_count} parameters")
        try:
            batches = shuffled_batches(x, y, random)
            for ack in train(stub, MODEL, batches, ack_every=16):
                if ack.sequence % 160 == 0 or ack.sequence == len(batches):
                    print(f"update {ack.sequence:5} of {len(batches)}  loss {ack.loss:8.4f}")

            points = history(model_stub)
            for point in (points[0], points[-1]):
                print(f"the loss was {point.loss:8.4f} around step {point.step}")

            answer = evaluate(stub, x_test, y_test)
            print(f"test rmse {answer.metrics['rmse']:.3f}, r2 {answer.metrics['r2']:.3f}")

            for target, prediction in zip(y_test[:3], predict(stub, x_test[:3])):
                print(f"predicted {prediction[0]:6.2f}, measured {target[0]:6.2f}")

            answer = gradient(stub, x_test, y_test)
            norms = {
                named.name: np.linalg.norm(to_array(named.tensor)) for named in answer.gradients
            }
            print(f"gradient at step {answer.step}: norm {answer.gradient_norm:.4f}")
            for name, norm in norms.items():
                print(f"  {name}: {norm:.4f}")
            influence = np.abs(to_array(answer.input_gradient)).mean(axis=0)
            print("features by influence:", *(f"x{i + 1}" for i in np.argsort(-influence)))

            try:
                predict(stub, x_test[:, :3])
            except grpc.RpcError as error:
                details = error_details(error)
                print(f"refused as it should be: {error.code().name}: {error.details()}")
                print(f"  reason {details['ErrorInfo'].reason}")
                for violation in details["BadRequest"].field_violations:
                    print(f"  field {violation.field}: {violation.description}")
        finally:
            request = models.DeleteModelRequest(name=MODEL, request_id=uuid.uuid4().hex)
            model_stub.DeleteModel(request, timeout=DEADLINE)


if __name__ == "__main__":
    main()
