"""Training on a stream: broken connections, killed servers, other processes, interrupts.

    training_test.py DESCENTD
"""

import _thread
import contextlib
import io
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import package
import descent
import numpy as np
from cutting_proxy import CuttingProxy
from live_server import TIMEOUT, LiveServer
from problems import batches, network

PATIENT = descent.RetryPolicy(initial_backoff=0.02, give_up_after=60)
COUNT = 1500


def undisturbed_hash():
    """Of the model after all batches, trained on another server."""
    with LiveServer(package.descentd, errors=subprocess.DEVNULL) as server:
        with descent.Client(server.address) as client:
            model = client.create("m", network())
            model.train(batches(COUNT))
            return model.state_hash


class TrainingTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.server = self.enterContext(
            LiveServer(package.descentd, self.directory, errors=subprocess.DEVNULL))
        self.client = self.enterContext(descent.Client(self.server.address, retry=PATIENT))
        self.model = self.client.create("m", network())

    def test_each_batch_is_one_update(self):
        summary = self.model.train(batches(100))
        self.assertEqual((summary.step, summary.batches, summary.rows, summary.breaks), (100, 100, 400, 0))
        self.assertEqual(summary.skipped, 0)
        other = self.client.create("other", network())
        for x, y in batches(100):
            other.step(x, y)
        self.assertEqual(self.model.state_hash, other.state_hash)
        losses = [point.loss for point in self.model.history()]
        self.assertAlmostEqual(summary.mean_loss, float(np.mean(losses)), places=9)

    def test_no_batches_are_no_updates(self):
        summary = self.model.train([])
        self.assertEqual((summary.step, summary.batches), (0, 0))

    def test_weights_and_lists_and_large_batches_go_too(self):
        x, y = next(batches(1, rows=50_000))
        self.model.train([(x, y, np.ones(len(x))), [x.tolist()[:2], [1, 2]], (x, y)])
        self.assertEqual(self.model.step_count, 3)

    def test_goes_on_after_broken_connections(self):
        proxy = self.enterContext(CuttingProxy(self.server.address))
        client = self.enterContext(descent.Client(proxy.address, retry=PATIENT))

        def disturbed():
            for i, batch in enumerate(batches(COUNT)):
                if i in (3, 400, 401, 1100, COUNT - 1):
                    proxy.cut()
                yield batch

        summary = client.model("m").train(disturbed())
        self.assertEqual((summary.step, summary.batches), (COUNT, COUNT))
        self.assertGreaterEqual(summary.breaks, 2)
        self.assertEqual(self.model.state_hash, undisturbed_hash())

    def test_goes_on_after_the_server_was_killed(self):
        def disturbed():
            for i, batch in enumerate(batches(COUNT)):
                if i in (700, 1200):
                    self.server.kill()
                    self.server.start()
                yield batch

        summary = self.model.train(disturbed())
        self.assertEqual((summary.step, summary.batches), (COUNT, COUNT))
        self.assertGreaterEqual(summary.breaks, 1)  # the second kill may come before the first is overcome
        self.assertEqual(self.model.state_hash, undisturbed_hash())

    def test_batches_that_a_crash_took_back_are_sent_again(self):
        self.model.update(durability="checkpoint")

        def disturbed():
            for i, batch in enumerate(batches(COUNT)):
                if i == 1200:
                    self.server.kill()
                    self.server.start()
                yield batch

        self.assertEqual(self.model.train(disturbed()).step, COUNT)
        self.assertEqual(self.model.state_hash, undisturbed_hash())

    def test_another_process_goes_on_with_a_session_by_its_name(self):
        program = (
            "import descent, sys, os, problems\n"
            "def some():\n"
            "    for i, batch in enumerate(problems.batches(1500)):\n"
            "        if i == 900: os.kill(os.getpid(), 9)\n"
            "        yield batch\n"
            "client = descent.Client(sys.argv[1])\n"
            "client.model('m').train(some(), session='run')\n")
        path = os.pathsep.join([package.staged, str(pathlib.Path(__file__).parent)])
        died = subprocess.run([sys.executable, "-c", program, self.server.address], timeout=TIMEOUT,
                              env=dict(os.environ, PYTHONPATH=path))
        self.assertEqual(died.returncode, -signal.SIGKILL)
        summary = self.model.train(batches(COUNT), session="run")
        self.assertGreater(summary.skipped, 0)
        self.assertEqual((summary.skipped + summary.batches, summary.step), (COUNT, COUNT))
        self.assertEqual(self.model.state_hash, undisturbed_hash())
        again = self.model.train(batches(COUNT), session="run")
        self.assertEqual((again.skipped, again.batches, again.step), (COUNT, 0, COUNT))

    def test_a_bad_batch_is_named_and_those_before_it_are_applied(self):
        x, y = next(batches(1))
        for bad in ((x[:, :2], y), (x, y[:2]), (np.full_like(x, np.nan), y), (x, y, -np.ones(4)),
                    (x, ["a"] * 4), (x,), 7):
            with self.subTest(bad=bad):
                before = self.model.step_count
                with self.assertRaises(ValueError) as caught:
                    self.model.train([(x, y)] * 20 + [bad] + [(x, y)] * 20)
                self.assertEqual(caught.exception.batch_index, 20)
                self.assertRegex(str(caught.exception), r"^batch 20: (inputs|targets|weights|batches)")
                self.assertEqual(self.model.step_count, before + 20)

    def test_what_the_iterator_raises_comes_through_and_what_it_gave_is_applied(self):
        def failing():
            yield from batches(300)
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            self.model.train(failing())
        self.assertEqual(self.model.step_count, 300)

    def test_an_interrupt_leaves_what_was_sent_applied_and_says_so(self):
        # A shell has the jobs in its background ignore interrupts, and the tests may be of one.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        def interrupted():
            for i, batch in enumerate(batches(COUNT)):
                if i == 333:
                    _thread.interrupt_main()
                yield batch

        with self.assertRaises(KeyboardInterrupt) as caught:
            self.model.train(interrupted(), session="run")
        summary = caught.exception.summary
        self.assertEqual(summary.step, self.model.step_count)
        self.assertIn(summary.batches, (332, 333, 334))
        self.model.train(batches(COUNT), session="run")
        self.assertEqual(self.model.state_hash, undisturbed_hash())

    def test_batches_are_taken_on_the_callers_thread(self):
        threads = {threading.current_thread()}

        def watching():
            for batch in batches(10):
                threads.add(threading.current_thread())
                yield batch

        self.model.train(watching())
        self.assertEqual(len(threads), 1)

    def test_an_endless_iterator_is_taken_only_so_far_ahead(self):
        # Of a server that stopped answering, so that nothing is acknowledged.
        taken = itertools.count()
        stopped = threading.Event()

        def endless():
            x, y = next(batches(1, rows=16_384))  # 320 KiB
            while True:
                next(taken)
                yield x, y
                if stopped.is_set():
                    return

        process = self.server._process
        trained = threading.Thread(target=self.model.train, args=(endless(),))
        trained.start()
        while next(taken) < 50:
            pass
        os.kill(process.pid, signal.SIGSTOP)
        stopped_at = settle(lambda: next(taken))
        os.kill(process.pid, signal.SIGCONT)
        stopped.set()
        trained.join()
        # 64 MiB and a batch of 320 KiB each, and what gRPC and the server held; never the window of 512.
        self.assertLess(stopped_at - self.model.step_count, 512)

    def test_progress_is_told_on_the_callers_thread(self):
        told = []
        summary = self.model.train(batches(COUNT), progress=lambda summary: told.append(
            (threading.current_thread(), summary)))
        self.assertEqual({thread for thread, _ in told}, {threading.current_thread()})
        self.assertEqual(told[-1][1], summary)
        counts = [told_summary.batches for _, told_summary in told]
        self.assertEqual(counts, sorted(counts))

    def test_a_bar_without_tqdm_says_what_to_install(self):
        sys.modules["tqdm"] = sys.modules["tqdm.auto"] = None
        try:
            with self.assertRaisesRegex(ImportError, "pip install"):
                self.model.train(batches(1), progress=True)
        finally:
            del sys.modules["tqdm"], sys.modules["tqdm.auto"]

    def test_a_bar_shows_how_far_it_is(self):
        try:
            import tqdm  # noqa: F401
        except ImportError:
            self.skipTest("there is no tqdm; environments_test.py installs it")
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            self.model.train(list(batches(50)), progress=True)
        self.assertRegex(shown.getvalue(), r"training: +100%.* 50/50 .*loss=.*step=50")

    def test_a_dataloader_of_pytorch_will_do(self):
        try:
            import torch.utils.data
        except ImportError:
            self.skipTest("there is no PyTorch")
        x, y = (torch.from_numpy(array) for array in next(batches(1, rows=100)))
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
        summary = self.model.train(loader)
        self.assertEqual((summary.batches, summary.rows), (13, 100))

    def test_frames_of_pandas_will_do(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("there is no pandas; environments_test.py installs it")
        x, y = next(batches(1, rows=100))
        frame = pandas.DataFrame(x, columns=list("abcd")).assign(y=y[:, 0])
        parts = (frame.iloc[begin : begin + 10] for begin in range(0, 100, 10))
        self.assertEqual(self.model.train((part[list("abcd")], part["y"]) for part in parts).rows, 100)
        with self.assertRaisesRegex(ValueError, "columns that are not numbers"):
            self.model.predict(frame.assign(d="text")[list("abcd")])

    def test_another_step_than_expected_is_refused(self):
        self.model.train(batches(5), expected_step=0)
        with self.assertRaises(descent.AbortedError) as caught:
            self.model.train(batches(5), expected_step=0)
        self.assertEqual(caught.exception.reason, "STEP_MISMATCH")
        self.assertEqual(self.model.step_count, 5)

    def test_a_server_that_stays_away_ends_it_with_an_error(self):
        client = self.enterContext(descent.Client(
            self.server.address, retry=descent.RetryPolicy(initial_backoff=0.02, give_up_after=0.3)))
        model = client.model("m")

        def killing():
            for i, batch in enumerate(batches(COUNT)):
                if i == 100:
                    self.server.kill()
                yield batch

        with self.assertRaises(descent.UnavailableError):
            model.train(killing())

    def test_a_deleted_model_ends_it_with_an_error(self):
        with self.assertRaises(descent.NotFoundError):
            self.client.create("gone", network()).delete() or descent.Model(
                self.client, self.client._calls.run(descent._operations.get("gone")))
        gone = self.client.create("gone", network())
        gone.delete()
        with self.assertRaises(descent.NotFoundError):
            gone.train(batches(5))

    def test_many_runs_leave_no_thread_behind(self):
        before = threading.active_count()
        for _ in range(5):
            self.model.train(batches(20))
        self.assertLessEqual(settle(threading.active_count), before + 1)


def settle(value):
    """What a value is once it stays for half a second."""
    pause = threading.Event()
    last = value()
    for _ in range(20 * TIMEOUT):
        pause.wait(0.5)
        now = value()
        if now <= last + 1:
            return now
        last = now
    raise AssertionError("it does not settle")


if __name__ == "__main__":
    package.main()
