"""A project of somebody else finds the installed client library, builds with it and runs.

    library_test.py CMAKE BUILD_DIRECTORY COMPILER DESCENTD
"""

import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from live_server import TIMEOUT, LiveServer  # noqa: E402

VERSION = re.search(r"project\(Descent VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


class LibraryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        cls.prefix = cls.directory / "prefix"
        subprocess.run([cmake, "--install", build, "--component", "development", "--prefix",
                        cls.prefix], check=True, stdout=subprocess.DEVNULL)

    def configure(self, version):
        project = self.directory / f"outside-{version}"
        project.mkdir()
        text = (ROOT / "tests" / "packaging" / "outside" / "CMakeLists.txt").read_text()
        (project / "CMakeLists.txt").write_text(text.replace("@DESCENT_VERSION@", version))
        shutil.copy(ROOT / "client" / "examples" / "cpp" / "example.cc", project)
        done = subprocess.run(
            [cmake, "-S", project, "-B", project / "build", "-G", "Ninja", "-D",
             f"CMAKE_PREFIX_PATH={self.prefix}", "-D", f"CMAKE_CXX_COMPILER={compiler}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT)
        return project / "build", done

    def test_a_project_builds_and_runs(self):
        directory, done = self.configure(VERSION)
        self.assertEqual(done.returncode, 0, done.stdout)
        done = subprocess.run([cmake, "--build", directory], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout)
        with LiveServer(descentd) as server:
            output = subprocess.run([directory / "outside", server.address], check=True, text=True,
                                    timeout=TIMEOUT, stdout=subprocess.PIPE).stdout
        self.assertIn("created cpp-example", output)

    def test_another_version_is_not_taken(self):
        for version in ("0.0.9", "0.99.0", "1.0.0"):
            _, done = self.configure(version)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("compatible with requested version", done.stdout)

    def test_the_package_has_all_of_it(self):
        """What no package takes ends the packages' build."""
        text = (ROOT / "debian" / "libdescent-dev.install").read_text()
        patterns = [line.replace("usr/lib/*/", "usr/lib/") for line in text.splitlines()]
        for path in self.prefix.rglob("*"):
            name = "usr/" + str(path.relative_to(self.prefix))
            taken = any(fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern + "/")
                        for pattern in patterns)
            self.assertTrue(taken or path.is_dir(), name)

    def test_nothing_of_the_tree_is_told(self):
        for path in self.prefix.rglob("*.cmake"):
            self.assertNotIn(str(ROOT), path.read_text(), path)


if __name__ == "__main__":
    cmake, build, compiler, descentd = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1])
