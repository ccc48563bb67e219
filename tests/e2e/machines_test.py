"""A data directory that another machine has written, or an older version: what is compared by hash on this one.

    machines_test.py DESCENTD DESCENT [OTHER_DESCENTD]

Another machine is this one with fewer instructions: the dynamic linker loads another build of the engine. Another
server may be one of another processor, under an emulator (scripts/test-arm64).
"""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import typing
import unittest

from live_server import TIMEOUT, LiveServer

# More updates than lie between two hashes of a journal.
STEPS = 3000
DATA = ("--generate", "friedman1", "--rows", "6000", "--batch", "4", "--epochs", "2")
MODELS = {
    "dense": ("--layers", "8,4"),
    "deep": ("--layers", "8x4", "--residual", "--layer-norm", "--dropout", "0.1", "--normalize",
             "--activation", "gelu", "--data-type", "float64"),
}
OTHERS = {"x86-64": "glibc.cpu.hwcaps=-AVX2", "x86-64-v3": "glibc.cpu.hwcaps=-AVX512F"}
VERSION_1 = pathlib.Path(__file__).parent.parent / "store/data/version_1.sql"


class Machine(typing.NamedTuple):
    program: str  # its descentd
    environment: typing.Optional[dict] = None

    def instruction_set(self):
        text = subprocess.run([self.program, "--version"], env=self.environment, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        return re.search(r"running on ([\w-]+)", text).group(1)

    def verify(self, directory, *options):
        done = subprocess.run([self.program, "verify", directory, *options], env=self.environment, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout

    def server(self, directory, **arguments):
        return LiveServer(self.program, directory, environment=self.environment, **arguments)


def other_machines(here):
    """{instruction set: machine} of those that are not this one."""
    machines = {name: Machine(here.program, {**os.environ, "GLIBC_TUNABLES": tunable})
                for name, tunable in OTHERS.items()}
    machines = {name: machine for name, machine in machines.items()
                if name != here.instruction_set() and machine.instruction_set() == name}
    for program in other_programs:
        machine = Machine(program)
        machines[machine.instruction_set()] = machine
    return machines


def descent(server, *arguments):
    text = subprocess.run([descent_program, "--server", server.address, "--json", *arguments], timeout=TIMEOUT,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def states(server):
    """{model: hash}, of all that were trained."""
    found = [model for name in MODELS for model in descent(server, "get", name)]
    return {model["name"]: model["state_hash"] for model in found}


class MachinesTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.here = Machine(descentd_program)

    def train(self, machine, data_dir):
        """Has a server train and kills it over its journals. What the states hashed to."""
        server = machine.server(data_dir)
        server.start()
        self.addCleanup(server.kill)
        for name, options in MODELS.items():
            descent(server, "train", name, *DATA, *options)
        written = states(server)
        server.kill()
        return written

    def check(self, machine, data_dir, written):
        """Verifies what another has written, and recovers it."""
        code, text = machine.verify(data_dir, "--json")
        self.assertEqual(code, 0, text)
        verified = {line["model"]: line for line in map(json.loads, text.splitlines()) if "model" in line}
        for name, state_hash in written.items():
            self.assertEqual(verified[name]["step"], STEPS)
            self.assertGreaterEqual(verified[name]["compared_hashes"], 2)
            self.assertEqual(verified[name]["updates_of_other_engines"], 0)
            self.assertEqual(verified[name]["state_hash"], state_hash)
        with machine.server(data_dir) as server:
            self.assertEqual(states(server), written)

    def test_what_another_machine_wrote_is_compared_by_hash(self):
        others = other_machines(self.here)
        if not others:
            self.skipTest("this machine can be no other")
        hashes = set()
        for name, other in others.items():
            for writer, reader in ((other, self.here), (self.here, other)):
                with self.subTest(other=name, written_by=writer.instruction_set()):
                    data_dir = tempfile.mkdtemp(dir=self.directory)
                    written = self.train(writer, data_dir)
                    self.check(reader, data_dir, written)
                    hashes.add(json.dumps(written, sort_keys=True))
        self.assertEqual(len(hashes), 1, hashes)

    def make_version_1(self):
        with sqlite3.connect(f"{self.directory}/descent.db") as database:
            database.executescript(VERSION_1.read_text())
        database.close()

    def test_an_older_version_is_applied_without_comparing_and_says_so(self):
        self.make_version_1()
        code, text = self.here.verify(self.directory)
        self.assertEqual(code, 0, text)
        self.assertIn("10 updates applied again, 0 hashes compared", text)
        self.assertIn("10 of the updates are of another engine version, or of before versions were recorded", text)
        server = self.here.server(self.directory, errors=subprocess.PIPE)
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
    descentd_program, descent_program, *other_programs = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
