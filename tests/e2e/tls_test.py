"""Encrypted calls, from the command line and from Python: certificates, who is believed, what is
refused, and certificates that change under a training run.

    tls_test.py DESCENTD DESCENT
"""

import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

from authority import Authority, verify_strictly
from live_server import TIMEOUT, LiveServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "client/examples/python"
CLEAN = {name: value for name, value in os.environ.items()
         if "proxy" not in name.lower() and not name.startswith("DESCENT_")}


def run(*command, environment=None):
    return subprocess.run([str(part) for part in command], env={**CLEAN, **(environment or {})},
                          timeout=TIMEOUT, capture_output=True, text=True)


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._temporary = tempfile.TemporaryDirectory()
        cls.directory = pathlib.Path(cls._temporary.name)
        cls.authority = Authority(cls.directory, "authority")
        cls.certificate, cls.key = cls.authority.issue("server")

    @classmethod
    def tearDownClass(cls):
        cls._temporary.cleanup()

    def server(self, *options, **arguments):
        return LiveServer(DESCENTD, options=("--tls-certificate", self.certificate, "--tls-key",
                                             self.key, *options), environment=CLEAN, **arguments)

    def list(self, server, *options, environment=None):
        return run(DESCENT, "list", "--server", server.address, "--connect-timeout", "3", *options,
                   environment=environment)

    def test_the_command_believes_whom_it_is_told_to(self):
        with self.server() as server:
            listed = self.list(server, "--tls-ca", self.authority.certificate)
            self.assertEqual(listed.returncode, 0, listed.stderr)
            listed = self.list(server, environment={
                "DESCENT_TLS_CA": str(self.authority.certificate)})
            self.assertEqual(listed.returncode, 0, listed.stderr)
            # The system's authorities, which here are this one.
            listed = self.list(server, "--tls",
                               environment={"SSL_CERT_FILE": str(self.authority.certificate)})
            self.assertEqual(listed.returncode, 0, listed.stderr)

            stranger = Authority(self.directory, "stranger").certificate
            self.assertEqual(self.list(server, "--tls-ca", stranger).returncode, 69)
            self.assertEqual(self.list(server).returncode, 69)

    def test_what_makes_no_sense_names_the_option(self):
        for options, problem in (
                (("--tls-ca", "/nowhere.pem"), "--tls-ca: /nowhere.pem: No such file"),
                (("--tls-certificate", self.certificate, "--tls-ca", self.certificate),
                 "--tls-certificate: it needs its private key"),
                (("--token-file", "/nowhere"), "--token-file: /nowhere: No such file"),
                (("--tls", "--server", "unix:/nowhere.socket"), "--tls: a Unix socket"),
        ):
            refused = run(DESCENT, "list", *options)
            self.assertEqual(refused.returncode, 64, refused.stderr)
            self.assertIn(problem, refused.stderr)
        refused = run(DESCENT, "list", environment={"DESCENT_TLS": "maybe"})
        self.assertEqual(refused.returncode, 64)
        self.assertIn("$DESCENT_TLS: expected true or false, got 'maybe'", refused.stderr)

    def test_a_token_does_not_leave_the_machine_in_plaintext(self):
        token = self.directory / "token"
        token.write_text("secret-of-mine\n")
        refused = run(DESCENT, "list", "--server", "192.0.2.1:50051", "--token-file", token)
        self.assertEqual(refused.returncode, 64)
        self.assertIn("a token needs TLS", refused.stderr)
        self.assertNotIn("secret-of-mine", refused.stderr)
        with self.server() as server:
            listed = self.list(server, "--tls-ca", self.authority.certificate, "--token-file", token)
            self.assertEqual(listed.returncode, 0, listed.stderr)

    def test_mutual_tls(self):
        clients = Authority(self.directory, "clients")
        certificate, key = clients.issue("pricing")
        with self.server("--tls-client-ca", clients.certificate) as server:
            ca = ("--tls-ca", self.authority.certificate)
            shown = self.list(server, *ca, "--tls-certificate", certificate, "--tls-key", key)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertEqual(self.list(server, *ca).returncode, 69)
            # The server's own is of another authority.
            self.assertEqual(self.list(server, *ca, "--tls-certificate", self.certificate,
                                       "--tls-key", self.key).returncode, 69)

    def test_the_python_example(self):
        with self.server() as server:
            environment = {**CLEAN, "DESCENT_STUBS": str(self.directory / "stubs")}
            subprocess.run([EXAMPLE / "generate_stubs", self.directory / "stubs"], check=True,
                           timeout=TIMEOUT)
            token = self.directory / "example-token"
            token.write_text("nobody-asks-for-it")
            example = run(sys.executable, "-B", EXAMPLE / "example.py", server.address, "--tls-ca",
                          self.authority.certificate, "--token-file", token,
                          environment=environment)
            self.assertEqual(example.returncode, 0, example.stderr)
            self.assertIn("created python-example", example.stdout)

    def test_a_training_run_goes_on_while_the_certificate_changes(self):
        directory = self.directory / "rotated"
        directory.mkdir()
        authority = Authority(directory, "authority")
        certificate, key = authority.issue("server")
        with LiveServer(DESCENTD, options=("--tls-certificate", certificate, "--tls-key", key),
                        environment=CLEAN) as server:
            training = subprocess.Popen(
                [DESCENT, "train", "m", "--server", server.address, "--tls-ca",
                 authority.certificate, "--generate", "friedman1", "--rows", "20000", "--layers",
                 "64,64", "--epochs", "400"],
                env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while training.poll() is None:
                authority.issue("server")  # to the same files, one after the other
                listed = self.list(server, "--tls-ca", authority.certificate)
                self.assertEqual(listed.returncode, 0, listed.stderr)
                time.sleep(0.2)
            _, errors = training.communicate(timeout=TIMEOUT)
            self.assertEqual(training.returncode, 0, errors)
            self.assertNotIn("tried again", errors)


class RecipeTest(unittest.TestCase):
    def test_a_strict_client_believes_in_a_certificate_as_operations_makes_it(self):
        text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
        recipe, = (block for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
                   if "openssl req" in block)
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["sh", "-e", "-c", recipe.replace("descent.example", "localhost")],
                           cwd=directory, check=True, capture_output=True, timeout=TIMEOUT)
            authority, certificate, key = (
                pathlib.Path(directory, name) for name in ("ca.pem", "server.pem", "server-key.pem"))
            verify_strictly(certificate, authority)
            context = ssl.create_default_context(cafile=authority)
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            context.set_alpn_protocols(["h2"])
            with LiveServer(DESCENTD, options=("--tls-certificate", certificate, "--tls-key", key),
                            environment=CLEAN) as server:
                host, port = server.address.rsplit(":", 1)
                with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
                    with context.wrap_socket(connection, server_hostname="localhost") as shaken:
                        self.assertEqual(shaken.selected_alpn_protocol(), "h2")


class PlaintextTest(unittest.TestCase):
    def refusal(self, *options, environment=None):
        refused = run(DESCENTD, "--in-memory", *options, environment=environment)
        self.assertEqual(refused.returncode, 64, refused.stderr)
        return refused.stderr

    def test_is_refused_where_other_machines_listen_in(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "descent.example:0"):
            self.assertIn(f"--listen: {address}: other machines reach it",
                          self.refusal("--listen", "127.0.0.1:0", "--listen", address))
        with LiveServer(DESCENTD, options=("--allow-plaintext",), listen="0.0.0.0:0",
                        environment=CLEAN) as server:
            port = server.address.rpartition(":")[2]
            listed = run(DESCENT, "list", "--server", f"127.0.0.1:{port}")
            self.assertEqual(listed.returncode, 0, listed.stderr)

    def test_halves_of_tls_are_refused(self):
        self.assertIn("--tls-key: it needs --tls-certificate", self.refusal("--tls-key", "k.pem"))
        self.assertIn("--tls-certificate: it needs --tls-key",
                      self.refusal("--tls-certificate", "c.pem"))
        self.assertIn("--tls-client-ca: it needs", self.refusal("--tls-client-ca", "a.pem"))
        self.assertIn("--tls-certificate: /nowhere.pem: No such file", self.refusal(
            "--listen", "127.0.0.1:0", "--tls-certificate", "/nowhere.pem", "--tls-key", "k.pem"))

    def test_several_addresses(self):
        with tempfile.TemporaryDirectory() as directory:
            path = f"unix:{directory}/socket"
            server = LiveServer(DESCENTD, options=("--listen", path, "--health", "127.0.0.1:0"),
                                environment={**CLEAN, "DESCENT_LISTEN": "192.0.2.1:1,192.0.2.1:2"})
            with server:
                self.assertEqual(server.address, path)  # flags win over the environment
                other = server.next_address()
                for address in (path, other):
                    listed = run(DESCENT, "list", "--server", address)
                    self.assertEqual(listed.returncode, 0, listed.stderr)
            self.assertFalse(pathlib.Path(directory, "socket").exists())

    def test_an_address_that_is_taken_ends_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for options in (("--listen", "127.0.0.1:0", "--listen", address),
                            ("--listen", "127.0.0.1:0", "--health", address)):
                ended = run(DESCENTD, "--in-memory", *options)
                self.assertEqual(ended.returncode, 69, ended.stderr)
                self.assertIn(f"cannot listen on {address}", ended.stderr)

    def test_the_health_check_of_containers_finds_the_health_port(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            health = f"127.0.0.1:{free.getsockname()[1]}"
        with LiveServer(DESCENTD, options=("--health", health), environment=CLEAN):
            checked = run(DESCENTD, "healthcheck", environment={"DESCENT_HEALTH": health})
            self.assertEqual(checked.returncode, 0, checked.stderr)
        refused = run(DESCENTD, "healthcheck", environment={
            "DESCENT_TLS_CERTIFICATE": "c.pem", "DESCENT_TLS_KEY": "k.pem"})
        self.assertEqual(refused.returncode, 64)
        self.assertIn("give it a --health address", refused.stderr)


if __name__ == "__main__":
    DESCENTD, DESCENT = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
