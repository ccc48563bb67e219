"""The clock is set while a server serves, back and forward: no call fails for it, streams go on, and
a drain takes its time and no longer.

    clock_test.py DESCENTD DESCENT

The time of day is libfaketime's. It leaves the monotonic clock alone, as setting a clock does, and the
kernel's own waits too: to those the program's time of day is an hour off, in whichever direction.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
import unittest

from live_server import TIMEOUT, LiveServer

LIBRARY = pathlib.Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketimeMT.so.1")
# Seconds that a call may take which takes milliseconds, on a machine that is busy.
LONGEST_CALL = 20


class Clock:
    """A time of day that is set for the programs that are run with `environment`."""

    def __init__(self, directory):
        self._file = pathlib.Path(directory) / "offset"
        self.set(0)
        self.environment = os.environ | {
            "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1"}

    def set(self, hours):
        # At once: a program that finds the file empty ends.
        new = self._file.with_suffix(".new")
        new.write_text(f"{hours:+}h\n", encoding="ascii")
        new.replace(self._file)


@unittest.skipUnless(LIBRARY.exists(), f"{LIBRARY} is not there (Debian's libfaketime)")
class ClockTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.clock = Clock(self.directory)

    def run_command(self, server, *arguments):
        begin = time.monotonic()
        output = subprocess.run([descent, "--server", server.address, "--json", *arguments],
                                check=True, timeout=TIMEOUT, stdout=subprocess.PIPE).stdout
        self.assertLess(time.monotonic() - begin, LONGEST_CALL)
        return output

    def train(self, server, model):
        self.run_command(server, "train", model, "--generate", "friedman1", "--rows", "2000",
                         "--epochs", "2", "--layers", "8")

    def test_no_call_fails(self):
        server = self.enterContext(LiveServer(
            descentd, self.directory + "/data", environment=self.clock.environment))
        self.train(server, "model")
        for number, hours in enumerate((-1, 1, -2, 0)):
            self.clock.set(hours)
            self.run_command(server, "params", "get", "model")
            self.run_command(server, "checkpoint", "create", "model")
            self.train(server, "model")
            self.train(server, f"new-{number}")
            time.sleep(1.5)  # what waits for a moment of the old time would wait now
            self.run_command(server, "get", "model")
            self.run_command(server, "backup", f"{self.directory}/backup-{number}.db")
        before = json.loads(self.run_command(server, "get", "model"))
        self.clock.set(-1)
        server.stop()
        server.start()
        after = json.loads(self.run_command(server, "get", "model"))
        self.assertEqual(after["state_hash"], before["state_hash"])

    def drains(self, hours):
        """A stream that nobody ends holds a drain up for its timeout, whatever the time of day."""
        server = LiveServer(descentd, options=["--drain-timeout=2"],
                            environment=self.clock.environment)
        server.start()
        rows = pathlib.Path(self.directory) / "rows.csv"
        rows.write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 5}.5\n" for i in range(100)),
                        encoding="ascii")
        self.run_command(server, "train", "model", "--csv", str(rows), "--epochs", "1")
        held = subprocess.Popen(
            [descent, "--server", server.address, "evaluate", "model", "--csv", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(held.stdin.close)
        self.addCleanup(held.wait)
        self.addCleanup(held.kill)
        held.stdin.write("a,b,y\n" + "1,2,3\n" * 400000)  # and more would follow
        held.stdin.flush()
        time.sleep(1)
        self.clock.set(hours)
        begin = time.monotonic()
        self.assertEqual(server.stop(), 1, "the call was not held until the timeout")
        self.assertGreater(time.monotonic() - begin, 1)
        self.assertLess(time.monotonic() - begin, LONGEST_CALL)

    def test_a_drain_ends_after_the_clock_was_set_back(self):
        self.drains(-1)

    def test_a_drain_ends_after_the_clock_was_set_forward(self):
        self.drains(1)

    def test_the_client_goes_on_too(self):
        server = self.enterContext(LiveServer(descentd))
        training = subprocess.Popen(
            [descent, "--server", server.address, "train", "model", "--generate", "friedman1",
             "--rows", "20000", "--batch", "16", "--epochs", "8", "--layers", "8"],
            env=self.clock.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(training.stdout.close)
        self.addCleanup(training.wait)
        self.addCleanup(training.kill)
        for hours in (-1, 1, 0, -3):
            time.sleep(0.3)
            self.clock.set(hours)
        output = training.stdout.read()
        self.assertEqual(training.wait(TIMEOUT), 0, output)


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
