"""The peers that there are on this machine: Debian's PyTorch, and what bench/peers/setup made."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import subprocess
import tempfile

from runner.programs import ROOT, json_lines, serving

DEBIAN = pathlib.Path("/usr/bin/python3")
CURRENT = ROOT / "build/peers/bin/python"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A library whose training step is measured."""

    name: str
    python: pathlib.Path
    library: str  # bench/peers has a script for its step

    @functools.cached_property
    def installed(self):
        if not self.python.exists():
            return False
        command = [self.python, "-c", f"import {self.library}"]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

    def steps(self, threads, rounds):
        script = ROOT / f"bench/peers/{self.library}_step.py"
        return json_lines([self.python, script, rounds, threads])

    def tables(self, rounds):
        """PyTorch's alone."""
        return json_lines([self.python, ROOT / "bench/peers/torch_tables.py", rounds])


DEBIAN_TORCH = Peer("PyTorch", DEBIAN, "torch")
CURRENT_PEERS = [Peer("PyTorch", CURRENT, "torch"), Peer("JAX", CURRENT, "jax")]


SERVING = ROOT / "build/peers-serving/bin/python"


@contextlib.contextmanager
def onnx_server(kind):
    """A Python server of the Open Inference Protocol around onnxruntime, on "threads" or "asyncio"; yields its
    address, or - where bench/peers/setup has not been.
    """
    if not SERVING.exists():
        yield "-"
        return
    with tempfile.TemporaryDirectory(prefix="descent-bench-") as stubs:
        subprocess.run([SERVING, "-m", "grpc_tools.protoc", "-I", ROOT / "proto", f"--python_out={stubs}",
                        f"--grpc_python_out={stubs}", "inference/open_inference.proto"], check=True)
        script = ROOT / "bench/peers/onnx_server.py"
        with serving([SERVING, script, stubs, kind], {"OMP_NUM_THREADS": "1"}) as server:
            yield server.address


@contextlib.contextmanager
def torch_server():
    """A Python server around PyTorch; yields its address, or - without PyTorch."""
    if not DEBIAN_TORCH.installed:
        yield "-"
        return
    with tempfile.TemporaryDirectory(prefix="descent-bench-") as stubs:
        generate = ROOT / "client/examples/python/generate_stubs"
        subprocess.run([generate, stubs], check=True, env=dict(os.environ, PYTHON=str(DEBIAN)))
        script = ROOT / "bench/peers/torch_server.py"
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with serving([DEBIAN, script, stubs], threads) as server:
            yield server.address
