"""The peer that there may be on this machine: Debian's PyTorch."""

import contextlib
import functools
import os
import pathlib
import subprocess
import tempfile

from runner.programs import ROOT, json_lines, serving

DEBIAN = pathlib.Path("/usr/bin/python3")


@functools.cache
def has_torch():
    command = [DEBIAN, "-c", "import torch"]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def threads_of_torch(threads):
    return {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}


def torch_steps(threads, rounds):
    script = ROOT / "bench/peers/torch_step.py"
    return json_lines([DEBIAN, script, rounds], threads_of_torch(threads))


@contextlib.contextmanager
def torch_server():
    """A Python server around PyTorch; yields its address, or - without PyTorch."""
    if not has_torch():
        yield "-"
        return
    with tempfile.TemporaryDirectory(prefix="descent-bench-") as stubs:
        generate = ROOT / "client/examples/python/generate_stubs"
        subprocess.run([generate, stubs], check=True, env=dict(os.environ, PYTHON=str(DEBIAN)))
        script = ROOT / "bench/peers/torch_server.py"
        with serving([DEBIAN, script, stubs], threads_of_torch(1)) as address:
            yield address
