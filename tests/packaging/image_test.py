"""What docker/Dockerfile leans on, without an engine: what is built from is let into the build, and the
libraries that the programs want are installed. docker/smoke-test builds and runs the image itself.

    image_test.py CMAKE PROGRAM_OR_LIBRARY...
"""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
# What every Debian has.
BASE = {"libc6", "libgcc-s1", "libstdc++6"}


def ignored(path, patterns):
    """Whether .dockerignore keeps a path out: the last pattern that fits it or a parent says."""
    parts = path.split("/")
    prefixes = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
    out = False
    for pattern in patterns:
        keeps = pattern.startswith("!")
        pattern = pattern.lstrip("!")
        if any(fnmatch.fnmatchcase(prefix, pattern) if "/" in pattern or "*" not in pattern
               else fnmatch.fnmatchcase(prefix.split("/")[0], pattern) for prefix in prefixes):
            out = not keeps
    return out


def let_in(root, patterns):
    files = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others",
                            "--exclude-standard"], check=True, stdout=subprocess.PIPE, text=True)
    return [path for path in files.stdout.splitlines()
            if not ignored(path, patterns) and (root / path).exists()]


class ContextTest(unittest.TestCase):
    patterns = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
                if line and not line.startswith("#")]

    def configure(self, patterns):
        """Configures as the Dockerfile does, with what comes into its build and no more."""
        source = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for path in let_in(ROOT, patterns):
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, source / path)
        return subprocess.run(
            [cmake, "-S", source, "-B", source / "build", "-G", "Ninja", "-D",
             "DESCENT_BUILD_TESTS=OFF", "-D", "DESCENT_BUILD_BENCHMARKS=OFF"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)

    @unittest.skipUnless((ROOT / ".git").exists(), "not a checkout")
    def test_what_is_built_from_is_let_in(self):
        done = self.configure(self.patterns)
        self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless((ROOT / ".git").exists(), "not a checkout")
    def test_what_is_not_let_in_is_noticed(self):
        done = self.configure([line for line in self.patterns if line != "!clock"])
        self.assertIn('"clock" which is not an existing directory', done.stdout)

    def test_patterns(self):
        self.assertTrue(ignored("docs/api.md", self.patterns))
        self.assertTrue(ignored("client/examples/python/example.py", self.patterns))
        self.assertFalse(ignored("client/examples/cpp/example.cc", self.patterns))
        self.assertFalse(ignored("scripts/setup", self.patterns))
        self.assertTrue(ignored("scripts/build", self.patterns))


def needed(file):
    """The libraries that a file names itself, by their paths."""
    names = re.findall(r"NEEDED +(\S+)", subprocess.run(
        ["objdump", "-p", file], check=True, stdout=subprocess.PIPE, text=True).stdout)
    paths = dict(re.findall(r"^\s*(\S+) => (\S+)", subprocess.run(
        ["ldd", file], check=True, stdout=subprocess.PIPE, text=True).stdout, re.M))
    return {os.path.realpath(paths[name]) for name in names
            if name in paths and "descent" not in name}


def wanted(files):
    """The packages whose libraries the files name themselves."""
    paths = {path for file in files for path in needed(file)}
    # Packages may say /lib for /usr/lib.
    candidates = paths | {path.removeprefix("/usr") for path in paths}
    found = subprocess.run(["dpkg-query", "--search", *sorted(candidates)], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {line.split(":")[0] for line in found.splitlines()}


def brought(packages):
    """These packages and what they depend on."""
    known = set()
    left = set(packages)
    while left:
        known |= left
        found = subprocess.run(["dpkg-query", "--show", "--showformat=${Depends},", *sorted(left)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        left = {re.split(r"[ :(|]", one.strip())[0] for one in found.stdout.split(",")}
        left -= known | {""}
    return known


@unittest.skipUnless("VERSION_CODENAME=bookworm" in pathlib.Path("/etc/os-release").read_text(),
                     "the image is of Debian 12")
class LibrariesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wanted = wanted(files)

    def installed(self):
        last = DOCKERFILE.rsplit("\nFROM ", 1)[1]
        lines = re.search(r"--no-install-recommends(.*?)&&", last, re.S).group(1)
        return set(lines.replace("\\", " ").split())

    def test_the_libraries_that_the_programs_want_are_installed(self):
        self.assertIn("libgrpc++1.51", self.wanted)
        self.assertEqual(self.wanted - brought(self.installed()) - BASE, set(),
                         "docker/Dockerfile installs them not")

    def test_one_that_is_not_is_noticed(self):
        self.assertIn("libsqlite3-0", self.wanted - brought(self.installed() - {"libsqlite3-0"}))

    def test_nothing_is_installed_that_no_program_wants(self):
        self.assertEqual(self.installed() - self.wanted, set())


if __name__ == "__main__":
    cmake = sys.argv[1]
    files = sys.argv[2:]
    unittest.main(argv=sys.argv[:1])
