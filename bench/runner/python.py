"""The Python package beside the C++ client, grpcio's own calls and a loop around PyTorch."""

import contextlib
import os
import subprocess
import tempfile

from runner.peers import DEBIAN, torch_server
from runner.programs import ROOT, descentd, json_lines, serving
from runner.tables import print_table, ratio

TARGETS = ["durability_bench", "empty_server", "descentd"]


def run(programs, quick):
    print_python(measure(programs, 2 if quick else 7))


@contextlib.contextmanager
def staged():
    """Directories with the package, and with stubs."""
    with tempfile.TemporaryDirectory(prefix="descent-bench-") as directory:
        package = f"{directory}/package"
        subprocess.run(["cp", "-r", ROOT / "client/python/src", package], check=True)
        subprocess.run([DEBIAN, ROOT / "client/python/generate_contract",
                        f"{package}/descent/contract.binpb"], check=True)
        stubs = f"{directory}/stubs"
        subprocess.run([ROOT / "client/examples/python/generate_stubs", stubs], check=True,
                       env=dict(os.environ, PYTHON=str(DEBIAN)))
        yield package, stubs


def measure(programs, rounds):
    with staged() as (package, stubs), descentd(programs) as ours:
        with serving([programs / "empty_server"]) as empty, torch_server() as torch:
            return json_lines([DEBIAN, ROOT / "bench/peers/python_client.py", package, stubs, ours.address,
                               empty.address, torch, programs / "durability_bench", rounds])


def print_python(lines):
    print("\nPython: a second, through the package descent and through what stands after the semicolon\n")
    print_table(["", "ours", "other", "ours/other"], [
        [line["name"], f"{line['ours']:,}", f"{line['other']:,}", ratio(line["ours"], line["other"])]
        for line in lines
    ])
