"""A backup of a server that is at work, and what becomes of it: checked, restored, trained on.

    backup_test.py DESCENTD DESCENT
"""

import concurrent.futures
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import grpc

from live_server import TIMEOUT, LiveServer

TRAIN = ("train", "model", "--generate", "friedman1", "--rows", "4000", "--layers", "32,32")


def descent(server, *arguments):
    """Runs a command: its exit status and its output as JSON objects."""
    command = [descent_program, "--server", server.address, "--json", *arguments]
    done = subprocess.run(command, timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def verify(directory):
    command = [descent_program, "--json", "verify", directory]
    done = subprocess.run(command, timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


class StuckServer(grpc.GenericRpcHandler):
    """Begins a backup, and never ends it. A context manager."""

    def __init__(self):
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    def __enter__(self):
        pool = concurrent.futures.ThreadPoolExecutor(4)
        self._server = grpc.server(pool, handlers=(self,))
        self.address = "127.0.0.1:%d" % self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *exception):
        self._server.stop(None).wait(TIMEOUT)

    def service(self, call):
        assert call.method == "/descent.v1.AdminService/Backup", call.method
        return grpc.unary_stream_rpc_method_handler(self._backup)

    def _backup(self, request, context):
        context.add_callback(self.cancelled.set)
        yield b"\x0a\x04part\x10\x64"  # chunk: "part", total_bytes: 100
        self.begun.set()
        self.cancelled.wait(TIMEOUT)


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.directory / "backup.db"

    def restore(self):
        """A data directory with the backup in it."""
        restored = self.directory / "restored"
        restored.mkdir()
        shutil.copyfile(self.file, restored / "descent.db")
        return restored

    def test_a_backup_during_training_is_a_store_of_its_own(self):
        with LiveServer(descentd, self.directory / "data") as server:
            self.assertEqual(descent(server, *TRAIN, "--epochs", "2")[0], 0)
            _, (saved,) = descent(server, "checkpoint", "create", "model")
            command = [descent_program, "--server", server.address, *TRAIN, "--epochs", "1000"]
            training = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
            before = saved["step"]
            while before == saved["step"]:
                before = descent(server, "get", "model")[1][0]["step"]
            code, (made,) = descent(server, "backup", str(self.file))
            self.assertEqual(code, 0, made)
            _, (after,) = descent(server, "get", "model")
            training.send_signal(signal.SIGINT)
            self.assertEqual(training.wait(TIMEOUT), 130)
        self.assertEqual(made["bytes"], self.file.stat().st_size)
        self.assertEqual([entry.name for entry in self.directory.iterdir()
                          if entry.suffix == ".partial"], [])

        restored = self.restore()
        code, lines = verify(restored)
        self.assertEqual(code, 0, lines)
        with LiveServer(descentd, restored) as server:
            _, (model,) = descent(server, "get", "model")
            self.assertLessEqual(int(before), int(model["step"]))
            self.assertLessEqual(int(model["step"]), int(after["step"]))
            _, checkpoints = descent(server, "checkpoint", "list", "model")
            self.assertIn(saved, checkpoints)
            # It is a model like any other: it goes back, and learns.
            _, (model,) = descent(server, "checkpoint", "restore", "model", saved["step"])
            self.assertEqual(model["state_hash"], saved["state_hash"])
            self.assertEqual(descent(server, *TRAIN, "--epochs", "1")[0], 0)

    def test_what_is_in_it_is_to_the_bit_what_the_server_had(self):
        with LiveServer(descentd, self.directory / "data") as server:
            self.assertEqual(descent(server, *TRAIN, "--epochs", "2")[0], 0)
            self.assertEqual(descent(server, "backup", str(self.file))[0], 0)
            _, original = descent(server, "get", "model")
            self.assertEqual(descent(server, "backup", str(self.file))[0], 64)
            self.assertEqual(descent(server, "backup", str(self.file), "--force")[0], 0)
            # The directory itself is not to be read while a server has it.
            self.assertEqual(verify(self.directory / "data")[0], 74)
        self.assertEqual(verify(self.directory / "data")[0], 0)
        with LiveServer(descentd, self.restore()) as server:
            self.assertEqual(descent(server, "get", "model")[1], original)

    def test_verify_sees_damage(self):
        with LiveServer(descentd, self.directory / "data") as server:
            self.assertEqual(descent(server, *TRAIN, "--epochs", "2")[0], 0)
            self.assertEqual(descent(server, "backup", str(self.file))[0], 0)
            _, (model,) = descent(server, "get", "model")
        whole = self.file.read_bytes()
        found = 0
        for place in range(1000, len(whole), len(whole) // 24):
            damaged = bytearray(whole)
            damaged[place : place + 64] = bytes(byte ^ 0xFF for byte in damaged[place : place + 64])
            self.file.write_bytes(damaged)
            restored = self.restore()
            code, lines = verify(restored)
            shutil.rmtree(restored)
            self.assertIn(code, (0, 65), (place, lines))
            if code == 0:  # what is free, or about the model's past, changes nothing
                self.assertEqual(lines[0]["state_hash"], model["state_hash"])
            found += code == 65
        self.assertGreaterEqual(found, 3)

    def test_nothing_is_left_of_an_interrupted_backup(self):
        with StuckServer() as server:
            command = [descent_program, "--server", server.address, "backup", self.file]
            backup = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True)
            self.assertTrue(server.begun.wait(TIMEOUT))
            backup.send_signal(signal.SIGINT)
            output, errors = backup.communicate(timeout=TIMEOUT)
            self.assertEqual(backup.returncode, 130, output + errors)
            self.assertIn("interrupted", errors)
            self.assertTrue(server.cancelled.wait(TIMEOUT))
        self.assertEqual(list(self.directory.iterdir()), [])


if __name__ == "__main__":
    descentd, descent_program = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
