"""What descentd tells a service manager that gives it a $NOTIFY_SOCKET, as systemd does.

    service_manager_test.py DESCENTD DESCENT
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from live_server import TIMEOUT, LiveServer


class Manager:
    """The manager's side: a socket on which notices come."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._socket.close()

    @property
    def environment(self):
        return dict(os.environ, NOTIFY_SOCKET=self.address)

    def notice(self):
        """The next one, by the names of its lines."""
        lines = self._socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def until(self, name):
        """What comes up to the notice that has this name, which is the last."""
        notices = [self.notice()]
        while name not in notices[-1]:
            notices.append(self.notice())
        return notices


def microseconds(notice):
    return int(notice["EXTEND_TIMEOUT_USEC"])


class ServiceManagerTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.data = self.directory + "/data"

    def manager(self):
        return self.enterContext(Manager(self.directory + "/notify"))

    def healthy(self, server):
        return subprocess.run([descentd, "healthcheck", "--server", server.address],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT).returncode == 0

    def train(self, server):
        subprocess.run([descent, "--server", server.address, "train", "model", "--generate",
                        "friedman1", "--rows", "20000", "--batch", "8", "--epochs", "1",
                        "--layers", "8"], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)

    def test_a_start_and_an_end(self):
        manager = self.manager()
        server = LiveServer(descentd, self.data, environment=manager.environment,
                            options=["--drain-timeout", "3"])
        server.start()
        starting, ready = manager.until("READY")
        self.assertEqual(starting["STATUS"], "opening the data directory")
        self.assertGreater(microseconds(starting), 60e6)
        self.assertEqual(ready, {"READY": "1", "STATUS": f"serving on {server.address}"})
        self.assertTrue(self.healthy(server))
        self.assertEqual(server.stop(), 0)
        stopping = manager.notice()
        self.assertEqual(stopping["STOPPING"], "1")
        self.assertGreater(microseconds(stopping), 3e6)
        self.assertLess(microseconds(stopping), 30e6)

    def test_a_recovery_is_told_and_ends_before_ready(self):
        server = LiveServer(descentd, self.data)
        server.start()
        self.train(server)
        server.stop(signal.SIGKILL)
        manager = self.manager()
        server = LiveServer(descentd, self.data, environment=manager.environment)
        with server:
            *starting, ready = manager.until("READY")
            self.assertEqual(starting[-1]["STATUS"], "recovering: 1 models are back")
            for notice in starting:
                self.assertGreater(microseconds(notice), 60e6)
                self.assertNotIn("READY", notice)
            self.assertEqual(ready["READY"], "1")

    def test_an_abstract_socket(self):
        manager = self.enterContext(Manager(f"@descent-{os.getpid()}"))
        with LiveServer(descentd, environment=manager.environment):
            self.assertEqual(manager.until("READY")[-1]["READY"], "1")

    def test_a_server_whose_storage_failed_asks_to_be_started_again(self):
        manager = self.manager()
        server = LiveServer(descentd, self.data, environment=manager.environment)
        with server:
            manager.until("READY")
            shutil.move(self.data, self.directory + "/moved")
            failed = manager.until("WATCHDOG")[-1]
            self.assertEqual(failed["WATCHDOG"], "trigger")
            self.assertIn("storage", failed["STATUS"])
            self.assertFalse(self.healthy(server))

    def test_nobody_there_holds_nothing_up(self):
        for address in (self.directory + "/nobody", "vsock:2:1", "/" + "x" * 200, "@"):
            with tempfile.TemporaryFile("w+") as errors:
                with LiveServer(descentd, environment=dict(os.environ, NOTIFY_SOCKET=address),
                                errors=errors) as server:
                    self.assertTrue(self.healthy(server))
                errors.seek(0)
                self.assertRegex(errors.read(), "warning +the service manager (is not told|did not)")

    def test_a_manager_that_reads_nothing_holds_nothing_up(self):
        manager = self.manager()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with self.assertRaises(BlockingIOError):
                for _ in range(10000):
                    sender.sendto(b"STATUS=full", manager.address)
        with LiveServer(descentd, environment=manager.environment) as server:
            self.assertTrue(self.healthy(server))


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
