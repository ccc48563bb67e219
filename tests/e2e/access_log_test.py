"""The line that each call leaves, with the trace that its caller named, and the warning of a slow one.

    access_log_test.py DESCENTD DESCENT
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import grpc

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "hostile"))

import http2
from live_server import TIMEOUT, LiveServer

OPTIONS = [("grpc.enable_http_proxy", 0)]
GET = "/descent.v1.ModelService/GetModel"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


class AccessLogTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.access_log = self.directory / "access.log"
        self.log = self.directory / "log"
        errors = self.enterContext(self.log.open("w"))
        # A call of 1 ms is slow; the command's training makes some that wait for a thread.
        self.server = self.enterContext(LiveServer(
            descentd, errors=errors,
            options=["--access-log", str(self.access_log), "--slow-call-ms", "1",
                     "--log-level", "debug", "--log-format", "json"]))

    def call(self, name, *metadata):
        with grpc.insecure_channel(self.server.address, options=OPTIONS) as channel:
            method = channel.unary_unary(GET)
            try:
                method(b"\x0a" + bytes([len(name)]) + name, metadata=metadata, timeout=TIMEOUT)
            except grpc.RpcError as error:
                return error
        raise AssertionError("there is such a model")

    def await_lines(self, count, path=None):
        """The first so many calls, once they are written."""
        path = path or self.access_log
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            lines = path.read_text().splitlines() if path.exists() else []
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            time.sleep(0.05)
        raise AssertionError(f"{count} lines did not come")

    def test_the_commands_calls_are_of_its_trace(self):
        # Large enough that computing its predictions takes a while.
        subprocess.run(
            [descent, "train", "spirals", "--generate", "two-spirals", "--rows", "2000", "--layers",
             "256,256", "--epochs", "1", "--server", self.server.address],
            check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, TRACEPARENT=TRACEPARENT))
        lines = self.await_lines(3)
        methods = {line["method"] for line in lines}
        self.assertIn("/descent.v1.ModelService/CreateModel", methods)
        self.assertIn("/descent.v1.NetworkService/Train", methods)
        for line in lines:
            self.assertEqual(line["trace_id"], TRACE_ID, line)
            self.assertEqual(line["parent_id"], PARENT_ID, line)
            self.assertIn(line["code"], ("OK", "NOT_FOUND"), line)
            self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertGreater(line["milliseconds"], 0)
            self.assertRegex(line["peer"], r"^ipv4:127\.0\.0\.1:\d+$")
        created = [line for line in lines if line["method"].endswith("/CreateModel")][0]
        self.assertEqual(created["model"], "spirals")
        self.assertRegex(created["request_id"], ".")
        # The log's own lines have it too.
        calls = [json.loads(line) for line in self.log.read_text().splitlines()]
        for call in calls:
            if call["message"] in ("call", "a call was slow"):
                self.assertEqual(call["trace_id"], TRACE_ID, call)
        for slow in (call for call in calls if call["message"] == "a call was slow"):
            parts = [slow[part + "_milliseconds"] for part in ("waited", "worked", "sent")]
            self.assertAlmostEqual(sum(parts), slow["milliseconds"], delta=0.01)
            self.assertGreaterEqual(min(parts), 0)

    def test_what_is_no_traceparent_is_taken_for_none(self):
        self.call(b"good", ("traceparent", TRACEPARENT))
        self.call(b"capitals", ("traceparent", TRACEPARENT.upper()))
        self.call(b"forged", ("traceparent", '","trace_id":"forged'))
        # Calls of which one's end is noticed after the next one's may change places.
        lines = {line["model"]: line for line in self.await_lines(3)}
        self.assertEqual(lines["good"]["trace_id"], TRACE_ID)
        self.assertEqual(lines["good"]["reason"], "MODEL_NOT_FOUND")
        self.assertNotIn("trace_id", lines["capitals"])
        self.assertNotIn("trace_id", lines["forged"])

    def test_several_traceparents_are_not_mixed(self):
        # By hand, since a client of a current gRPC sends the last alone.
        last = "b" * 32
        connection = http2.Connection(self.server.address)
        self.addCleanup(connection.close)
        stream = connection.start(GET, headers=[
            (b"traceparent", TRACEPARENT.encode()),
            (b"traceparent", f"00-{last}-{PARENT_ID}-01".encode())])
        connection.small_message(stream, b"\x0a\x04none", end=True)
        line, = self.await_lines(1)
        self.assertEqual(line["reason"], "MODEL_NOT_FOUND")
        loaded = pathlib.Path(f"/proc/{self.server.pid}/maps").read_text()
        if "/libgrpc++.so.1.51" in loaded:  # which hands on both; later ones keep the last
            self.assertNotIn("trace_id", line)
        else:
            self.assertEqual(line["trace_id"], last)

    def test_a_callers_text_makes_no_line(self):
        error = self.call(b'a"}\n{"forged":1')
        self.assertIs(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.call(b'a\n{"forged":1}\n')
        self.call(b"none")
        lines = self.await_lines(3)
        self.assertEqual(len(lines), 3)
        for text in (self.access_log.read_text(), self.log.read_text()):
            for line in text.splitlines():
                self.assertNotIn("forged", json.loads(line))

    def test_who_rotates_may_send_a_hangup(self):
        self.call(b"none")
        self.server.send(signal.SIGHUP)
        self.call(b"none")
        self.await_lines(2)  # and the server ends well with the test

    def test_the_file_may_be_moved_away(self):
        self.call(b"none")
        self.await_lines(1)
        moved = self.directory / "access.log.1"
        os.replace(self.access_log, moved)
        deadline = time.monotonic() + TIMEOUT
        while not self.access_log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.call(b"none")
        self.await_lines(1)
        self.assertEqual(len(self.await_lines(1, moved)), 1)


if __name__ == "__main__":
    descentd, descent = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
