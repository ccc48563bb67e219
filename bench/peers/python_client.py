"""Times the Python package beside what it is built on, and beside the loop that one would write without it, and prints one
JSON object a line:

    {"name": "train 13-64-1, 32 rows", "ours": …, "other": …}     a second, medians

    python_client.py PACKAGE STUBS DESCENTD EMPTY_SERVER TORCH_SERVER CPP ROUNDS

PACKAGE: a directory with the package descent; STUBS: one that client/examples/python/generate_stubs has filled;
the addresses of servers; CPP: the program durability_bench. Everything takes its turn in every round.
"""

import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

package, stubs, descentd, empty_server, torch_server, cpp, rounds = sys.argv[1:]
sys.path[:0] = [package, stubs, str(pathlib.Path(__file__).resolve().parents[2] / "client/examples/python")]

import descent
import grpc
import numpy as np

LOOPBACK = [("grpc.enable_http_proxy", 0)]
SMALL, LARGE = (13, 64, 1), (784, 512, 256, 10)


def network(widths):
    hidden = [descent.Dense(units, "relu") for units in widths[1:-1]]
    return descent.Network(widths[0], [*hidden, descent.Dense(widths[-1])])


def batch(widths, rows):
    random = np.random.default_rng(0)
    return (random.random((rows, widths[0]), dtype=np.float32),
            random.random((rows, widths[-1]), dtype=np.float32))


def timed(work, count):
    begin = time.perf_counter()
    work(count)
    return count / (time.perf_counter() - begin)


class Ours:
    def __init__(self, client):
        self.small, self.large = (
            client.create(f"python-{len(widths)}", network(widths), descent.Sgd(1e-4), durability="memory")
            for widths in (SMALL, LARGE))
        self.small_batch, self.large_batch = batch(SMALL, 32), batch(LARGE, 128)
        self.row = self.small_batch[0][:1]

    def train_small(self, count):
        self.small.train(self.small_batch for _ in range(count))

    def train_large(self, count):
        self.large.train(self.large_batch for _ in range(count))

    def predict(self, count):
        for _ in range(count):
            self.small.predict(self.row)

    def predict_by_threads(self, count):
        def some():
            for _ in range(count // 64):
                self.small.predict(self.row)

        threads = [threading.Thread(target=some) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


async def timed_in_flight(count):
    async with descent.aio.Client(descentd) as client:
        model = await client.model("python-3")
        row = batch(SMALL, 1)[0]
        await model.predict(row)

        async def some():
            for _ in range(count // 64):
                await model.predict(row)

        begin = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(64)))
        return count / (time.perf_counter() - begin)


def torch_loop():
    """What one would write: a grpcio stub's Step, in a loop, to grpcio around PyTorch."""
    from descent.v1 import model_service_pb2 as models
    from descent.v1 import model_service_pb2_grpc as models_grpc
    from descent.v1 import network_pb2
    from descent.v1 import network_service_pb2 as networks
    from descent.v1 import network_service_pb2_grpc as networks_grpc
    from descent.v1 import tensor_pb2
    from tensors import to_tensor

    channel = grpc.insecure_channel(torch_server, options=LOOPBACK)
    layers = [network_pb2.Layer(dense=network_pb2.DenseLayer(units=units)) for units in SMALL[1:]]
    spec = models.Model(name="m", network=network_pb2.NetworkSpec(input_features=SMALL[0], layers=layers),
                        optimizer=network_pb2.OptimizerSpec(learning_rate=1e-4))
    models_grpc.ModelServiceStub(channel).CreateModel(models.CreateModelRequest(model=spec))
    stub = networks_grpc.NetworkServiceStub(channel)
    x, y = batch(SMALL, 32)

    def step(count):
        for _ in range(count):
            request = networks.StepRequest(
                model="m", batch=tensor_pb2.Batch(inputs=to_tensor(x), targets=to_tensor(y)))
            stub.Step(request)

    return step


def empty_calls():
    """grpcio's own call, with as many bytes as a prediction of one row and nothing to read or write."""
    channel = grpc.insecure_channel(empty_server, options=LOOPBACK)
    call = channel.unary_unary("/descent.bench.EmptyService/Call")
    payload = b"\x0a\x48" + bytes(72) + b"\x10\x10"

    def calls(count):
        for _ in range(count):
            call(payload)

    return calls


def cpp_rate():
    """Of the C++ client, on the same server."""
    with tempfile.TemporaryDirectory() as directory:
        lines = subprocess.run([cpp, descentd, directory, "1", "train"], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.splitlines()
    [line] = [line for line in map(json.loads, lines) if line["name"].startswith("784")]
    return line["memory_per_s"]


def main():
    results = {}

    def note(name, ours, other):
        results.setdefault(name, []).append((ours, other))

    with descent.Client(descentd) as client:
        ours, empty = Ours(client), empty_calls()
        loop = None if torch_server == "-" else torch_loop()
        for _ in range(int(rounds)):
            note("train 784-512-256-10, 128 rows; C++ client", timed(ours.train_large, 600), cpp_rate())
            if loop is not None:
                note("train 13-64-1, 32 rows; grpcio loop around PyTorch",
                     timed(ours.train_small, 10_000), timed(loop, 400))
            note("predict one row; empty call of grpcio", timed(ours.predict, 2000), timed(empty, 2000))
            note("64 predictions at once: asyncio; 64 threads", asyncio.run(timed_in_flight(6400)),
                 timed(ours.predict_by_threads, 6400))
    for name, pairs in results.items():
        first, second = (statistics.median(values) for values in zip(*pairs))
        print(json.dumps({"name": name, "ours": round(first), "other": round(second)}), flush=True)


if __name__ == "__main__":
    main()
