"""A data directory that another machine has written, or an older version: what is compared by hash on this one.

    machines_test.py DESCENTD DESCENT

Another machine is this one with fewer instructions: the dynamic linker loads another build of the engine.
"""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from live_server import TIMEOUT, LiveServer

# More updates than lie between two hashes of a journal.
TRAIN = ("train", "model", "--generate", "friedman1", "--rows", "6000", "--batch", "4", "--layers", "8,4",
         "--epochs", "2")
OTHERS = {"x86-64": "glibc.cpu.hwcaps=-AVX2", "x86-64-v3": "glibc.cpu.hwcaps=-AVX512F"}
VERSION_1 = pathlib.Path(__file__).parent.parent / "store/data/version_1.sql"


def instruction_set(environment=None):
    text = subprocess.run([descentd_program, "--version"], env=environment, timeout=TIMEOUT,
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.search(r"running on ([\w-]+)", text).group(1)


def other_machines():
    """{instruction set: environment} of those that this machine can be, but is not."""
    environments = {name: {**os.environ, "GLIBC_TUNABLES": tunable} for name, tunable in OTHERS.items()}
    here = instruction_set()
    return {name: environment for name, environment in environments.items()
            if name != here and instruction_set(environment) == name}


def descent(server, *arguments):
    text = subprocess.run([descent_program, "--server", server.address, "--json", *arguments], timeout=TIMEOUT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def verify(directory, *options):
    done = subprocess.run([descentd_program, "verify", directory, *options], timeout=TIMEOUT,
                          stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


class MachinesTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())

    def test_what_another_instruction_set_wrote_is_compared_by_hash(self):
        others = other_machines()
        if not others:
            self.skipTest("this machine can be no other")
        for name, environment in others.items():
            with self.subTest(written_by=name):
                data_dir = f"{self.directory}/{name}"
                server = LiveServer(descentd_program, data_dir, environment=environment)
                server.start()
                self.addCleanup(server.kill)
                descent(server, *TRAIN)
                (written,) = descent(server, "get", "model")
                server.kill()

                code, text = verify(data_dir, "--json")
                self.assertEqual(code, 0, text)
                model = json.loads(text.splitlines()[0])
                self.assertEqual(model["step"], 3000)
                self.assertGreaterEqual(model["compared_hashes"], 2)
                self.assertEqual(model["updates_of_other_engines"], 0)
                self.assertEqual(model["state_hash"], written["state_hash"])

                with LiveServer(descentd_program, data_dir) as server:
                    (recovered,) = descent(server, "get", "model")
                self.assertEqual(recovered["state_hash"], written["state_hash"])

    def make_version_1(self):
        with sqlite3.connect(f"{self.directory}/descent.db") as database:
            database.executescript(VERSION_1.read_text())
        database.close()

    def test_an_older_version_is_applied_without_comparing_and_says_so(self):
        self.make_version_1()
        code, text = verify(self.directory)
        self.assertEqual(code, 0, text)
        self.assertIn("10 updates applied again, 0 hashes compared", text)
        self.assertIn("10 of the updates are of another engine version, or of before versions were recorded", text)
        server = LiveServer(descentd_program, self.directory, errors=subprocess.PIPE)
        server.start()
        said = False
        (model,) = descent(server, "get", "sample")
        self.assertEqual(model["step"], "25")
        line = ""
        while "recovered " not in line:
            line = server.errors.readline()
            said = said or "without comparing hashes: they are of another engine version" in line
        self.assertTrue(said)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    descentd_program, descent_program = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
