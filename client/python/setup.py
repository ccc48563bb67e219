"""What pyproject.toml can't say: the wire contract is compiled when the package is built."""

import pathlib
import subprocess
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent


class BuildWithContract(build_py):
    def run(self):
        super().run()
        contract = pathlib.Path(self.build_lib) / "descent/contract.binpb"
        subprocess.run([sys.executable, HERE / "generate_contract", contract], check=True)


setup(cmdclass={"build_py": BuildWithContract})
