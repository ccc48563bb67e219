"""How the example of each language is built and started."""

import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "client/examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = ("cpp", "go", "java", "ts", "rust")
BUILD_TIMEOUT = 900  # seconds; the first time packages are fetched

# Two processors at most, and of npm no questions to a registry whose answers nobody waits for.
_GENTLY = {"GOFLAGS": "-p=2", "CARGO_BUILD_JOBS": "2", "npm_config_audit": "false",
           "npm_config_fund": "false", "npm_config_prefer_offline": "true"}

# What the tools say where a registry can't be reached, which is no fault of the example.
_NO_REGISTRY = re.compile(
    r"no such host|i/o timeout|dial tcp|proxyconnect|EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED"
    r"|Could not resolve host|Couldn't resolve host|spurious network error|Unknown host"
    r"|Could not transfer artifact|connection broken by")


class Skip(Exception):
    """The language can't be tried here, and why."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """A program that says its version, of which this is the least."""

    command: tuple
    least: tuple

    def check(self):
        if shutil.which(self.command[0]) is None:
            raise Skip(f"there is no {self.command[0]}")
        said = subprocess.run(self.command, capture_output=True, text=True, timeout=60)
        found = re.search(r"(\d+)\.(\d+)", said.stdout + said.stderr)
        if found is None or tuple(map(int, found.groups())) < self.least:
            wanted = ".".join(map(str, self.least))
            raise Skip(f"{self.command[0]} is older than {wanted}: {said.stdout.strip()}")


def fetch(command, directory, **environment):
    """Runs a command that may fetch packages.

    Raises Skip where there is no registry, and CalledProcessError where it fails for another reason.
    """
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=BUILD_TIMEOUT,
                          env={**os.environ, **_GENTLY, **environment})
    if done.returncode != 0:
        if found := _NO_REGISTRY.search(done.stdout):
            raise Skip(f"its packages could not be fetched ({found.group(0)})")
        sys.stderr.write(done.stdout)
        done.check_returncode()


class Language:
    """The program of a language, built and started as its section of README.md says.

    That section's commands enter the example's directory, build it, and start the program.
    """

    def __init__(self, name, *tools):
        self.name = name
        self._tools = tools
        section = _section(name)
        enter, *self._builds, start = map(shlex.split, _blocks(section, "sh")[0])
        self._directory = ROOT / enter[1]
        self._start = start[:-1]  # the last is the server
        self.excerpts = _excerpts(section)

    def build(self):
        """Raises Skip where a tool or a registry is missing, and CalledProcessError where it fails."""
        for tool in self._tools:
            tool.check()
        for command in self._builds:
            fetch(command, self._directory)

    @property
    def command(self):
        """Starts the program, wherever that is done."""
        return [str(self._directory / part) if "/" in part else part for part in self._start]

    @property
    def model(self):
        """The name of the model that the program makes."""
        return f"{self.name}-example"

    def sources(self):
        return _sources(self._directory)


class Cpp:
    """The example with the client library, which the build of the server makes too."""

    name = "cpp"
    model = "cpp-example"
    command = []  # beside descentd: see ExampleLane

    def __init__(self):
        self.excerpts = _excerpts(_section("C++"))

    def build(self):
        _PROTOC.check()

    def sources(self):
        return _sources(EXAMPLES / "cpp")


class Reference:
    """What the examples do, in Python: the run that theirs are compared with."""

    name = "python"
    model = "python-example"
    command = [sys.executable, "-B", str(ROOT / "tests/interop/python_program.py")]

    def build(self):
        _PROTOC.check()


def _section(language):
    return re.search(rf"^### From {re.escape(language)}\n(.*?)^##", README, re.M | re.S | re.I).group(1)


def _excerpts(section):
    """The blocks of code in a section."""
    return [block for code in CODE for block in _blocks(section, code)]


def _sources(directory):
    """The stripped lines of each source in a directory."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
    for name in listed.stdout.splitlines():
        text = (directory / name).read_text(encoding="utf-8")
        yield [line.strip() for line in text.splitlines()]


def _blocks(section, code):
    """Each block of this code in a section, as its lines."""
    return [block.splitlines() for block in
            re.findall(rf"^```{code}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)]


_PROTOC = Tool(("protoc", "--version"), (3, 12))
REFERENCE = Reference()
LANGUAGES = (
    Cpp(),
    Language("go", Tool(("go", "version"), (1, 24)), _PROTOC),
    Language("java", Tool(("javac", "-version"), (17, 0)), Tool(("mvn", "--version"), (3, 6))),
    Language("node", Tool(("node", "--version"), (18, 3)), Tool(("npm", "--version"), (9, 0))),
    REFERENCE,
    Language("rust", Tool(("cargo", "--version"), (1, 88)), _PROTOC),
)
