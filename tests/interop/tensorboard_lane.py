"""TensorBoard as it comes from PyPI reads what `descent` writes for it: of a run, of one that goes on, and of what the
server has kept."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from interop_test import CLEAN
from languages import ROOT, Tool, fetch
from live_server import TIMEOUT, LiveServer

PACKAGES = ROOT / "build/interop/tensorboard"
READER = pathlib.Path(__file__).with_name("tensorboard_reader.py")
# Its reader asks for pkg_resources, which newer ones have not.
REQUIREMENTS = ("tensorboard", "setuptools<81")
POINTS = ["train/loss", "train/gradient_norm", "train/learning_rate"]


class TensorBoard:
    name = "tensorboard"

    def build(self):
        Tool(("pip3", "--version"), (20, 3)).check()
        if not PACKAGES.exists():
            fetch([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PACKAGES), *REQUIREMENTS], ROOT)

    def suite(self, descentd):
        named = type("TensorBoardReads", (TensorBoardTest,), {"descentd": descentd})
        return unittest.defaultTestLoader.loadTestsFromTestCase(named)


class TensorBoardTest(unittest.TestCase):
    descentd = None

    @classmethod
    def setUpClass(cls):
        cls.server = LiveServer(cls.descentd, errors=subprocess.DEVNULL)
        cls.enterClassContext(cls.server)
        cls.descent = pathlib.Path(cls.descentd).with_name("descent")

    def setUp(self):
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.events = self.place / "runs/first"  # neither is there

    def run_descent(self, *arguments):
        """Its results, a line of JSON each."""
        done = subprocess.run([self.descent, *map(str, arguments), "--server", self.server.address, "--json"],
                              env=CLEAN, timeout=TIMEOUT, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def train(self, name, *more):
        return self.run_descent("train", name, "--generate", "friedman1", "--rows", 4000, "--layers", 8,
                                "--batch", 50, "--tensorboard", self.events, *more)

    def read(self, directory):
        """{tag: [(step, wall time, value)]} as TensorBoard's own accumulator has it."""
        done = subprocess.run([sys.executable, "-B", READER, directory], timeout=TIMEOUT, text=True,
                              env={**CLEAN, "PYTHONPATH": str(PACKAGES)}, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        return json.loads(done.stdout)

    def assertClose(self, value, expected):
        self.assertLess(abs(value - expected), 1e-6 * (1 + abs(expected)))

    def check_against(self, scalars, epochs):
        """What is told of epochs by train --json is the same in the pictures."""
        tests = {step: value for step, _, value in scalars["test/loss"]}
        self.assertEqual(sorted(tests), [epoch["step"] for epoch in epochs])
        for epoch in epochs:
            self.assertClose(tests[epoch["step"]], epoch["test_loss"])
            for metric in ("rmse", "mae", "r2"):
                values = {step: value for step, _, value in scalars[f"test/{metric}"]}
                self.assertClose(values[epoch["step"]], epoch[metric])

    def test_a_run_and_its_going_on(self):
        begin = time.time()
        *epochs, _ = self.train("going", "--epochs", 3)
        *more, _ = self.train("going", "--epochs", 2)
        self.assertEqual(len(list(self.events.iterdir())), 2)
        scalars = self.read(self.events)
        self.check_against(scalars, epochs + more)
        for tag in POINTS:
            steps = [step for step, _, _ in scalars[tag]]
            self.assertEqual(steps, sorted(set(steps)), tag)
            self.assertEqual(steps[-1], 5 * 80)
            self.assertGreaterEqual(len(steps), 5 * 80 // 16)
        for tag, values in scalars.items():
            for _, wall, value in values:
                self.assertTrue(begin - 1 <= wall <= time.time() + 1, tag)
                self.assertTrue(value > 0 or tag == "test/r2", tag)
        self.assertIn("train/rows_per_second", scalars)
        # The mean over an epoch is what its points say, each over as many rows.
        losses = [value for step, _, value in scalars["train/loss"] if step <= epochs[0]["step"]]
        self.assertClose(sum(losses) / len(losses), epochs[0]["training_loss"])

    def test_what_is_trained_anew_replaces_what_was_shown(self):
        self.train("anew", "--epochs", 3)
        self.run_descent("delete", "anew")
        *epochs, _ = self.train("anew", "--epochs", 1, "--seed", 5)
        self.check_against(self.read(self.events), epochs)

    def test_what_the_server_kept(self):
        self.train("kept", "--epochs", 2)
        points = self.run_descent("history", "kept", "--tensorboard", self.place / "kept")
        scalars = self.read(self.place / "kept")
        for tag in POINTS:
            field = tag.split("/")[1]
            self.assertEqual([step for step, _, _ in scalars[tag]], [int(point["step"]) for point in points])
            for (_, wall, value), point in zip(scalars[tag], points):
                self.assertClose(value, float(point[field]))
                self.assertLess(abs(wall - time.time()), TIMEOUT)
        for metric in "rmse", "mae":
            for (step, _, value), point in zip(scalars[f"train/{metric}"], points):
                self.assertEqual(step, int(point["step"]))
                self.assertClose(value, point["metrics"][metric])

    def test_it_is_seen_while_training_goes_on(self):
        training = subprocess.Popen(
            [self.descent, "train", "seen", "--generate", "friedman1", "--epochs", "100000", "--tensorboard",
             self.events, "--server", self.server.address], env=CLEAN, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + TIMEOUT
            seen = 0
            while seen == 0 and training.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
                seen = len(self.read(self.events).get("test/loss", ())) if self.events.exists() else 0
            self.assertIsNone(training.poll())
            self.assertGreater(seen, 0)
        finally:
            training.kill()
            training.wait()
        self.assertGreaterEqual(len(self.read(self.events)["test/loss"]), seen)
