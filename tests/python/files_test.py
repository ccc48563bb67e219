"""Exports and imports that are under way when their server is told to end.

    files_test.py DESCENTD
"""

import pathlib
import subprocess
import tempfile
import threading
import unittest

import grpc
import package
import descent
from descent._files import export_request, import_chunks, import_start
from live_server import TIMEOUT, LiveServer

WIDE = descent.Network(64, [descent.Dense(4096, "relu"), descent.Dense(1024)])  # 18 MB


class Ending:
    """A server that has been told to end."""

    def __init__(self, server):
        self._code = None
        self._thread = threading.Thread(target=self._stop, args=(server,))
        self._thread.start()

    def _stop(self, server):
        self._code = server.stop()

    def code(self):
        """How it ended."""
        self._thread.join(TIMEOUT)
        return self._code


class DrainTest(unittest.TestCase):
    def serve(self, seconds):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = LiveServer(package.descentd, directory, options=[f"--drain-timeout={seconds}"],
                            errors=subprocess.DEVNULL)
        server.start()
        self.addCleanup(server.kill)
        client = self.enterContext(descent.Client(server.address))
        client.create("wide", WIDE)
        return server, client

    def download(self, client):
        request = export_request("wide", "wide.safetensors", None, False)
        return client._calls.download("ExportModel", request, TIMEOUT)

    def file_of(self, client):
        path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "wide.safetensors"
        client.model("wide").export(path)
        return path

    def upload(self, client, path, wait):
        """Begins to import a file, and calls `wait` when half of it is sent."""
        half = path.stat().st_size // 2

        def requests():
            yield import_start(path, "copy", None, None, None, None, "", None)
            with open(path, "rb") as file:
                waited = False
                for chunk in import_chunks(file):
                    yield chunk
                    if not waited and file.tell() > half:
                        waited = True
                        wait()

        return client._calls.upload("ImportModel", requests(), TIMEOUT)

    def test_an_export_that_goes_on_is_finished(self):
        server, client = self.serve(TIMEOUT)
        path = self.file_of(client)
        parts = self.download(client)
        chunks = [next(parts).chunk]
        ending = Ending(server)
        chunks += [part.chunk for part in parts]
        self.assertEqual(ending.code(), 0)
        self.assertTrue(b"".join(chunks) == path.read_bytes())

    def test_an_export_that_nobody_reads_does_not_hold_up_the_end(self):
        server, client = self.serve(0.5)
        parts = self.download(client)
        next(parts)
        self.assertIn(server.stop(), (0, 1))  # in the test's time
        with self.assertRaises(Exception):
            list(parts)

    def test_an_import_that_is_not_all_there_yet_is_refused(self):
        server, client = self.serve(TIMEOUT)
        path = self.file_of(client)
        endings = []
        call = self.upload(client, path, lambda: endings.append(Ending(server)))
        self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(endings[0].code(), 0)
        server.start()
        with self.assertRaises(descent.NotFoundError):
            client.model("copy")
        copy = client.import_model(path, "copy")
        self.assertEqual(copy.state_hash, client.model("wide").state_hash)

    def test_an_import_that_never_ends_leaves_nothing(self):
        server, client = self.serve(0.5)
        over, sent = threading.Event(), threading.Event()
        self.addCleanup(over.set)

        def wait():
            sent.set()
            over.wait(TIMEOUT)

        call = self.upload(client, self.file_of(client), wait)
        self.assertTrue(sent.wait(TIMEOUT))
        self.assertIn(server.stop(), (0, 1))
        over.set()
        with self.assertRaises(Exception):
            call.result(TIMEOUT)
        server.start()
        with self.assertRaises(descent.NotFoundError):
            client.model("copy")
        self.assertEqual(client.model("wide").step_count, 0)


if __name__ == "__main__":
    package.main()
