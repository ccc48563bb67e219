"""A disk that is full, and a data directory that goes away, under a server that serves: its log and its
health say so, its clients say so, and nothing is acknowledged that is not kept.

    storage_test.py DESCENTD DESCENT

A small file system is mounted for the full disk, which takes root's rights; without them that is skipped.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from live_server import TIMEOUT, LiveServer

ROWS = ("--generate", "friedman1", "--rows", "20000", "--batch", "16", "--layers", "8")


class Lines:
    """What a program writes to a pipe, read as it comes."""

    def __init__(self, stream):
        self._stream = stream
        self._lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with contextlib.suppress(ValueError):  # closed
            for line in self._stream:
                self._lines.append(line)

    def count(self, text):
        return sum(text in line for line in list(self._lines))

    def await_text(self, text, seconds):
        end = time.monotonic() + seconds
        while not self.count(text):
            if time.monotonic() > end:
                raise AssertionError(f"no {text!r} in {seconds} s: {''.join(self._lines)}")
            time.sleep(0.02)


@contextlib.contextmanager
def small_disk(mebibytes):
    """A directory on a file system of its own, or nothing where none can be mounted."""
    with tempfile.TemporaryDirectory() as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "descent-test", directory],
            stderr=subprocess.DEVNULL, check=False).returncode == 0
        try:
            yield directory if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", directory], check=True)


class StorageTest(unittest.TestCase):
    def start(self, data_dir):
        server = LiveServer(descentd, data_dir, errors=subprocess.PIPE)
        server.start()
        self.addCleanup(server.kill)
        return server, Lines(server.errors)

    def spawn(self, server, *arguments):
        process = subprocess.Popen([descent, "--server", server.address, *arguments],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, Lines(process.stderr)

    def run_command(self, server, *arguments):
        return subprocess.run([descent, "--server", server.address, *arguments], timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)

    def healthy(self, server):
        return subprocess.run([descentd, "healthcheck", "--server", server.address],
                              timeout=TIMEOUT, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def await_unhealthy(self, server):
        end = time.monotonic() + 20
        while self.healthy(server):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def test_a_full_disk_is_said_by_the_log_and_the_client(self):
        with small_disk(24) as disk:
            if disk is None:
                self.skipTest("no file system can be mounted")
            server, log = self.start(disk + "/data")
            self.assertEqual(self.run_command(server, "create", "other", "--inputs", "2").returncode, 0)
            filler = pathlib.Path(disk) / "filler"
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 16))
            training, notes = self.spawn(server, "train", "model", *ROWS, "--epochs", "3")
            notes.await_text("the server's disk is full, waiting for room", 20)
            log.await_text("the disk is full: changes are refused until there is room", 20)
            checkpoint, more_notes = self.spawn(server, "checkpoint", "create", "other")
            more_notes.await_text("the server's disk is full", 20)
            self.assertTrue(self.healthy(server), "predictions go on")
            time.sleep(2)
            filler.unlink()
            self.assertEqual(training.wait(TIMEOUT), 0)
            self.assertEqual(checkpoint.wait(TIMEOUT), 0)
            log.await_text("the disk has room again", 20)
            self.assertEqual(log.count("the disk is full: changes"), log.count("room again"))
            self.assertLessEqual(log.count("the disk is full: changes"), 3)
            self.assertEqual(log.count("not an error"), 0)
            self.assertEqual(server.stop(), 0)

    def vanishes(self, happen):
        parent = self.enterContext(tempfile.TemporaryDirectory())
        data_dir = parent + "/data"
        server, log = self.start(data_dir)
        self.assertEqual(self.run_command(server, "create", "model", "--inputs", "2").returncode, 0)
        self.assertTrue(self.healthy(server))
        happen(data_dir)
        log.await_text("storage has failed: changes are refused", 20)
        self.await_unhealthy(server)
        training, notes = self.spawn(server, "checkpoint", "create", "model")
        notes.await_text("the server can't keep anything, waiting for its restart", 20)
        training.kill()
        # What was there is still predicted with.
        self.assertEqual(
            self.run_command(server, "params", "get", "model").returncode, 0)
        self.assertEqual(log.count("storage has failed"), 1)
        server.stop()

    def refused(self, directory, text):
        for command, code in ((["verify", directory], 65),
                              (["--listen", "127.0.0.1:0", "--data-dir", directory], 74)):
            result = subprocess.run([descentd, *command], timeout=TIMEOUT, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, check=False)
            self.assertEqual(result.returncode, code, result.stdout)
            self.assertIn(text, result.stdout)

    def test_a_lone_copy_from_a_running_server_is_no_backup(self):
        parent = self.enterContext(tempfile.TemporaryDirectory())
        server, _ = self.start(parent + "/data")
        self.assertEqual(self.run_command(server, "create", "model", "--inputs", "2").returncode, 0)
        os.mkdir(parent + "/copy")
        shutil.copy(parent + "/data/descent.db", parent + "/copy")
        self.refused(parent + "/copy", "descent.db was copied from a running server")
        accepted = subprocess.run(
            [descentd, "--accept-missing-logs", "verify", parent + "/copy"], timeout=TIMEOUT,
            stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(accepted.returncode, 0, accepted.stdout)
        # Killed at once, when neither log holds anything yet, the files are all there.
        for number in (signal.SIGKILL, signal.SIGTERM):
            server.stop(number)
            server.start()
            self.assertEqual(self.run_command(server, "get", "model").returncode, 0)
        server.stop(signal.SIGKILL)
        backup = shutil.copytree(parent + "/data", parent + "/all")
        result = subprocess.run([descentd, "verify", backup], timeout=TIMEOUT,
                                stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("1 models, 0 damaged", result.stdout)

    def test_an_empty_database_is_no_new_one(self):
        parent = self.enterContext(tempfile.TemporaryDirectory())
        server, _ = self.start(parent + "/data")
        self.assertEqual(self.run_command(server, "create", "model", "--inputs", "2").returncode, 0)
        self.assertEqual(server.stop(), 0)
        os.truncate(parent + "/data/descent.db", 0)
        self.refused(parent + "/data", "descent.db is empty (0 bytes)")

    def test_a_deleted_directory_is_noticed(self):
        self.vanishes(shutil.rmtree)

    def test_a_replaced_directory_is_noticed(self):
        def replace(directory):
            os.rename(directory, directory + ".moved")
            shutil.copytree(directory + ".moved", directory)
        self.vanishes(replace)


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
