"""The Python example against a live server: its stubs are generated, it trains and predicts.

    python_example_test.py DESCENTD
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from cutting_proxy import CuttingProxy
from live_server import TIMEOUT, LiveServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "client/examples/python"


def setUpModule():
    global stubs
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    stubs = directory.name
    environment = dict(os.environ, PYTHON=sys.executable)
    command = [EXAMPLE / "generate_stubs", stubs]
    subprocess.run(command, env=environment, check=True, timeout=TIMEOUT)
    sys.path += [stubs, str(EXAMPLE)]


class PythonExampleTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(LiveServer(descentd))

    def test_runs(self):
        output = subprocess.run(
            [sys.executable, "-B", EXAMPLE / "example.py", self.server.address],
            env=dict(os.environ, DESCENT_STUBS=stubs),
            check=True,
            timeout=TIMEOUT,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        self.assertRegex(output, r"created python-example: 5057 parameters")
        rmse = float(re.search(r"test rmse ([0-9.]+)", output).group(1))
        self.assertLess(rmse, 1.3)  # the noise alone is 1, the data's own deviation 5
        influential = re.search(r"features by influence: (.*)", output).group(1).split()[:5]
        self.assertEqual(set(influential), {"x1", "x2", "x3", "x4", "x5"})
        self.assertRegex(output, r"refused as it should be: INVALID_ARGUMENT: inputs: .*\[n, 10\]")
        self.assertRegex(output, r"(?m)^  reason [A-Z_]+$")
        self.assertRegex(output, r"(?m)^  field inputs: ")

    def test_training_goes_on_after_a_broken_connection(self):
        import example
        import grpc
        import numpy as np
        import training

        batches = [(np.full((4, 10), i, np.float32), np.zeros((4, 1), np.float32))
                   for i in range(1000)]
        proxy = self.enterContext(CuttingProxy(self.server.address))
        channel = self.enterContext(grpc.insecure_channel(
            proxy.address, options=[("grpc.enable_http_proxy", 0)]))
        models = example.models_grpc.ModelServiceStub(channel)
        networks = example.networks_grpc.NetworkServiceStub(channel)
        example.create(models)
        for ack in training.train(networks, example.MODEL, batches):
            if ack.sequence in (100, 101, 500, 999):
                proxy.cut()
        self.assertEqual(ack.sequence, len(batches))
        self.assertEqual(ack.step, len(batches))  # no batch was applied twice
        self.assertGreaterEqual(proxy.cuts, 3)


if __name__ == "__main__":
    descentd = sys.argv.pop(1)
    unittest.main()
