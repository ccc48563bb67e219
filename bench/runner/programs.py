"""Builds the benchmarks' programs, runs them, and starts the servers that they measure."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build(directory, targets):
    if directory is None:
        directory = ROOT / "build/release"
        subprocess.run(
            ["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
    command = ["cmake", "--build", directory, "--target", *targets]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return pathlib.Path(directory) / "bin"


def json_lines(command, environment=()):
    command = list(map(str, command))
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, **dict(environment))).stdout
    return [json.loads(line) for line in output.splitlines()]


@dataclasses.dataclass(frozen=True)
class Server:
    address: str
    process: int  # its id


@contextlib.contextmanager
def serving(command, environment=()):
    """Starts a server, which prints where it listens; yields a Server."""
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, env=dict(os.environ, **dict(environment)),
    ) as process:
        try:
            ready = re.fullmatch(r"listening on (\S+)\n", process.stdout.readline())
            yield Server(ready.group(1), process.pid)
        finally:
            process.terminate()


def descentd(programs, *options):
    """Starts a descentd, in memory unless the options have a data directory."""
    where = [] if "--data-dir" in options else ["--in-memory"]
    return serving([programs / "descentd", "--listen", "127.0.0.1:0", *where, *options])
