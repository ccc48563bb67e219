"""README's lines of grpcurl, as they are, by grpcurl itself."""

import json
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

from languages import ROOT, Tool, fetch
from live_server import TIMEOUT, LiveServer
from readme_test import README, blocks, commands
from secured import secured_server

PROGRAMS = ROOT / "build/interop/bin"


class Grpcurl:
    name = "grpcurl"

    def build(self):
        Tool(("go", "version"), (1, 18)).check()
        install, = [line for line in README.split("`") if line.startswith("go install ")]
        fetch(install.split(), ROOT, GOBIN=str(PROGRAMS))

    def suite(self, descentd):
        named = type("Grpcurl", (GrpcurlTest,), {"descentd": descentd})
        return unittest.defaultTestLoader.loadTestsFromTestCase(named)


class GrpcurlTest(unittest.TestCase):
    descentd = None

    def run_line(self, line, server):
        command = [part.replace("127.0.0.1:50051", server.address) for part in line[1:]]
        return subprocess.run([PROGRAMS / "grpcurl", *command], text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_the_lines_of_the_readme(self):
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            answers = []
            for line in commands("grpcurl"):
                with self.subTest(line=" ".join(line)):
                    done = self.run_line(line, server)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    answers.append(done.stdout)
        self.assertEqual(len(answers), 5)
        self.assertIn("descent.v1.NetworkService\n", answers[0])
        self.assertIn("rpc Predict ( .descent.v1.PredictRequest )", answers[1])
        shown, promised = json.loads(answers[-1]), json.loads(blocks("json")[0])
        values = [answer["outputs"]["floats"].pop("values")[0] for answer in (shown, promised)]
        self.assertAlmostEqual(*values, places=5)  # instruction sets round differently
        self.assertEqual(shown, promised)

    def test_a_server_that_encrypts_and_asks(self):
        (options,) = re.findall(r"wants `(-cacert [^`]*)` in the place of `-plaintext`", README)
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        server, authority = secured_server(self.descentd, directory, "secret-of-grpcurl", "reader", "*")
        options = options.replace("$TOKEN", "secret-of-grpcurl").replace("ca.pem", str(authority))
        with server:
            for given, code in ((shlex.split(options), 0), (shlex.split(options)[:2], 1)):
                line = ["grpcurl", *given, "127.0.0.1:50051", "descent.v1.ModelService/ListModels"]
                done = self.run_line(line, server)
                self.assertEqual(min(done.returncode, 1), code, done.stderr)

    def test_an_error_tells_its_reason(self):
        line = ["grpcurl", "-plaintext", "-d", '{"name": "none"}', "127.0.0.1:50051",
                "descent.v1.ModelService/GetModel"]
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            done = self.run_line(line, server)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("NotFound", done.stderr)
        self.assertIn("MODEL_NOT_FOUND", done.stderr)
