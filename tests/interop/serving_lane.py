"""Clients of serving systems as they come from PyPI, against a server that has trained what they ask for: Triton's,
its perf_analyzer, and KServe's."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import grpc
import numpy as np

from breaking import LOOPBACK
from interop_test import CLEAN
from languages import EXAMPLES, ROOT, Skip, Tool, fetch
from live_server import TIMEOUT, LiveServer
from readme_test import blocks

PACKAGES = ROOT / "build/interop"
CLIENTS = pathlib.Path(__file__).with_name("serving_clients.py")
# The last release of Triton's client that had its perf_analyzer in it, and what that links.
PERF_ANALYZER = ("tritonclient==2.34.0", "nvidia-cuda-runtime-cu12")
MODELS = {"numbers": "DATA_TYPE_FLOAT32", "precise": "DATA_TYPE_FLOAT64"}

# Models with categorical inputs, and how many numbers they take beside them.
CATEGORICAL = {"shops": 2, "categories_alone": 0}


class ServingLane:
    """One package of PyPI, and the tests of serving_clients.py that are about it."""

    def __init__(self, name, requirement, clients, before=None):
        """`before`: the first version of Python for which PyPI lacks what the package needs."""
        self._before = before
        self.name = name
        self.directory = PACKAGES / name
        self._requirement = requirement
        self._clients = clients

    def build(self):
        Tool(("pip3", "--version"), (20, 3)).check()
        if self._before is not None and sys.version_info >= self._before:
            raise Skip(f"{self.name} has no packages for this Python")
        if not self.directory.exists():
            fetch([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(self.directory),
                   self._requirement], ROOT)

    def suite(self, descentd):
        suite = unittest.TestSuite()
        for client in self._clients:
            named = type(client, (ServingTest,), {
                "descentd": descentd, "client": client, "packages": self.directory})
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(named))
        if self.name == "tritonclient":
            named = type("PerfAnalyzer", (PerfAnalyzerTest,), {"descentd": descentd})
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(named))
            named = type("Readme", (ReadmeTest,), {"descentd": descentd, "packages": self.directory})
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(named))
        return suite


class ServedModels(unittest.TestCase):
    """A server with two models of three inputs and two outputs, each with a checkpoint that it has left behind."""

    descentd = None

    @classmethod
    def setUpClass(cls):
        stubs = cls.enterClassContext(tempfile.TemporaryDirectory())
        subprocess.run([EXAMPLES / "python/generate_stubs", stubs], check=True, timeout=TIMEOUT,
                       env={**CLEAN, "PYTHON": sys.executable})
        sys.path.append(stubs)
        cls.server = LiveServer(cls.descentd, options=("--http", "127.0.0.1:0"), errors=subprocess.DEVNULL)
        cls.enterClassContext(cls.server)
        cls.pages = cls.server.next_pages()
        with grpc.insecure_channel(cls.server.address, options=LOOPBACK) as channel:
            cls.models = {name: cls.trained(channel, name, kind) for name, kind in MODELS.items()}
            cls.categorical = {name: cls.trained_on_categories(channel, name, features)
                               for name, features in CATEGORICAL.items()}

    @classmethod
    def trained(cls, channel, name, kind):
        """What a client has to find: a model's datatype and step, and what it predicts."""
        from descent.v1 import model_service_pb2, model_service_pb2_grpc, network_service_pb2, network_service_pb2_grpc
        from google.protobuf import json_format

        models = model_service_pb2_grpc.ModelServiceStub(channel)
        networks = network_service_pb2_grpc.NetworkServiceStub(channel)
        models.CreateModel(json_format.ParseDict({"model": {
            "name": name,
            "network": {
                "input_features": 3, "data_type": kind, "seed": 1,
                "layers": [{"dense": {"units": 8, "activation": {"kind": "ACTIVATION_KIND_TANH"}}},
                           {"dense": {"units": 2}}],
                "loss": {"kind": "LOSS_KIND_MEAN_SQUARED_ERROR"}},
            "optimizer": {"learning_rate": 0.1, "sgd": {}}}}, model_service_pb2.CreateModelRequest()))
        inputs = [[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1]]

        def tensor(rows):
            values = [float(value) for row in rows for value in row]
            return {"data_type": "DATA_TYPE_FLOAT32", "shape": [len(rows), len(rows[0])],
                    "floats": {"values": values}}

        step = json_format.ParseDict({"model": name, "batch": {
            "inputs": tensor(inputs), "targets": tensor([row[:2] for row in inputs])}},
            network_service_pb2.StepRequest())
        for _ in range(3):
            networks.Step(step)
        models.CreateCheckpoint(model_service_pb2.CreateCheckpointRequest(model=name))
        predict = json_format.ParseDict({"model": name, "inputs": tensor(inputs)},
                                        network_service_pb2.PredictRequest())
        predict.inputs.raw = np.array(inputs, np.float32).tobytes()
        number = np.float32 if kind == "DATA_TYPE_FLOAT32" else np.float64

        def predictions():
            answer = networks.Predict(predict)
            return np.frombuffer(answer.outputs.raw, number).reshape(4, 2).tolist()

        before = predictions()
        for _ in range(4):
            networks.Step(step)
        return {"datatype": "FP32" if number is np.float32 else "FP64", "step": 7, "versions": ["3"],
                "inputs": inputs, "outputs": predictions(), "outputs_of_version": before}

    @classmethod
    def trained_on_categories(cls, channel, name, features):
        """What is sent to a model with categorical inputs, and what `Predict` makes of it."""
        from descent.v1 import model_service_pb2, model_service_pb2_grpc, network_service_pb2, network_service_pb2_grpc
        from google.protobuf import json_format

        models = model_service_pb2_grpc.ModelServiceStub(channel)
        networks = network_service_pb2_grpc.NetworkServiceStub(channel)
        models.CreateModel(json_format.ParseDict({"model": {
            "name": name,
            "network": {
                "input_features": features, "seed": 1,
                "categorical_inputs": [
                    {"name": "shop", "buckets": 50, "dimension": 3},
                    {"name": "country", "buckets": 1000, "dimension": 4, "hashing": "HASHING_XXH64"}],
                "layers": [{"dense": {"units": 8, "activation": {"kind": "ACTIVATION_KIND_TANH"}}},
                           {"dense": {"units": 2}}],
                "loss": {"kind": "LOSS_KIND_MEAN_SQUARED_ERROR"}},
            "optimizer": {"learning_rate": 0.1, "sgd": {}}}}, model_service_pb2.CreateModelRequest()))
        sent = {"numbers": [[0.5, -1], [2, 0.25], [1, 3]] if features else None, "shop": [0, 49, 7],
                "texts": ["CH", "", "Cura\u00e7ao"], "ids": [-1, (1 << 53) + 1, (1 << 63) - 1],
                "shops_padded": [[49, -1], [-1, -1], [0, 7]],
                "several_texts": [["CH", ""], ["", "Cura\u00e7ao"], ["FR", "CH"]]}

        def tensor(kind, shape, **contents):
            return {"data_type": f"DATA_TYPE_{kind}", "shape": shape, **contents}

        def ints(*values):
            return tensor("INT64", [len(values)], ints={"values": list(values)})

        def rows(countries, shops=None):
            categories = [{"name": "shop", **(shops or {"ids": ints(*sent["shop"])})},
                          {"name": "country", **countries}]
            if not features:
                return {"categories": categories}
            values = [float(value) for row in sent["numbers"] for value in row]
            return {"inputs": tensor("FLOAT32", [3, features], floats={"values": values}), "categories": categories}

        def predictions(of):
            request = json_format.ParseDict({"model": name, **of}, network_service_pb2.PredictRequest())
            answer = networks.Predict(request).outputs
            values = answer.floats.values if answer.HasField("floats") else np.frombuffer(answer.raw, np.float32)
            return np.array(values, np.float32).reshape(3, 2).tolist()

        of_texts = rows({"strings": {"values": sent["texts"]}})
        of_ids = rows({"ids": tensor("INT64", [3], ints={"values": sent["ids"]})})
        for of in (of_texts, of_ids, of_texts):
            targets = tensor("FLOAT32", [3, 2], floats={"values": [1, 2, 3, 4, 5, 6]})
            networks.Step(json_format.ParseDict({"model": name, "batch": {**of, "targets": targets}},
                                                network_service_pb2.StepRequest()))
        shops = {"ids": ints(49, 0, 7), "row_splits": ints(0, 1, 1, 3)}
        texts = [text for row in sent["several_texts"] for text in row]
        of_several = rows({"strings": {"values": texts}, "row_splits": ints(0, 2, 4, 6)}, shops)
        of_padded = rows({"strings": {"values": [text for text in texts if text]}, "row_splits": ints(0, 1, 2, 4)},
                         shops)
        return {**sent, "features": features, "outputs_of_texts": predictions(of_texts),
                "outputs_of_ids": predictions(of_ids), "outputs_of_several": predictions(of_several),
                "outputs_of_padded": predictions(of_padded)}


class ServingTest(ServedModels):
    client = packages = None

    def test_the_client_finds_and_predicts(self):
        facts = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "facts.json"
        facts.write_text(json.dumps({"grpc": self.server.address, "models": self.models, "categorical": self.categorical,
                                     "http": re.sub("^http://|/$", "", self.pages)}))
        done = subprocess.run(
            [sys.executable, "-B", CLIENTS, facts, self.client], timeout=TIMEOUT, text=True,
            env={**CLEAN, "PYTHONPATH": str(self.packages)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("Ran 0 tests", done.stdout)


class ReadmeTest(ServedModels):
    packages = None

    def test_the_lines_of_the_readme(self):
        (block,) = [block for block in blocks("python") if "tritonclient" in block]
        block = block.replace("127.0.0.1:50051", self.server.address).replace("xor", "numbers")
        block = block.replace("[[0, 1], [1, 1]]", repr(self.models["numbers"]["inputs"]))
        done = subprocess.run([sys.executable, "-B", "-c", block], timeout=TIMEOUT, text=True,
                              env={**CLEAN, "PYTHONPATH": str(self.packages)}, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        shown = [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", done.stdout)]
        np.testing.assert_allclose(shown, np.ravel(self.models["numbers"]["outputs"]), rtol=1e-5)


class PerfAnalyzerTest(ServedModels):
    directory = PACKAGES / "perf_analyzer"

    def program(self):
        """The program, and the variables that it needs to start."""
        if not self.directory.exists():
            fetch([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--platform", "manylinux1_x86_64", "--platform", "manylinux2014_x86_64",
                   "--dest", str(self.directory), *PERF_ANALYZER], ROOT)
        for wheel in self.directory.glob("*.whl"):
            with zipfile.ZipFile(wheel) as packed:
                for name in packed.namelist():
                    if pathlib.Path(name).name in ("perf_analyzer", "libcudart.so.12"):
                        (self.directory / pathlib.Path(name).name).write_bytes(packed.read(name))
        program = self.directory / "perf_analyzer"
        program.chmod(0o755)
        variables = {**CLEAN, "LD_LIBRARY_PATH": str(self.directory)}
        missing = re.findall(r"(\S+) => not found", subprocess.run(
            ["ldd", program], env=variables, capture_output=True, text=True).stdout)
        if missing:
            self.skipTest(f"perf_analyzer wants {missing}; Debian's libb64-0d has one of them")
        return program, variables

    def test_it_measures(self):
        if os.uname().machine != "x86_64" or shutil.which("ldd") is None:
            self.skipTest("perf_analyzer is a program for x86-64")
        program, variables = self.program()
        done = subprocess.run(
            [program, "-m", "numbers", "-u", self.server.address, "-i", "grpc", "--shape", "inputs:4,3",
             "-p", "500", "-s", "999", "--concurrency-range", "2"],
            env=variables, timeout=TIMEOUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"Concurrency: 2, throughput: [1-9]")


SERVING = (ServingLane("tritonclient", "tritonclient[grpc,http]", ("TritonGrpc", "TritonHttp")),
           ServingLane("kserve", "kserve", ("KServeGrpc", "KServeHttp"), before=(3, 14)))
