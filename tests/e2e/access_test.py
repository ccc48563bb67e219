"""Who may do what, with the programs themselves: tokens that `descent token` makes, in the file of
`descentd --access`, which changes while calls are made.

    access_test.py DESCENTD DESCENT
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

from live_server import TIMEOUT, LiveServer

OPTIONS = [("grpc.enable_http_proxy", 0)]
HEALTH = "/grpc.health.v1.Health/Check"
LIST = "/descent.v1.ModelService/ListModels"
DELETE = "/descent.v1.ModelService/DeleteModel"
GET = "/descent.v1.ModelService/GetModel"
# DeleteModelRequest and GetModelRequest, which name the model "none" in their first field.
NONE = b"\x0a\x04none"


def make(*arguments):
    """(token, lines for the access file)"""
    output = subprocess.run([descent, "token", *arguments], check=True, timeout=TIMEOUT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    token, entry = output.split("\n", 1)
    return token, entry


class AccessTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.file = self.directory / "access.toml"
        self.log = self.directory / "log"

    def replace(self, text):
        new = self.directory / "new"
        new.write_text(text)
        os.replace(new, self.file)

    def serve(self):
        log = open(self.log, "w")
        self.addCleanup(log.close)
        server = LiveServer(descentd, options=("--access", str(self.file), "--log-format", "json"),
                            errors=log)
        server.start()
        self.addCleanup(server.kill)
        channel = grpc.insecure_channel(server.address, options=OPTIONS)
        self.addCleanup(channel.close)
        return server, channel

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def await_line(self, message, count=1):
        end = time.monotonic() + TIMEOUT
        while sum(line["message"] == message for line in self.lines()) < count:
            self.assertLess(time.monotonic(), end, f"no {message!r} in {self.log.read_text()}")
            time.sleep(0.02)

    def call(self, channel, method, request, *headers):
        """The code of how it ended, and what was said."""
        metadata = tuple(("authorization", header) for header in headers)
        try:
            channel.unary_unary(method)(request, timeout=TIMEOUT, metadata=metadata)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return "OK", ""

    def code(self, *arguments):
        return self.call(*arguments)[0]

    def test_each_does_what_it_may(self):
        reader, as_reader = make("--name", "web", "--models", "pricing-*")
        admin, as_admin = make("--name", "ops", "--role", "admin")
        self.file.write_text(as_reader + as_admin)
        server, channel = self.serve()
        for method in (HEALTH, LIST):
            self.assertEqual(self.code(channel, method, b""), "UNAUTHENTICATED")
            self.assertEqual(self.code(channel, method, b"", "Bearer x" + reader),
                             "UNAUTHENTICATED")
            self.assertEqual(self.code(channel, method, b"", "Bearer " + reader, "Bearer " + reader),
                             "UNAUTHENTICATED")
            self.assertEqual(self.code(channel, method, b"", "bearer " + reader), "OK")
            self.assertEqual(self.code(channel, method, b"", "Bearer " + admin), "OK")
        code, details = self.call(channel, DELETE, NONE, "Bearer " + reader)
        self.assertEqual((code, details), (
            "PERMISSION_DENIED", "DeleteModel takes the role admin, and web has the role reader"))
        code, details = self.call(channel, GET, NONE, "Bearer " + reader)
        self.assertEqual((code, details),
                         ("PERMISSION_DENIED", "web may not use a model named 'none'"))
        self.assertEqual(self.code(channel, GET, NONE, "Bearer " + admin), "NOT_FOUND")
        self.assertEqual(self.code(channel, DELETE, NONE, "Bearer " + admin), "NOT_FOUND")

        self.await_line("a call was refused", 8)
        self.assertEqual(server.stop(), 0)
        text = self.log.read_text()
        for secret in (reader, admin, reader[4:20], admin[4:20]):
            self.assertNotIn(secret, text)
        refused = [line for line in self.lines() if line["message"] == "a call was refused"]
        self.assertEqual({(line["reason"], line["caller"]) for line in refused}, {
            ("CREDENTIALS_MISSING", ""), ("CREDENTIALS_UNKNOWN", ""), ("CREDENTIALS_MALFORMED", ""),
            ("ROLE_NOT_PERMITTED", "web"), ("MODEL_NOT_PERMITTED", "web")})

    def test_the_command_shows_its_token(self):
        token_file = self.directory / "web.token"
        self.file.write_text(subprocess.run(
            [descent, "token", "--name", "web", "--file", token_file], check=True, timeout=TIMEOUT,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
        server, _ = self.serve()

        def run(*arguments):
            run = subprocess.run([descent, "--server", server.address, *arguments], check=False,
                                 timeout=TIMEOUT, text=True, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
            return run.returncode, run.stderr

        self.assertEqual(run("--token-file", token_file, "list")[0], 0)
        code, errors = run("list")
        self.assertEqual(code, 1)
        self.assertIn("(UNAUTHENTICATED)", errors)
        code, errors = run("--token-file", token_file, "delete", "x")
        self.assertEqual(code, 1)
        self.assertIn("DeleteModel takes the role admin", errors)
        self.assertEqual(server.stop(), 0)

    def test_tokens_are_rotated_with_no_failed_call(self):
        old, as_old = make("--name", "web")
        new, as_new = make("--name", "web")
        self.file.write_text(as_old)
        server, channel = self.serve()
        token = [old]
        stop = threading.Event()
        codes = []

        def load():
            while not stop.is_set():
                codes.append(self.code(channel, LIST, b"", "Bearer " + token[0]))

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        self.replace(as_old + as_new)  # both are good until every client has the new one
        self.await_line("the access file was read again", 1)
        token[0] = new
        seen = len(codes)
        while len(codes) < seen + 10:
            time.sleep(0.01)
        with open(self.file, "w") as file:  # written to, not replaced
            file.write(as_new)
        self.await_line("the access file was read again", 2)
        seen = len(codes)
        while len(codes) < seen + 10:
            time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(codes), {"OK"})
        self.assertEqual(self.code(channel, LIST, b"", "Bearer " + old), "UNAUTHENTICATED")
        self.assertEqual(server.stop(), 0)

    def test_a_wrong_file_leaves_the_old_rules_and_is_told_once(self):
        token, entry = make()
        self.file.write_text(entry)
        server, channel = self.serve()
        told = "the access file can't be read right; its last rules stay in force"
        self.replace(entry.replace("reader", "writer"))
        self.await_line(told)
        self.file.unlink()
        self.await_line(told, 2)
        time.sleep(1.5)
        self.assertEqual(self.code(channel, LIST, b"", "Bearer " + token), "OK")
        errors = [line["error"] for line in self.lines() if line["message"] == told]
        self.assertEqual(errors, [
            f"{self.file}:5: caller[0].role: expected reader, trainer or admin, got 'writer'",
            f"{self.file}: expected a file of callers, got No such file or directory"])
        self.replace(entry)
        self.await_line("the access file was read again")
        self.assertEqual(self.code(channel, LIST, b"", "Bearer " + token), "OK")
        self.assertEqual(server.stop(), 0)

    def test_a_server_does_not_start_on_a_wrong_file(self):
        self.file.write_text("[[caller]]\nname = 'a'\nrole = 'writer'\n")
        for file, what in ((self.file, "access.toml:3: caller[0].role: expected reader"),
                           (self.directory / "none", "No such file"), ("", "--access")):
            run = subprocess.run([descentd, "--in-memory", "--listen", "127.0.0.1:0", "--access", file],
                                 check=False, timeout=TIMEOUT, stderr=subprocess.PIPE, text=True)
            self.assertEqual(run.returncode, 64)
            self.assertIn(what, run.stderr)


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
