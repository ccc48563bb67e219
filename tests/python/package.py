"""The Python package as the tests use it: a copy of the sources with the wire contract compiled.

Import this before `descent`. Tests are scripts that end with `package.main()` and are started with the path of a
descentd as their first argument.
"""

import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "client/python"

# Nothing of the machine that runs the tests has a say in how servers are reached.
for name in list(os.environ):
    if "proxy" in name.lower() or name.startswith("DESCENT_"):
        del os.environ[name]

# Before Python 3.10 a process is started by a fork, whose new process gRPC's handlers may abort while calls are made. The tests
# start servers all the time; one has these handlers at work (server_test.py).
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

descentd = os.path.abspath(sys.argv.pop(1))
os.environ["DESCENTD"] = descentd
sys.path += [str(ROOT / "tests/e2e")]

if not hasattr(unittest.TestCase, "enterContext"):  # before Python 3.11

    def enter_context(self, manager):
        value = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return value

    def enter_class_context(cls, manager):
        value = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)
        return value

    unittest.TestCase.enterContext = enter_context
    unittest.TestCase.enterClassContext = classmethod(enter_class_context)


def stage(directory):
    """Puts the package into a directory."""
    copy = pathlib.Path(directory) / "descent"
    shutil.copytree(SOURCES / "src/descent", copy, ignore=shutil.ignore_patterns("*.pyc", "*.binpb"))
    subprocess.run([sys.executable, SOURCES / "generate_contract", copy / "contract.binpb"], check=True)


# The copy of a process that started this one will do.
staged = os.environ.get("STAGED_PACKAGE")
if staged is None:
    staged = os.environ["STAGED_PACKAGE"] = tempfile.mkdtemp(prefix="descent-python-")
    atexit.register(shutil.rmtree, staged)
    stage(staged)
sys.path.insert(0, staged)
os.environ["PYTHONPATH"] = staged


def main():
    unittest.main()
