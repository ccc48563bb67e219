"""What callers find who call while a server ends.

    drain_test.py DESCENTD
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc
from authority import Authority
from live_server import TIMEOUT, LiveServer

HEALTH = "/grpc.health.v1.Health/Check"
LIST = "/descent.v1.ModelService/ListModels"
PAUSES = (0, 0.001, 0.02, 0.3)  # seconds between a caller's calls: the last makes none while it ends
REPEATING = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.5s", "maxBackoff": "1s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]})


class Callers:
    """Threads that call until a call fails or they are told to stop: for each method and pause one, over a connection of
    its own.
    """

    def __init__(self, make_channel, wait_for_ready=False):
        self._wait_for_ready = wait_for_ready  # for a connection, however long a start takes
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.errors = []
        self.answers = 0
        self._threads = [threading.Thread(target=self._call, args=(make_channel, method, pause))
                         for method in (HEALTH, LIST) for pause in PAUSES]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join()

    def _call(self, make_channel, method, pause):
        with make_channel() as channel:
            call = channel.unary_unary(method)
            while not self._stop.is_set():
                try:
                    call(b"", timeout=TIMEOUT, wait_for_ready=self._wait_for_ready)
                except grpc.RpcError as error:
                    with self._lock:
                        self.errors.append(f"{method} every {pause} s: {error.code()} {error.details()}")
                    return
                with self._lock:
                    self.answers += 1
                time.sleep(pause)


class DrainTest(unittest.TestCase):
    def end_under_calls(self, options, channel, kind):
        """What calls that are not repeated end with, of a server that ends five times."""
        errors = []
        server = LiveServer(descentd, options=options, errors=subprocess.DEVNULL)
        for _ in range(5):
            server.start()
            make_channel = lambda: channel(server.address, [("grpc.enable_retries", 0)])
            with Callers(make_channel) as callers:
                time.sleep(0.4)
                self.assertEqual(server.stop(), 0)
                callers.join()
            self.assertGreater(callers.answers, len(PAUSES))
            errors += callers.errors
        self.assertEqual(len(errors), 5 * 2 * len(PAUSES), kind)
        # CANCELLED it was for most, which no policy repeats: a caller is not told that by itself.
        self.assertEqual([error for error in errors if "StatusCode.UNAVAILABLE" not in error], [], kind)

    def test_a_call_as_the_server_ends_is_unavailable(self):
        self.end_under_calls((), lambda address, options: grpc.insecure_channel(address, options),
                             "plaintext")

    def test_an_encrypted_call_as_the_server_ends_is_unavailable(self):
        with tempfile.TemporaryDirectory() as directory:
            authority = Authority(pathlib.Path(directory), "authority")
            certificate, key = authority.issue("server")
            credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
            self.end_under_calls(
                ("--tls-certificate", certificate, "--tls-key", key),
                lambda address, options: grpc.secure_channel(address, credentials, options), "TLS")

    def test_who_repeats_what_was_unavailable_notices_no_restart(self):
        with LiveServer(descentd, errors=subprocess.DEVNULL) as server:
            options = [("grpc.service_config", REPEATING), ("grpc.initial_reconnect_backoff_ms", 100),
                       ("grpc.max_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100)]
            with Callers(lambda: grpc.insecure_channel(server.address, options), wait_for_ready=True) as callers:
                for _ in range(3):
                    time.sleep(0.3)
                    self.assertEqual(server.stop(), 0)
                    server.start()
                time.sleep(1)
            self.assertEqual(callers.errors, [])


if __name__ == "__main__":
    descentd = sys.argv.pop(1)
    unittest.main()
