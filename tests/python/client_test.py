"""The blocking client against a live server: every call, errors, and servers that are away.

    client_test.py DESCENTD
"""

import itertools
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import package
import descent
import numpy as np
from cutting_proxy import CuttingProxy
from live_server import TIMEOUT, LiveServer
from problems import batches, network

PATIENT = descent.RetryPolicy(initial_backoff=0.02, give_up_after=60)


class CallsTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        self.client = self.enterContext(descent.Client(self.server.address))
        self.model = self.client.create("house", network(), descent.Sgd(0.1))
        self.x, self.y = next(batches(1, rows=5))

    def test_models_are_made_found_listed_changed_and_deleted(self):
        with self.assertRaises(descent.AlreadyExistsError):
            self.client.create("house", network())
        again = self.client.create("house", network(), exist_ok=True)
        self.assertEqual(again.state_hash, self.model.state_hash)
        self.assertEqual(self.client.model("house").network.outputs, 1)
        self.client.create("garden", network(dtype="float64"), "adam", labels={"owner": "me"},
                           durability="memory", client_data="notes")
        garden = self.client.model("garden").info()
        self.assertEqual((garden.durability, dict(garden.labels), garden.client_data),
                         ("memory", {"owner": "me"}, "notes"))
        self.assertEqual([info.name for info in self.client.models()], ["garden", "house"])
        changed = self.model.update(optimizer=descent.Sgd(0.5), labels={"a": "b"})
        self.assertEqual((changed.optimizer.learning_rate, dict(changed.labels)), (0.5, {"a": "b"}))
        self.client.delete("garden")
        self.client.delete("garden", missing_ok=True)
        for call in (lambda: self.client.delete("garden"), lambda: self.client.model("garden")):
            with self.assertRaises(LookupError) as caught:
                call()
            self.assertEqual((caught.exception.code, caught.exception.reason),
                             ("NOT_FOUND", "MODEL_NOT_FOUND"))

    def test_predictions_are_those_of_the_parameters(self):
        p = self.model.parameters()
        hidden = np.tanh(self.x @ p["layers.0.kernel"] + p["layers.0.bias"])
        expected = hidden @ p["layers.1.kernel"] + p["layers.1.bias"]
        answer = self.model.predict(self.x)
        self.assertEqual((answer.dtype, answer.shape), (np.float32, (5, 1)))
        np.testing.assert_allclose(answer, expected, rtol=1e-5)
        np.testing.assert_array_equal(self.model.predict(self.x.tolist()), answer)
        forward = self.model.forward(self.x)
        np.testing.assert_allclose(forward.layers["layers.0"].activation, hidden, rtol=1e-5)
        np.testing.assert_array_equal(forward.outputs, answer)
        answer[:] = 0  # is the caller's own

    def test_one_step_from_gradients_is_one_step_from_the_batch(self):
        other = self.client.create("other", network(), descent.Sgd(0.1))
        result = self.model.gradient(self.x, self.y, input_gradient=True)
        self.assertEqual(result.input_gradient.shape, self.x.shape)
        stepped = other.step(gradients=result.gradients, base_step=0)
        self.assertEqual(self.model.step(self.x, self.y).step, stepped.step)
        self.assertEqual(self.model.state_hash, other.state_hash)
        with self.assertRaises(descent.AbortedError) as caught:
            other.step(gradients=result.gradients, base_step=0, max_staleness=0)
        self.assertEqual(caught.exception.reason, "STALE_GRADIENTS")

    def test_gradients_cross_from_one_network_to_another(self):
        lower = self.client.create("lower", network(outputs=3))
        upper = self.client.create("upper", network(inputs=3))
        between = lower.forward(self.x).outputs
        above = upper.gradient(between, self.y, input_gradient=True)
        below = lower.gradient(self.x, output_gradient=above.input_gradient)
        self.assertEqual(set(below.gradients), set(lower.parameters()))
        self.assertEqual(below.loss, 0)

    def test_weights_count(self):
        weighted = self.model.gradient(self.x, self.y, weights=[1, 0, 0, 0, 0])
        alone = self.model.gradient(self.x[:1], self.y[:1])
        self.assertAlmostEqual(weighted.loss, alone.loss, places=6)

    def test_evaluation_is_over_all_batches(self):
        whole = self.model.evaluate([(self.x, self.y)])
        parts = self.model.evaluate((self.x[i : i + 1], self.y[i : i + 1]) for i in range(5))
        self.assertEqual((whole.rows, parts.rows), (5, 5))
        self.assertAlmostEqual(whole.metrics["rmse"], parts.metrics["rmse"], places=6)

    def test_an_evaluations_error_says_which_batch(self):
        wrong = [(self.x, self.y), (self.x[:2], self.y[:2]), (self.x[:, :3], self.y)]
        with self.assertRaises(ValueError) as caught:
            self.model.evaluate(wrong)
        self.assertEqual((caught.exception.batch_index, caught.exception.field), (2, "inputs"))
        with self.assertRaises(ValueError) as caught:
            self.model.evaluate([(self.x, self.y), "ab", (self.x, self.y)])
        self.assertEqual(caught.exception.batch_index, 1)

    def test_what_an_evaluations_iterator_raises_comes_through(self):
        def failing():
            yield self.x, self.y
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            self.model.evaluate(failing())

    def test_checkpoints_take_a_model_back_to_the_bit(self):
        self.model.step(self.x, self.y)
        saved = self.model.checkpoint()
        self.assertEqual((saved.step, saved.state_hash), (1, self.model.state_hash))
        self.model.step(self.x, self.y)
        self.assertEqual(self.model.restore(saved.step).state_hash, saved.state_hash)
        self.assertEqual([found.step for found in self.model.checkpoints()], [1])
        self.model.delete_checkpoint(1)
        with self.assertRaises(descent.NotFoundError):
            self.model.restore(1)

    def test_parameters_are_set_by_name(self):
        kernel = np.full((8, 1), 0.5, np.float32)
        self.assertEqual(self.model.set_parameters({"layers.1.kernel": kernel}, expected_step=0), 1)
        np.testing.assert_array_equal(self.model.parameters()["layers.1.kernel"], kernel)
        with self.assertRaises(descent.AbortedError) as caught:
            self.model.set_parameters({"layers.1.kernel": kernel}, expected_step=0)
        self.assertEqual(caught.exception.reason, "STEP_MISMATCH")
        self.assertEqual(self.model.step_count, 1)

    def test_history_is_a_list_of_points(self):
        for _ in range(3):
            self.model.step(self.x, self.y)
        points = self.model.history()
        self.assertEqual([point.step for point in points], [1, 2, 3])
        self.assertEqual(len(self.model.history(after_step=2)), 1)
        self.assertLess(points[2].loss, points[0].loss)
        self.assertEqual(sorted(points[2].metrics), ["mae", "rmse"])
        self.assertLess(points[2].metrics["rmse"], points[0].metrics["rmse"])

    def test_an_error_says_code_reason_field_and_details(self):
        with self.assertRaises(descent.InvalidArgumentError) as caught:
            self.model.predict(self.x[:, :3])
        for error in (caught.exception, pickle.loads(pickle.dumps(caught.exception))):
            self.assertEqual((error.code, error.reason, error.field),
                             ("INVALID_ARGUMENT", "WRONG_SHAPE", "inputs"))
            self.assertEqual(error.details["actual"], "[5, 3]")
            self.assertEqual(str(error), "inputs: expected shape [n, 4], got [5, 3]")
        with self.assertRaises(ValueError) as caught:
            self.model.step(self.x[:, :3], self.y)
        self.assertEqual(caught.exception.field, "inputs")  # and not batch.inputs

    def test_an_export_leaves_a_whole_file_or_none(self):
        download = self.client._calls.download

        def interrupted(*arguments):
            yield next(download(*arguments))
            raise KeyboardInterrupt

        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "house.safetensors"
            path.write_text("before")
            with mock.patch.object(self.client._calls, "download", interrupted), self.assertRaises(KeyboardInterrupt):
                self.model.export(path)
            self.assertEqual(path.read_text(), "before")
            self.assertEqual([found.name for found in path.parent.iterdir()], [path.name])
            self.model.export(path)
            self.assertGreater(path.stat().st_size, 100)
            self.assertEqual([found.name for found in path.parent.iterdir()], [path.name])
            with self.assertRaisesRegex(ValueError, "format"):
                self.model.export(path.with_suffix(".bin"))

    def test_a_model_goes_out_and_comes_in_again(self):
        self.model.step(self.x, self.y)
        self.model.update(labels={"owner": "me"}, client_data="notes")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "house.safetensors"
            self.model.export(path, include_optimizer=True)
            copy = self.client.import_model(path, "copy")
            self.assertEqual((copy.state_hash, copy.step_count), (self.model.state_hash, 1))
            info = copy.info()
            self.assertEqual((dict(info.labels), info.client_data), ({"owner": "me"}, "notes"))
            self.assertEqual(copy.step(self.x, self.y).loss, self.model.step(self.x, self.y).loss)
            again = pathlib.Path(directory) / "again.safetensors"
            self.client.import_model(path, "other", optimizer=descent.Sgd(0.5),
                                     durability="memory", labels={"a": "b"}).export(again)
            self.assertEqual(self.client.model("other").info().durability, "memory")
            with self.assertRaises(descent.AlreadyExistsError):
                self.client.import_model(path, "copy")
            path.write_bytes(path.read_bytes()[:-1])
            with self.assertRaises(ValueError) as caught:
                self.client.import_model(path, "cut")
            self.assertEqual((caught.exception.field, caught.exception.reason), ("file", "MALFORMED_FILE"))
            with self.assertRaises(LookupError):
                self.client.model("cut")
            with self.assertRaises(FileNotFoundError):
                self.client.import_model(path.with_name("none.onnx"), "none")
            onnx = path.with_suffix(".onnx")
            self.model.export(onnx)
            self.assertEqual(self.client.import_model(onnx, "graph").network.outputs, 1)

    def test_contradictions_are_refused_before_anything_is_sent(self):
        for call in (
            lambda: self.model.step(),
            lambda: self.model.step(gradients={}),
            lambda: self.model.step(self.x, self.y, gradients={}, base_step=0),
            lambda: self.model.gradient(self.x, self.y, output_gradient=self.y),
            lambda: self.model.update(),
        ):
            with self.assertRaises(ValueError):
                call()
        self.assertEqual(self.model.step_count, 0)


class AwayTest(unittest.TestCase):
    """Servers that are away, restarted, or lose their answers."""

    def test_an_import_that_was_answered_outlives_a_kill(self):
        with tempfile.TemporaryDirectory() as directory:
            server = self.enterContext(
                LiveServer(package.descentd, directory + "/data", errors=subprocess.DEVNULL))
            client = self.enterContext(descent.Client(server.address, retry=PATIENT))
            model = client.create("house", network(), "adam")
            model.train(batches(20))
            path = pathlib.Path(directory) / "house.safetensors"
            model.export(path, include_optimizer=True)
            for number in range(5):
                name = f"copy-{number}"
                self.assertEqual(client.import_model(path, name).state_hash, model.state_hash)
                server.kill()
                server.start()
                copy = client.model(name)
                self.assertEqual((copy.state_hash, copy.step_count), (model.state_hash, 20))
            copy.train(batches(20, seed=1))
            model.train(batches(20, seed=1))
            server.kill()
            server.start()
            self.assertEqual(client.model(name).state_hash, client.model("house").state_hash)

    def test_a_call_rides_out_a_server_that_is_started_again(self):
        with tempfile.TemporaryDirectory() as directory:
            server = self.enterContext(LiveServer(package.descentd, directory, errors=subprocess.DEVNULL))
            tries = []
            client = self.enterContext(descent.Client(
                server.address, retry=PATIENT, on_retry=lambda cause, since: tries.append(cause.code)))
            model = client.create("m", network())
            server.kill()
            starter = threading.Timer(0.5, server.start)
            starter.start()
            self.assertEqual(model.step_count, 0)
            starter.join()
            self.assertEqual(set(tries), {"UNAVAILABLE"})

    def test_an_update_whose_answer_was_lost_is_applied_once(self):
        server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        proxy = self.enterContext(CuttingProxy(server.address))
        client = self.enterContext(descent.Client(proxy.address, retry=PATIENT))
        model = client.create("m", network())
        steps = []
        stop = threading.Event()

        def cut():
            """At some moment of a call, once another has come through since the last time."""
            random, cut_at = np.random.default_rng(0), 0
            while not stop.is_set():
                if len(steps) > cut_at:
                    cut_at = len(steps)
                    stop.wait(random.uniform(0, 0.003))
                    proxy.cut()
                stop.wait(0.001)

        cutter = threading.Thread(target=cut)
        cutter.start()
        try:
            for x, y in itertools.takewhile(lambda _: proxy.cuts < 20, batches(100_000)):
                steps.append(model.step(x, y).step)
        finally:
            stop.set()
            cutter.join()
        self.assertEqual(steps, list(range(1, len(steps) + 1)))

    def test_nobody_at_home_is_said_in_time(self):
        with descent.Client("127.0.0.1:1", timeout=0.3) as client:
            begin = time.monotonic()
            with self.assertRaises(ConnectionError) as caught:
                client.models()
            self.assertLess(time.monotonic() - begin, 0.3 + TIMEOUT / 10)
            self.assertEqual(caught.exception.code, "UNAVAILABLE")
            with self.assertRaises(descent.UnavailableError):
                client.wait_until_ready(0.1)
        with descent.Client("127.0.0.1:1", retry=descent.RetryPolicy(give_up_after=0)) as client:
            with self.assertRaises(descent.UnavailableError):
                client.models()

    def test_a_deadline_is_an_error_of_its_own(self):
        server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        with descent.Client(server.address) as client:
            model = client.create("m", network())
            with self.assertRaises(TimeoutError) as caught:
                model.predict(np.zeros((2_000_000, 4), np.float32), timeout=0.001)
            self.assertEqual(caught.exception.code, "DEADLINE_EXCEEDED")


class StubsTest(unittest.TestCase):
    def test_stubs_of_the_same_contract_may_be_in_the_process_as_well(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        made = subprocess.run([package.ROOT / "client/examples/python/generate_stubs", directory],
                              env=dict(os.environ, PYTHON=sys.executable), capture_output=True, text=True)
        program = ("from descent.v1 import network_service_pb2, tensor_pb2\n"
                   "from google.rpc import error_details_pb2\n")
        environment = dict(os.environ, PYTHONPATH=directory)
        if made.returncode != 0 or subprocess.run(
                [sys.executable, "-c", program], env=environment, capture_output=True).returncode != 0:
            self.skipTest("the stubs that are made here do not go with this Protobuf")
        environment["PYTHONPATH"] = os.pathsep.join([package.staged, directory])
        program = f"import descent\n{program}import descent\ndescent.Client('127.0.0.1:1')\n"
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)


class OptionsTest(unittest.TestCase):
    def test_a_target_that_grpc_can_not_use_is_refused_at_once(self):
        for target in ("localhost", "http://localhost:50051", "localhost:0", ":50051", "[::1]", "::1:50051",
                       "a b:1", "1.2.3:50051x", "unix:", ""):
            with self.subTest(target):
                with self.assertRaises(ValueError) as caught:
                    descent.Client(target)
                self.assertEqual(caught.exception.field, "target")

    def test_a_token_never_goes_to_another_machine_in_plaintext(self):
        for target in ("example.com:50051", "dns:///example.com:50051", "ipv4:127.0.0.1:1,10.0.0.1:1",
                       "dns://127.0.0.1/example.com:1", "10.0.0.1:50051", "[2001:db8::1]:1", "xds:///x",
                       "localhost.example.com:1"):
            with self.subTest(target):
                with self.assertRaises(ValueError) as caught:
                    descent.Client(target, token="secret")
                self.assertEqual(caught.exception.field, "token")
                self.assertNotIn("secret", str(caught.exception))
                descent.Client(target, token="secret", tls=True).close()
        for target in ("127.0.0.1:1", "[::1]:1", "localhost:1", "unix:/tmp/x", "dns:///localhost:1",
                       "ipv4:127.0.0.1:1", "a.localhost:1", "[::ffff:127.0.0.1]:1"):
            descent.Client(target, token="secret").close()

    def test_options_that_make_no_sense_are_refused_by_name(self):
        for name, value in (("timeout", 0), ("keepalive", -1), ("max_message_bytes", 0),
                            ("token", "two words"), ("tls_ca", "/nowhere"), ("tls_key", "/nowhere")):
            with self.subTest(name):
                with self.assertRaises(ValueError) as caught:
                    descent.Client("127.0.0.1:1", **{name: value})
                self.assertIn(name.split("_")[0], caught.exception.field)
        for name, value in (("give_up_after", -1), ("initial_backoff", 0), ("max_backoff", 0.01),
                            ("multiplier", 0.5)):
            with self.assertRaises(ValueError):
                descent.RetryPolicy(**{name: value})

    def test_loopback_is_reached_without_the_environments_proxy(self):
        server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        program = ("import descent, sys\n"
                   "with descent.Client(sys.argv[1], timeout=5) as client: print(client.models())")
        output = subprocess.run(
            [sys.executable, "-c", program, server.address], check=True, text=True, timeout=TIMEOUT,
            env={"http_proxy": "http://127.0.0.1:1", "PYTHONPATH": package.staged}, stdout=subprocess.PIPE)
        self.assertEqual(output.stdout, "[]\n")


if __name__ == "__main__":
    package.main()
