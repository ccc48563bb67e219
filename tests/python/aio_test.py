"""The client for asyncio against a live server: the same calls, streams from iterators of both kinds, cancelling.

    aio_test.py DESCENTD
"""

import asyncio
import inspect
import pathlib
import subprocess
import tempfile
import unittest

import package
import descent
import numpy as np
from cutting_proxy import CuttingProxy
from live_server import TIMEOUT, LiveServer
from problems import batches, network

PATIENT = descent.RetryPolicy(initial_backoff=0.02, give_up_after=60)
COUNT = 1500


async def asynchronous(items):
    for item in items:
        yield item


class AioTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().slow_callback_duration = TIMEOUT  # servers are started in it
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.server = self.enterContext(
            LiveServer(package.descentd, directory, errors=subprocess.DEVNULL))
        self.client = descent.aio.Client(self.server.address, retry=PATIENT)
        self.addAsyncCleanup(self.client.close)
        self.model = await self.client.create("m", network())
        self.x, self.y = next(batches(1, rows=5))

    def blocking(self):
        return self.enterContext(descent.Client(self.server.address))

    def undisturbed_hash(self):
        model = self.blocking().create("undisturbed", network())
        model.train(batches(COUNT))
        return model.state_hash

    async def test_every_call_answers_as_the_blocking_one(self):
        blocking = self.blocking().model("m")
        self.assertEqual((await self.client.model("m")).network, blocking.network)
        self.assertEqual(await self.client.models(), self.blocking().models())
        await self.client.create("m", network(), exist_ok=True)
        await self.client.delete("none", missing_ok=True)
        with self.assertRaises(descent.AlreadyExistsError):
            await self.client.create("m", network())
        np.testing.assert_array_equal(await self.model.predict(self.x), blocking.predict(self.x))
        self.assertEqual((await self.model.forward(self.x)).layers.keys(),
                         blocking.forward(self.x).layers.keys())
        gradient = await self.model.gradient(self.x, self.y)
        self.assertEqual(gradient.loss, blocking.gradient(self.x, self.y).loss)
        self.assertEqual((await self.model.step(self.x, self.y)).step, 1)
        stepped = await self.model.step(gradients=gradient.gradients, base_step=0)
        self.assertEqual((stepped.step, await self.model.step_count), (2, 2))
        self.assertEqual(await self.model.state_hash, blocking.state_hash)
        self.assertEqual(await self.model.evaluate([(self.x, self.y)]),
                         blocking.evaluate([(self.x, self.y)]))
        self.assertEqual(await self.model.history(), blocking.history())
        self.assertEqual((await self.model.checkpoint()).step, 2)
        self.assertEqual(await self.model.checkpoints(), blocking.checkpoints())
        self.assertEqual(await self.model.set_parameters(await self.model.parameters()), 3)
        self.assertEqual((await self.model.restore(2)).step, 2)
        await self.model.delete_checkpoint(2)
        self.assertEqual((await self.model.update(labels={"a": "b"})).labels, {"a": "b"})
        self.assertEqual(await self.model.info(), blocking.info())
        await self.client.wait_until_ready(TIMEOUT)
        await self.model.delete()
        with self.assertRaises(descent.NotFoundError):
            await self.client.model("m")

    async def test_both_clients_have_the_same_methods_arguments_and_words(self):
        for name in ("Client", "Model"):
            ours, theirs = getattr(descent.aio, name), getattr(descent, name)
            public = {key for key in vars(theirs) if not key.startswith("_")}
            self.assertEqual({key for key in vars(ours) if not key.startswith("_")}, public)
            for key in public:
                self.assertTrue(getattr(ours, key).__doc__ or key == "target", key)
                if callable(getattr(theirs, key)):
                    self.assertEqual(inspect.signature(getattr(ours, key)).parameters.keys(),
                                     inspect.signature(getattr(theirs, key)).parameters.keys())

    async def test_a_model_goes_out_and_comes_in_again(self):
        model = await self.client.create("exported", network(), descent.Adam())
        x, y = next(batches(1, rows=5))
        await model.step(x, y)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "exported.safetensors"
            await model.export(path, include_optimizer=True)
            copy = await self.client.import_model(path, "imported")
            self.assertEqual(await copy.state_hash, await model.state_hash)
            with self.assertRaises(descent.AlreadyExistsError):
                await self.client.import_model(path, "imported")
            path.write_bytes(b"no safetensors")
            with self.assertRaises(ValueError):
                await self.client.import_model(path, "none")

    async def test_a_file_that_is_refused_while_it_is_sent_is_refused_for_its_reason(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "large.safetensors"
            path.write_bytes(bytes(4 << 20))
            for _ in range(50):
                with self.assertRaises(descent.AlreadyExistsError):
                    await self.client.import_model(path, "m")

    async def test_batches_that_are_refused_while_they_are_sent_are_refused_for_their_reason(self):
        await self.client.delete("m")
        large = np.zeros((8192, 4), np.float32), np.zeros((8192, 1), np.float32)
        for _ in range(50):
            with self.assertRaises(descent.NotFoundError):
                await self.model.evaluate([large] * 50, timeout=5)

    async def test_trains_from_iterators_of_both_kinds(self):
        summary = await self.model.train(batches(COUNT))
        self.assertEqual((summary.batches, summary.step), (COUNT, COUNT))
        other = await self.client.create("other", network())
        await other.train(asynchronous(batches(COUNT)))
        self.assertEqual(await other.state_hash, await self.model.state_hash)
        self.assertEqual(await self.model.state_hash, self.undisturbed_hash())
        rows = await self.model.evaluate(asynchronous(batches(3)))
        self.assertEqual(rows.rows, 12)
        self.assertEqual((await other.train([])).step, COUNT)

    async def test_goes_on_after_broken_connections_and_kills(self):
        proxy = self.enterContext(CuttingProxy(self.server.address))
        client = descent.aio.Client(proxy.address, retry=PATIENT)
        self.addAsyncCleanup(client.close)

        async def disturbed():
            for i, batch in enumerate(batches(COUNT)):
                if i in (3, 400, 401, COUNT - 1):
                    proxy.cut()
                if i == 900:
                    self.server.kill()
                    self.server.start()
                yield batch

        summary = await (await client.model("m")).train(disturbed())
        self.assertEqual((summary.step, summary.batches), (COUNT, COUNT))
        self.assertGreaterEqual(summary.breaks, 2)
        self.assertEqual(await self.model.state_hash, self.undisturbed_hash())

    async def test_a_cancelled_run_is_gone_on_with_by_its_session(self):
        begun = asyncio.Event()

        async def slow():
            for i, batch in enumerate(batches(COUNT)):
                if i == 500:
                    begun.set()
                    await asyncio.sleep(TIMEOUT)
                yield batch

        task = asyncio.ensure_future(self.model.train(slow(), session="run"))
        await begun.wait()
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        summary = await self.model.train(batches(COUNT), session="run")
        self.assertEqual((summary.step, summary.skipped + summary.batches), (COUNT, COUNT))
        self.assertEqual(await self.model.state_hash, self.undisturbed_hash())

    async def test_a_bad_batch_is_named_and_those_before_it_are_applied(self):
        for bad in ((self.x[:, :2], self.y), (self.x, ["a"] * 5), 7):
            before = await self.model.step_count
            with self.assertRaises(ValueError) as caught:
                await self.model.train([(self.x, self.y)] * 20 + [bad] + [(self.x, self.y)] * 20)
            self.assertEqual(caught.exception.batch_index, 20)
            self.assertEqual(await self.model.step_count, before + 20)
        with self.assertRaises(ValueError) as caught:
            await self.model.evaluate(asynchronous([(self.x, self.y), (self.x[:, :2], self.y)]))
        self.assertEqual(caught.exception.batch_index, 1)

    async def test_what_the_iterator_raises_comes_through_and_what_it_gave_is_applied(self):
        async def failing():
            for batch in batches(300):
                yield batch
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            await self.model.train(failing())
        self.assertEqual(await self.model.step_count, 300)

    async def test_others_have_their_turn_while_it_trains(self):
        predictions = 0
        trained = asyncio.ensure_future(self.model.train(batches(COUNT)))
        while not trained.done():
            await self.model.predict(self.x)
            predictions += 1
        await trained
        self.assertGreater(predictions, 5)

    async def test_many_calls_are_in_flight_at_once(self):
        answers = await asyncio.gather(*(self.model.predict(self.x[i % 5][None]) for i in range(200)))
        np.testing.assert_array_equal(np.concatenate(answers[:5]), await self.model.predict(self.x))

    async def test_a_call_rides_out_a_server_that_is_started_again(self):
        self.server.kill()
        asyncio.get_running_loop().call_later(0.3, self.server.start)
        self.assertEqual(await self.model.step_count, 0)

    async def test_nobody_at_home_is_said_in_time(self):
        async with descent.aio.Client("127.0.0.1:1", timeout=0.3) as client:
            with self.assertRaises(ConnectionError):
                await client.models()
            with self.assertRaises(descent.UnavailableError):
                await client.wait_until_ready(0.1)


if __name__ == "__main__":
    package.main()
