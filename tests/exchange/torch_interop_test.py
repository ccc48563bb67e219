"""safetensors files both ways with the library that others use, and PyTorch.

    torch_interop_test.py DESCENTD

Needs torch (Debian's python3-torch) and safetensors, for which an environment is made where it is not. Skipped where
there is no torch, or PyPI can't be reached.
"""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")
IS_PREPARED = all(importlib.util.find_spec(name) for name in ("torch", "safetensors", "numpy", "grpc"))

if IS_PREPARED:
    sys.path.insert(0, str(HERE.parent / "python"))
    import package
    import descent
    import numpy as np
    import safetensors
    import safetensors.numpy
    import safetensors.torch
    import torch
    from live_server import LiveServer
    from torch import nn


def readme_lines():
    """The lines by which README loads an export into PyTorch."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if "load_state_dict" in block)


class TorchTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        self.client = self.enterContext(descent.Client(self.server.address))
        self.path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "housing.safetensors"
        self.x = np.random.default_rng(0).random((20, 5), dtype=np.float32)
        self.y = self.x.sum(axis=1, keepdims=True)
        torch.manual_seed(0)

    def trained(self, name, network, optimizer="adam"):
        model = self.client.create(name, network, optimizer)
        x, y = self.x.astype(network.dtype), self.y.astype(network.dtype)
        model.train((x, y) for _ in range(10))
        return model

    def torch_answer(self, model):
        model.eval()
        with torch.no_grad():
            return model(torch.from_numpy(self.x).to(model[0].weight.dtype)).numpy()

    def test_load_state_dict_takes_an_export_by_the_lines_of_the_readme(self):
        self.assertLessEqual(len(readme_lines().splitlines()), 3)
        for dtype, kind, tolerance in (("float32", torch.float32, 1e-6), ("float64", torch.float64, 1e-12)):
            layers = [descent.Dense(16, "relu"), descent.Dense(8, "tanh"), descent.Dense(1)]
            exported = self.trained(f"housing-{dtype}", descent.Network(5, layers, dtype=dtype))
            for include_optimizer in (False, True):
                exported.export(self.path, include_optimizer=include_optimizer)
                model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(),
                                      nn.Linear(8, 1)).to(kind)
                lines = readme_lines().replace('"housing.safetensors"', repr(str(self.path)))
                exec(lines, {"safetensors": safetensors, "re": re, "model": model})
                np.testing.assert_allclose(self.torch_answer(model), exported.predict(self.x.astype(dtype)),
                                           rtol=tolerance, atol=tolerance)

    def test_the_file_of_a_sequential_comes_in_with_a_spec(self):
        model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.1), nn.LayerNorm(16), nn.Linear(16, 12), nn.ReLU(),
                              nn.Linear(12, 8, bias=False), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
        network = descent.Network(5, [
            descent.Dense(16, "relu"), descent.Dropout(0.1), descent.LayerNorm(), descent.Dense(12, "relu"),
            descent.Dense(8, "relu", omit_bias=True), descent.Dense(8, "relu"), descent.Dense(1)])
        safetensors.torch.save_file(model.state_dict(), self.path)
        imported = self.client.import_model(self.path, "imported", network, "adam")
        np.testing.assert_array_equal(imported.parameters()["layers.0.kernel"], model[0].weight.detach().numpy().T)
        np.testing.assert_allclose(imported.predict(self.x), self.torch_answer(model), rtol=1e-5, atol=1e-6)
        # More than ten modules: "10" comes after "4" in the order of numbers alone.
        np.testing.assert_array_equal(imported.parameters()["layers.6.bias"], model[10].bias.detach().numpy())
        self.assertEqual(imported.step(self.x, self.y).step, 1)
        with self.assertRaisesRegex(ValueError, "network"):
            self.client.import_model(self.path, "none", optimizer="adam")
        with self.assertRaisesRegex(ValueError, "layers with parameters"):
            self.client.import_model(self.path, "none", descent.Network(5, [descent.Dense(1)]), "adam")

    def test_tables_come_in_and_go_out_as_they_are(self):
        class Tables(nn.Module):
            def __init__(self):
                super().__init__()
                self.user, self.item = nn.Embedding(7, 4), nn.EmbeddingBag(5, 2, mode="mean")
                self.net = nn.Sequential(nn.Linear(11, 8), nn.ReLU(), nn.Linear(8, 1))

            def forward(self, x, user, item):
                return self.net(torch.cat([x, self.user(user), self.item(item[:, None])], 1))

        network = descent.Network(5, [descent.Dense(8, "relu"), descent.Dense(1)],
                                  categorical=[descent.Categorical("user", 7, 4), descent.Categorical("item", 5, 2, combiner="mean")])
        ids = {"user": np.arange(20) % 7, "item": np.arange(20) % 5}

        def answer(model):
            with torch.no_grad():
                return model(torch.from_numpy(self.x), *map(torch.from_numpy, ids.values())).numpy()

        model = Tables()
        safetensors.torch.save_file(model.state_dict(), self.path)
        imported = self.client.import_model(self.path, "tables", network, "adam")
        np.testing.assert_array_equal(imported.parameters()["embeddings.user"], model.user.weight.detach().numpy())
        np.testing.assert_allclose(imported.predict(self.x, categories=ids), answer(model), rtol=1e-5, atol=1e-6)
        imported.step(self.x, self.y, categories=ids)
        imported.export(self.path, include_optimizer=True)
        copy = self.client.import_model(self.path, "tables-copy")
        self.assertEqual(copy.state_hash, imported.state_hash)
        # The lines of the readme for the layers, and beside them the tables.
        again = Tables()
        lines = readme_lines().replace('"housing.safetensors"', repr(str(self.path)))
        exec(lines, {"safetensors": safetensors, "re": re, "model": again.net})
        for name, tensor in safetensors.torch.load_file(self.path).items():
            if name.startswith("embeddings."):
                getattr(again, name.removeprefix("embeddings.")).load_state_dict({"weight": tensor})
        self.assertGreater(np.abs(answer(again) - answer(model)).max(), 1e-5)
        np.testing.assert_allclose(copy.predict(self.x, categories=ids), answer(again), rtol=1e-5, atol=1e-6)

    def test_narrow_types_are_widened_and_wide_ones_not_rounded(self):
        model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
        layers = [descent.Dense(4, "tanh"), descent.Dense(1)]
        for number, kind in enumerate((torch.float16, torch.bfloat16, torch.float32, torch.float64)):
            tensors = {name: tensor.to(kind) for name, tensor in model.state_dict().items()}
            safetensors.torch.save_file(tensors, self.path)
            for dtype in ("float32", "float64"):
                network = descent.Network(5, layers, dtype=dtype)
                if kind == torch.float64 and dtype == "float32":
                    with self.assertRaisesRegex(ValueError, "rounded"):
                        self.client.import_model(self.path, "rounded", network, "sgd")
                    continue
                imported = self.client.import_model(self.path, f"m{number}-{dtype}", network, "sgd")
                np.testing.assert_array_equal(imported.parameters()["layers.0.kernel"],
                                              tensors["0.weight"].to(torch.float64).numpy().T.astype(dtype))

    def test_the_library_reads_all_of_an_export_and_writes_it_again(self):
        normalized = descent.Network(5, [descent.Dense(8), descent.Residual([descent.LayerNorm(), descent.Dense(8, "gelu")]),
                                         descent.Dense(1)], input_normalization=True)
        model = self.trained("house", normalized, descent.Nadam(1e-3))
        model.export(self.path, include_optimizer=True)
        with safetensors.safe_open(str(self.path), "np") as file:
            metadata = file.metadata()
            names = set(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
        self.assertEqual(int(metadata["descent.state_hash"], 16), model.state_hash)
        self.assertEqual(metadata["descent.step"], "10")
        for name, value in model.parameters().items():
            np.testing.assert_array_equal(tensors[name], value)
            self.assertEqual(tensors[f"optimizer.exp_avg.{name}"].shape, value.shape)
        self.assertEqual((int(tensors["inputs.rows"]), tensors["inputs.mean"].shape), (200, (5,)))
        # Whatever order the library writes them in.
        again = self.path.with_name("again.safetensors")
        safetensors.numpy.save_file(tensors, again, metadata)
        copy = self.client.import_model(again, "copy")
        self.assertEqual(copy.state_hash, model.state_hash)
        copy.export(again, include_optimizer=True)
        self.assertEqual(again.read_bytes(), self.path.read_bytes())


def run_in_environment():
    """This script where it has what it needs."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", directory], check=True)
        python = pathlib.Path(directory) / "bin/python"
        if subprocess.run([python, "-c", "import torch, grpc, numpy"], stderr=subprocess.DEVNULL).returncode != 0:
            print("skipped: there is no torch or grpcio")
            return 0
        installed = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                                    "safetensors"], stderr=subprocess.PIPE, text=True)
        if installed.returncode != 0:
            print(f"skipped: PyPI has no safetensors for us: {installed.stderr}")
            return 0
        return subprocess.run([python, "-B", __file__, *sys.argv[1:]], env={**os.environ, "IN_ENVIRONMENT": "1"}).returncode


if __name__ == "__main__":
    if IS_PREPARED:
        package.main()
    elif "IN_ENVIRONMENT" in os.environ:
        sys.exit("the environment has not what it was made for")
    else:
        sys.exit(run_in_environment())
