"""A server that is stopped, or killed, and started again in the middle of `descent train`: training
goes on by itself, and the model comes out as if nothing had happened.

    restart_test.py DESCENTD DESCENT
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from live_server import TIMEOUT, LiveServer

EPOCHS = 9
# Seconds until training goes on once the server is back, on a machine that has nothing else to do.
LONGEST_STALL = 8
# Few rows to test with, so that most of the time batches are on their way.
DATA = ("--generate", "friedman1", "--rows", "20000", "--test-fraction", "0.01", "--batch", "16",
        "--layers", "16", "--epochs", str(EPOCHS), "--seed", "3")


def descent(address, *arguments):
    return [descent_program, "--server", address, "--json", *arguments]


def get(server, model):
    output = subprocess.run(descent(server.address, "get", model), check=True, timeout=TIMEOUT,
                            stdout=subprocess.PIPE).stdout
    return json.loads(output)


def history(server, model):
    """What a model has of its training, but for the times."""
    output = subprocess.run(descent(server.address, "history", model), check=True, timeout=TIMEOUT,
                            stdout=subprocess.PIPE, text=True).stdout
    points = [json.loads(line) for line in output.splitlines()]
    for point in points:
        del point["time"]
    return points


class RestartTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with LiveServer(descentd) as server:
            start = time.monotonic()
            subprocess.run(descent(server.address, "train", "model", *DATA), check=True,
                           timeout=TIMEOUT, stdout=subprocess.DEVNULL)
            duration = time.monotonic() - start
            cls.longest_stall = LONGEST_STALL + 3 * duration
            cls.epoch_seconds = duration / EPOCHS
            cls.undisturbed = get(server, "model")
            cls.undisturbed_history = history(server, "model")

    def await_epoch(self, training, epoch):
        line = ""
        while f'"epoch":{epoch},' not in line:
            line = training.stdout.readline()
            self.assertTrue(line, "training ended too early")

    def train_through(self, number, expected_code):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(LiveServer(descentd, directory))
        training = subprocess.Popen(descent(server.address, "train", "model", *DATA),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(training.stderr.close)
        self.addCleanup(training.stdout.close)
        self.addCleanup(training.wait)
        self.addCleanup(training.kill)
        chance = random.Random(number)
        # Restarts come at different moments of an epoch: when it begins or the last one is being
        # judged, and while batches are on their way.
        for epoch, part in ((1, 0.5), (3, 0.0), (5, 0.3), (7, 0.7)):
            self.await_epoch(training, epoch)
            time.sleep(part * self.epoch_seconds)
            self.assertEqual(server.stop(number), expected_code)
            time.sleep(chance.uniform(0, 1.5))
            server.start()
            back = time.monotonic()
            self.await_epoch(training, epoch + 1)
            self.assertLess(time.monotonic() - back, self.longest_stall)
        # Not communicate(), which would pass over what has been read ahead.
        output, errors = training.stdout.read(), training.stderr.read()
        self.assertEqual(training.wait(TIMEOUT), 0, output + errors)
        result = json.loads(output.splitlines()[-1])
        self.assertEqual(result["epochs"], EPOCHS)

        model = get(server, "model")
        self.assertEqual(model["step"], self.undisturbed["step"])
        self.assertEqual(model["state_hash"], self.undisturbed["state_hash"])
        self.assertEqual(model["durable_step"], model["step"])
        self.assertEqual(history(server, "model"), self.undisturbed_history)
        return errors

    def test_a_server_that_is_stopped_in_order(self):
        self.train_through(signal.SIGTERM, 0)

    def test_a_server_that_is_killed(self):
        errors = self.train_through(signal.SIGKILL, -signal.SIGKILL)
        self.assertIn("mending it", errors)

    def restarted_during(self, number, expected_code, csv, feed=None):
        """What `evaluate` prints when the server is away for a second in the middle of it."""
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(LiveServer(descentd, directory, options=["--drain-timeout=0.5"]))
        subprocess.run(descent(server.address, "train", "model", "--csv", csv, "--epochs", "1"),
                       check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
        source = csv if feed is None else "-"
        evaluation = subprocess.Popen(descent(server.address, "evaluate", "model", "--csv", source),
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.addCleanup(evaluation.stderr.close)
        self.addCleanup(evaluation.stdout.close)
        self.addCleanup(evaluation.wait)
        self.addCleanup(evaluation.kill)
        if feed is not None:
            evaluation.stdin.write(feed[:len(feed) // 2])
            evaluation.stdin.flush()
        time.sleep(0.1)
        self.assertIn(server.stop(number), expected_code)
        time.sleep(1)
        server.start()
        output, errors = evaluation.communicate(
            input=None if feed is None else feed[len(feed) // 2:], timeout=TIMEOUT)
        self.assertEqual(evaluation.returncode, 0, output + errors)
        undisturbed = subprocess.run(
            descent(server.address, "evaluate", "model", "--csv", csv), check=True,
            timeout=TIMEOUT, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(output, undisturbed)

    def make_rows(self, rows):
        chance = random.Random(rows)
        lines = ["a,b,y"]
        for _ in range(rows):
            a, b = chance.random(), chance.random()
            lines.append(f"{a:.6f},{b:.6f},{a - 2 * b:.6f}")
        text = "\n".join(lines) + "\n"
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".csv"))
        file.write(text)
        file.flush()
        return file.name, text

    def test_an_evaluation_of_a_file_is_sent_again(self):
        csv, _ = self.make_rows(100000)
        # A drain that has to cut the evaluation off says so by its status.
        self.restarted_during(signal.SIGTERM, (0, 1), csv)
        self.restarted_during(signal.SIGKILL, (-signal.SIGKILL,), csv)

    def test_an_evaluation_of_a_pipe_is_sent_again(self):
        csv, text = self.make_rows(100000)
        self.restarted_during(signal.SIGTERM, (0, 1), csv, text)
        self.restarted_during(signal.SIGKILL, (-signal.SIGKILL,), csv, text)

    def test_every_command_waits_for_a_server_that_is_started_again(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(LiveServer(descentd, directory + "/data"))
        csv, _ = self.make_rows(100)
        subprocess.run(descent(server.address, "train", "model", "--csv", csv, "--epochs", "1"),
                       check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
        parameters = subprocess.run(descent(server.address, "params", "get", "model"), check=True,
                                    timeout=TIMEOUT, stdout=subprocess.PIPE).stdout
        with open(directory + "/parameters", "wb") as file:
            file.write(parameters)
        commands = (
            ["list"], ["get", "model"], ["predict", "model", "--csv", csv],
            ["evaluate", "model", "--csv", csv], ["gradient", "model", "--csv", csv],
            ["params", "get", "model"], ["params", "set", "model", directory + "/parameters"],
            ["checkpoint", "create", "model"], ["checkpoint", "list", "model"],
            ["create", "other", "--inputs", "2"],
            ["backup", directory + "/backup.db"],
            ["train", "third", "--csv", csv, "--epochs", "1"])
        server.stop()
        processes = [subprocess.Popen(descent(server.address, *command), stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
                     for command in commands]
        time.sleep(1)
        server.start()
        for process in processes:
            output, _ = process.communicate(timeout=TIMEOUT)
            self.assertEqual(process.returncode, 0, f"{process.args}: {output}")

    def test_a_killed_server_has_the_model_that_it_acknowledged(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        server = self.enterContext(LiveServer(descentd, directory))
        subprocess.run(descent(server.address, "train", "model", *DATA), check=True,
                       timeout=TIMEOUT, stdout=subprocess.DEVNULL)
        server.stop(signal.SIGKILL)
        server.start()
        model = get(server, "model")
        self.assertEqual(model["step"], self.undisturbed["step"])
        self.assertEqual(model["state_hash"], self.undisturbed["state_hash"])


if __name__ == "__main__":
    descentd, descent_program = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
