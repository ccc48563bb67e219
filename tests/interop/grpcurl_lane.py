"""README's lines of grpcurl, as they are, by grpcurl itself."""

import json
import subprocess
import unittest

from languages import ROOT, Tool, fetch
from live_server import TIMEOUT, LiveServer
from readme_test import README, blocks, commands

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

    def test_an_error_tells_its_reason(self):
        line = ["grpcurl", "-plaintext", "-d", '{"name": "none"}', "127.0.0.1:50051",
                "descent.v1.ModelService/GetModel"]
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            done = self.run_line(line, server)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("NotFound", done.stderr)
        self.assertIn("MODEL_NOT_FOUND", done.stderr)
