"""descent.Server: a server that is there for as long as it is wanted.

    server_test.py DESCENTD
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import package
import descent
from live_server import TIMEOUT
from problems import batches, network


class ServerTest(unittest.TestCase):
    def test_models_last_in_a_directory_and_not_in_memory(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        with descent.Server(directory) as server:
            with descent.Client(server.target) as client:
                client.create("m", network()).train(batches(10))
        self.assertEqual(server.target, "")
        for kept, expected in ((directory, [10]), (None, [])):
            with descent.Server(kept, ["--threads", "1"]) as server:
                with descent.Client(server.target) as client:
                    self.assertEqual([model.step for model in client.models()], expected)

    def test_a_server_can_be_started_and_stopped_by_hand(self):
        server = descent.Server()
        self.assertIsNone(server.stop())
        server.start()
        server.start()
        self.assertIn(server.target, repr(server))
        self.assertEqual(server.stop(), 0)
        self.assertIsNone(server.stop())

    def test_one_that_can_not_start_says_why(self):
        with self.assertRaisesRegex(descent.UnavailableError, "status 64.*--nonsense"):
            descent.Server(options=["--nonsense"]).start()

    def test_without_a_program_it_says_what_to_install(self):
        with mock.patch.dict(os.environ, {"PATH": "/nowhere"}), mock.patch.dict(
                sys.modules, {"descent_server": None}):
            del os.environ["DESCENTD"]
            with self.assertRaisesRegex(FileNotFoundError, "the wheel descent-server"):
                descent.Server().start()

    def test_it_ends_with_its_process_however_that_ends(self):
        program = ("import descent, os\n"
                   "server = descent.Server()\n"
                   "server.start()\n"
                   "print(server.target, flush=True)\n"
                   "os.kill(os.getpid(), 9)")
        died = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.assertEqual(died.returncode, -signal.SIGKILL)
        end = time.monotonic() + TIMEOUT
        once = descent.RetryPolicy(give_up_after=0)
        with descent.Client(died.stdout.strip(), retry=once) as client:
            with self.assertRaises(descent.UnavailableError):
                while time.monotonic() < end:
                    try:
                        client.models()
                    except descent.DescentError as error:
                        # A call that comes as the server goes may be cut off.
                        if error.code != "CANCELLED":
                            raise

    def test_it_starts_while_other_threads_make_calls(self):
        # gRPC's handlers of forks, which Python uses to start a process before 3.10, may abort the new process then.
        program = ("import descent, threading, numpy as np\n"
                   "done = threading.Event()\n"
                   "def predict(model):\n"
                   "    while not done.is_set(): model.predict(np.ones((1, 3)))\n"
                   "with descent.Server() as first, descent.Client(first.target) as client:\n"
                   "    model = client.create('busy', descent.Network(3, [descent.Dense(1)]))\n"
                   "    callers = [threading.Thread(target=predict, args=(model,)) for _ in range(3)]\n"
                   "    for caller in callers: caller.start()\n"
                   "    try:\n"
                   "        for _ in range(40):\n"
                   "            with descent.Server(): pass\n"
                   "    finally:\n"
                   "        done.set()\n"
                   "        for caller in callers: caller.join()\n")
        variables = {name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"}
        done = subprocess.run([sys.executable, "-c", program], env=variables, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_interrupt_of_the_terminal_does_not_stop_it(self):
        with descent.Server() as server:
            self.assertNotEqual(os.getpgid(server._process.pid), os.getpgid(0))


if __name__ == "__main__":
    package.main()
