"""A proxy in the environment: what goes to this machine never goes through it, and where one is in
between, the error says which.

    proxy_test.py DESCENTD DESCENT
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from live_server import TIMEOUT, LiveServer

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
             "ALL_PROXY")
EXAMPLE = pathlib.Path(__file__).parents[2] / "client/examples/python"


class RecordingProxy:
    """Takes every connection, keeps what it is asked for, and refuses."""

    def __enter__(self):
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:secret@127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(connection.recv(4096).decode(errors="replace"))
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")


def environment(url):
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return kept | {name: url for name in VARIABLES}


def run(command, url):
    return subprocess.run(command, env=environment(url), timeout=TIMEOUT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.proxy = self.enterContext(RecordingProxy())

    def expect_direct(self, address):
        for url in (self.proxy.url, "http://127.0.0.1:1"):
            for command in ([descent, "--server", address, "list"],
                            [descentd, "healthcheck", "--server", address]):
                result = run(command, url)
                self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.proxy.requests, [])

    def test_loopback_never_goes_through_it(self):
        server = self.enterContext(LiveServer(descentd))
        port = server.address.rpartition(":")[2]
        self.expect_direct(server.address)
        self.expect_direct(f"localhost:{port}")
        self.expect_direct(f"dns:///localhost:{port}")

    def test_a_unix_socket_never_goes_through_it(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(LiveServer(descentd, listen=f"unix:{directory}/socket"))
        self.expect_direct(server.address)

    def test_the_python_example_never_goes_through_it(self):
        stubs = self.enterContext(tempfile.TemporaryDirectory())
        subprocess.run([EXAMPLE / "generate_stubs", stubs], check=True, timeout=TIMEOUT)
        server = self.enterContext(LiveServer(descentd))
        result = subprocess.run(
            [sys.executable, EXAMPLE / "example.py", server.address],
            env=environment(self.proxy.url) | {"DESCENT_STUBS": stubs}, timeout=TIMEOUT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.proxy.requests, [])

    def test_an_unreachable_server_elsewhere_is_said_with_the_proxy(self):
        shown = self.proxy.url.replace("user:secret@", "")
        for command in ([descent, "--server", "far.example:7", "--connect-timeout", "2", "list"],
                        [descentd, "healthcheck", "--server", "far.example:7", "--timeout", "2"]):
            result = run(command, self.proxy.url)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"through the proxy {shown} of $grpc_proxy", result.stderr)
            self.assertNotIn("secret", result.stderr)
        self.assertTrue(self.proxy.requests)
        self.assertIn("CONNECT far.example:7", self.proxy.requests[0])


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
