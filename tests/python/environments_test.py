"""The two wheels in empty environments, of the oldest Python that there is and of the newest, with what PyPI has today.

    environments_test.py DESCENTD

Skipped where PyPI can't be reached. Other Pythons than those on the PATH are looked for where pyenv has them.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import package

TESTS = pathlib.Path(__file__).parent
OLDEST = (3, 9)
TESTS_OF = {
    "oldest": ("arrays", "categories", "session", "training", "embeddings", "aio", "server"),
    "newest": ("arrays", "categories", "session", "specs", "client", "training", "embeddings", "aio", "secure", "server", "frames",
               "sklearn", "readme", "notebook"),
}
MORE = ("scikit-learn", "pandas", "polars", "tqdm", "mypy", "nbclient", "ipykernel", "matplotlib")
EIGHT_LINES = """\
import descent
import numpy as np
x = np.random.default_rng(0).random((2000, 3), dtype=np.float32)
with descent.Server() as server, descent.Client(server.target) as client:
    network = descent.Network(3, [descent.Dense(32, "relu"), descent.Dense(1)])
    model = client.create("sum", network, descent.Adam(1e-2))
    model.train((x[i : i + 20], x[i : i + 20].sum(1)) for _ in range(10) for i in range(0, 2000, 20))
    print(float(model.predict([[0.1, 0.2, 0.3]])[0, 0]))
"""


def pythons():
    """Those that run here, by version."""
    found = {}
    on_path = (pathlib.Path(directory) for directory in os.environ["PATH"].split(os.pathsep))
    places = [*on_path, *sorted(pathlib.Path.home().glob(".pyenv/versions/*/bin"))]
    for path in (path for place in places for path in place.glob("python3.[0-9]*")):
        if not re.fullmatch(r"python3\.[0-9]+", path.name):
            continue
        asked = subprocess.run([path, "-c", "import sys, venv; print(*sys.version_info[:2])"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if asked.returncode == 0:
            version = tuple(map(int, asked.stdout.split()))
            if version >= OLDEST:
                found.setdefault(version, path)
    return found


class Environment:
    """An environment without packages."""

    def __init__(self, python, directory):
        subprocess.run([python, "-m", "venv", directory], check=True)
        self.python = pathlib.Path(directory) / "bin/python"
        # Nothing of this process: not the copy of the package either.
        kept = ("PATH", "HOME", "DESCENTD")
        self.variables = {name: value for name, value in os.environ.items()
                          if name in kept or name.startswith(("PIP_", "SSL_"))}

    def install(self, *packages):
        return subprocess.run(
            [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            env=self.variables, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, **variables):
        return subprocess.run(
            [self.python, "-B", *arguments], env={**self.variables, **variables}, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)


class EnvironmentsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        build = pathlib.Path(package.descentd).parents[1]
        subprocess.run([package.ROOT / "scripts/wheel", "--programs", build, "--output", cls.directory],
                       check=True, stdout=subprocess.DEVNULL)
        cls.client, cls.server = sorted(pathlib.Path(cls.directory).glob("*.whl"))
        found = pythons()
        cls.pythons = {"oldest": found[min(found)], "newest": found[max(found)]}

    def environment(self, which, *packages):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        environment = Environment(self.pythons[which], directory)
        installed = environment.install("grpcio", "protobuf", "numpy", *packages)
        if installed.returncode != 0:
            self.skipTest(f"PyPI has no packages for us: {installed.stderr}")
        return environment

    def passes(self, result):
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_two_wheels_and_eight_lines_train_and_predict(self):
        for which in self.pythons:
            with self.subTest(which):
                environment = self.environment(which)
                for wheel in (self.client, self.server):
                    installed = environment.install(wheel)
                    self.assertEqual(installed.returncode, 0, installed.stderr)
                del environment.variables["DESCENTD"]
                # Debian's libraries are not to be found by chance: the wheel has its own.
                loaded = self.passes(environment.run("-c", (
                    "import descent_server, subprocess\n"
                    "print(subprocess.run(['ldd', descent_server.program('descentd')],\n"
                    "                     stdout=subprocess.PIPE, text=True).stdout)")))
                for name in ("libgrpc.so", "libstdc++", "libcrypto", "libdescent_core", "libabsl_base"):
                    self.assertRegex(loaded, rf"{re.escape(name)}\S* => \S*descent_server/")
                answer = self.passes(environment.run("-c", EIGHT_LINES))
                self.assertAlmostEqual(float(answer), 0.6, delta=0.1)
                version = self.passes(subprocess.run(
                    [environment.python.parent / "descent", "--version"], stdout=subprocess.PIPE, text=True))
                self.assertIn("0.1.0", version)

    def test_types_and_all_tests_pass_with_current_packages(self):
        for which in self.pythons:
            more = MORE if which == "newest" else ()
            environment = self.environment(which, *more)
            if which == "newest":
                with self.subTest(which, test="types"):
                    self.check_types(environment)
            for test in TESTS_OF[which]:
                with self.subTest(which, test=test):
                    result = environment.run(TESTS / f"{test}_test.py", package.descentd)
                    print(which, test, result.stdout.splitlines()[-1:], file=sys.stderr)
                    self.passes(result)

    def check_types(self, environment):
        checked = environment.run(
            "-m", "mypy", "--config-file", package.SOURCES / "pyproject.toml", "--cache-dir", "/dev/null",
            package.SOURCES / "src/descent", TESTS / "usage_sample.py",
            MYPYPATH=str(package.SOURCES / "src"))
        self.passes(checked)
        installed = environment.install("--no-deps", self.client)
        self.assertEqual(installed.returncode, 0, installed.stderr)
        self.passes(environment.run("-m", "mypy", "--strict", "--cache-dir", "/dev/null",
                                    TESTS / "usage_sample.py"))


if __name__ == "__main__":
    package.main()
