"""The Python package and servers that encrypt and ask who calls.

    secure_test.py DESCENTD
"""

import asyncio
import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest
from unittest import mock

import package
import descent
from live_server import LiveServer
from problems import batches, network
from tls_test import Authority

TOKEN = "a-token-of-the-tests"


class SecureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.authority = Authority(cls.directory, "authority")
        cls.certificate, cls.key = cls.authority.issue("server")
        cls.own, cls.own_key = cls.authority.issue("client")
        access = cls.directory / "access.toml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        access.write_text(
            f'[[caller]]\nname = "t"\ntoken_sha256 = "{digest}"\nrole = "trainer"\nmodels = ["mine*"]\n'
            '[[caller]]\nname = "c"\ncertificate = "CN=client"\nrole = "admin"\n')
        cls.tls = ["--tls-certificate", cls.certificate, "--tls-key", cls.key]
        cls.access = ["--access", access]

    def serve(self, *options):
        return self.enterContext(LiveServer(
            package.descentd, options=options, errors=subprocess.DEVNULL)).address

    def client(self, address, **options):
        return self.enterContext(descent.Client(address, timeout=10, **options))

    def test_calls_and_training_go_over_tls_with_a_token(self):
        address = self.serve(*self.tls, *self.access, "--tls-client-ca", self.authority.certificate)
        admin = self.client(address, tls_ca=self.authority.certificate, tls_certificate=self.own,
                            tls_key=self.own_key)
        admin.create("mine", network())
        admin.create("theirs", network())
        self.assertEqual(admin.model("mine").train(batches(20)).step, 20)

    def test_a_token_says_who_may_do_what(self):
        address = self.serve(*self.tls, *self.access)
        trainer = self.client(address, tls_ca=self.authority.certificate, token=TOKEN)
        with self.assertRaises(descent.PermissionDeniedError) as caught:
            trainer.model("theirs")
        self.assertIsInstance(caught.exception, PermissionError)
        self.assertEqual(caught.exception.reason, "MODEL_NOT_PERMITTED")
        with self.assertRaises(descent.PermissionDeniedError):
            trainer.create("mine", network())
        for options in ({}, {"token": "another"}):
            stranger = self.client(address, tls_ca=self.authority.certificate, **options)
            with self.assertRaises(descent.UnauthenticatedError):
                stranger.models()

    def test_in_plaintext_a_token_goes_to_this_machine(self):
        address = self.serve(*self.access)
        self.assertEqual(self.client(address, token=TOKEN).models(), [])

        async def ask():
            async with descent.aio.Client(address, token=TOKEN) as client:
                return await client.models()

        self.assertEqual(asyncio.run(ask()), [])

    def test_the_environment_says_what_it_says_to_the_command(self):
        address = self.serve(*self.tls, *self.access)
        file = self.directory / "token"
        file.write_text(f"{TOKEN}\nmore\n")
        said = {"DESCENT_SERVER": address, "DESCENT_TLS_CA": str(self.authority.certificate)}
        for token in ({"DESCENT_TOKEN": TOKEN}, {"DESCENT_TOKEN_FILE": str(file)}):
            with mock.patch.dict(os.environ, {**said, **token}):
                with descent.Client.from_environment(timeout=10) as client:
                    self.assertEqual(client.models(), [])
                self.assertEqual(descent.aio.Client.from_environment().target, address)
                with descent.Client.from_environment(target="127.0.0.1:1") as client:
                    self.assertEqual(client.target, "127.0.0.1:1")
        for name, value in (("DESCENT_TLS", "maybe"), ("DESCENT_TOKEN_FILE", "/nowhere"),
                            ("DESCENT_TOKEN_FILE", "/dev/null")):
            with mock.patch.dict(os.environ, {name: value}):
                with self.assertRaises(ValueError) as caught:
                    descent.Client.from_environment()
                self.assertEqual(caught.exception.field, f"${name}")

    def test_a_stranger_s_certificate_is_not_believed(self):
        address = self.serve(*self.tls)
        other = Authority(self.directory, "other")
        client = self.client(address, tls_ca=other.certificate,
                             retry=descent.RetryPolicy(give_up_after=0))
        with self.assertRaises(descent.UnavailableError):
            client.models()

    def test_a_certificate_needs_its_key(self):
        with self.assertRaises(ValueError) as caught:
            descent.Client("127.0.0.1:1", tls_certificate=self.own)
        self.assertEqual(caught.exception.field, "tls_key")

    def test_a_unix_socket_will_do(self):
        path = self.directory / "s"
        server = LiveServer(package.descentd, listen=f"unix:{path}", errors=subprocess.DEVNULL)
        self.enterContext(server)
        self.assertEqual(self.client(f"unix:{path}", token=TOKEN).models(), [])


if __name__ == "__main__":
    package.main()
