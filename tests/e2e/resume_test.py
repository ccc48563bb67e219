"""Training through connections that break, with the real client and server: the model comes out as
if they had held.

    resume_test.py DESCENTD DESCENT
"""

import json
import random
import subprocess
import sys
import threading
import unittest

from cutting_proxy import CuttingProxy
from live_server import TIMEOUT, LiveServer

CUTS = 8


def descent(*arguments):
    command = [descent_program, "--json", *arguments]
    return subprocess.run(
        command, check=True, timeout=TIMEOUT, stdout=subprocess.PIPE, text=True
    ).stdout


def train(address, model):
    descent("--server", address, "train", model, "--generate", "friedman1", "--rows", "40000",
            "--batch", "16", "--layers", "16", "--epochs", "6", "--seed", "3")


class ResumeTest(unittest.TestCase):
    def test_broken_connections_leave_no_trace(self):
        server = self.enterContext(LiveServer(descentd))
        train(server.address, "undisturbed")

        proxy = self.enterContext(CuttingProxy(server.address))
        done = threading.Event()

        def disturb():
            chance = random.Random(1)
            while proxy.cuts < CUTS and not done.wait(chance.uniform(0.02, 0.2)):
                proxy.cut()

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            train(proxy.address, "disturbed")
        finally:
            done.set()
            thread.join()
        self.assertGreaterEqual(proxy.cuts, 2)

        undisturbed, disturbed = (
            json.loads(descent("--server", server.address, "get", model))
            for model in ("undisturbed", "disturbed")
        )
        self.assertEqual(disturbed["step"], undisturbed["step"])
        self.assertEqual(disturbed["state_hash"], undisturbed["state_hash"])


if __name__ == "__main__":
    descentd, descent_program = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
