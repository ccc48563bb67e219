"""The programs of Descent: descentd, the server, and descent, its command line."""

import os
import pathlib
import sys

from ._version import __version__

__all__ = ["__version__", "program"]


def program(name: str) -> pathlib.Path:
    """The path of "descentd" or "descent". FileNotFoundError if this package was made without it."""
    path = pathlib.Path(__file__).parent / "bin" / name
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the package was made without it")
    return path


def run_descentd() -> None:
    """Becomes descentd, with the arguments of this process."""
    _become("descentd")


def run_descent() -> None:
    """Becomes descent, with the arguments of this process."""
    _become("descent")


def _become(name: str) -> None:
    path = program(name)
    os.execv(path, [name, *sys.argv[1:]])
