"""The examples of client/examples/split, and the Python package for them. Import this before `descent`."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "client/examples/split"
sys.path += [str(ROOT / "tests/python"), str(EXAMPLES)]

import package
from live_server import TIMEOUT, LiveServer


def server():
    return LiveServer(package.descentd, errors=subprocess.DEVNULL)


def run(command, *addresses):
    """What the program prints."""
    if str(command).endswith(".py"):
        command = (sys.executable, "-B", EXAMPLES / command)
    else:
        command = (command,)
    done = subprocess.run([*map(str, command), *addresses], timeout=TIMEOUT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
