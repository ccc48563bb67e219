"""Networks with categorical inputs against a live server: what they compute, learn, give as gradients and survive.

    embeddings_test.py DESCENTD
"""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import package
import descent
import numpy as np
from descent import Categories, SparseRows
from live_server import TIMEOUT, LiveServer
from problems import COLORS, network_of_orders, orders

PATIENT = descent.RetryPolicy(initial_backoff=0.02, give_up_after=60)
COUNT = 600
# XXH64 with seed 0, as the package `xxhash` computes it.
HASHES = {
    "": 0xEF46DB3751D8E999,
    "a": 0xD24EC4F1A98C6E5B,
    "abc": 0x44BC2CF5AD770999,
    "grün": 0xB037500F0B7CAAFF,
    "Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1,
    "x" * 100: 0x92F0DE5A88A3C094,
    0: 0x34C96ACDCADB1BBB,
    1: 0x9F29CB17A2A49995,
    -1: 0x85D136ADB773C6C9,
    2**40: 0xA13EA4C7924FD453,
    -(2**63): 0x3F425EACF01544E0,
}


def block(table, bags, mean=False):
    """What rows' categories become: of each row a list of (row of the table, weight)."""
    rows = np.zeros((len(bags), table.shape[1]))
    for row, bag in zip(rows, bags):
        for place, weight in bag:
            row += weight * table[place]
        total = sum(weight for _, weight in bag)
        if mean and total > 0:
            row /= total
    return rows


class ServedTest(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(tempfile.TemporaryDirectory())
        self.server = self.enterContext(
            LiveServer(package.descentd, self.directory, errors=subprocess.DEVNULL))
        self.client = self.enterContext(descent.Client(self.server.address, retry=PATIENT))


class ComputingTest(ServedTest):
    def test_the_first_layer_reads_the_sums_and_means_of_the_tables(self):
        network = descent.Network(2, [descent.Dense(4, "tanh"), descent.Dense(1)], dtype="float64", categorical=[
            descent.Categorical("color", 7, 3), descent.Categorical("shop", 5, 2, combiner="mean")])
        model = self.client.create("m", network)
        p = model.parameters()
        self.assertEqual((p["embeddings.color"].shape, p["embeddings.shop"].shape), ((7, 3), (5, 2)))
        x = np.random.default_rng(0).random((4, 2))
        bags = [[(3, 0.5), (1, -2.0), (3, 1.0)], [], [(6, 1.0)], [(0, 0.0), (2, 0.25)]]
        plain = [[(place, 1.0) for place, _ in bag] for bag in bags]
        positive = [[(place % 5, abs(weight)) for place, weight in bag] for bag in bags]
        values = [[place for place, _ in bag] for bag in bags]
        weights = [[weight for _, weight in bag] for bag in bags]
        for color, color_bags in ((values, plain), (Categories(values, weights=weights), bags),
                                  (Categories([3, 1, 3, 6, 0, 2], [0, 3, 3, 4, 6], [0.5, -2, 1, 1, 0, 0.25]), bags),
                                  ([4, 0, 6, 4], [[(4, 1.0)], [(0, 1.0)], [(6, 1.0)], [(4, 1.0)]])):
            for shop, shop_bags in (
                (Categories([[place % 5 for place in bag] for bag in values],
                            weights=[[abs(w) for w in bag] for bag in weights]), positive),
                (np.array([[1, 4]] * 4), [[(1, 1.0), (4, 1.0)]] * 4),
            ):
                first = np.hstack([x, block(p["embeddings.color"], color_bags),
                                   block(p["embeddings.shop"], shop_bags, mean=True)])
                z = first @ p["layers.0.kernel"] + p["layers.0.bias"]
                w = np.tanh(z) @ p["layers.1.kernel"] + p["layers.1.bias"]
                categories = {"shop": shop, "color": color}
                forward = model.forward(x, categories=categories)
                np.testing.assert_allclose(forward.layers["layers.0"].pre_activation, z, rtol=1e-12, atol=1e-14)
                np.testing.assert_allclose(forward.outputs, w, rtol=1e-12)
                np.testing.assert_array_equal(model.predict(x, categories=categories), forward.outputs)

    def test_ids_and_texts_are_hashed_by_xxh64(self):
        buckets = 1_000_003
        model = self.client.create("m", descent.Network(0, [descent.Dense(1)], categorical=[
            descent.Categorical("c", buckets, 1, "xxh64")]))
        for kind in (str, int):
            values = [value for value in HASHES if isinstance(value, kind)]
            gradient = model.gradient(y=np.ones(len(values)), categories={"c": values})
            self.assertEqual(gradient.sparse["embeddings.c"].rows.tolist(),
                             sorted(HASHES[value] % buckets for value in values))
        table = model.parameters()["embeddings.c"]
        kernel, bias = (model.parameters()[f"layers.0.{name}"] for name in ("kernel", "bias"))
        for value in HASHES:
            answer = model.predict(categories={"c": [value]})
            np.testing.assert_allclose(answer, table[[HASHES[value] % buckets]] @ kernel + bias, rtol=1e-5)

    def test_answers_to_texts_alone_are_arrays_as_all_others(self):
        text, number = "abcdefgh", int.from_bytes(b"abcdefgh", "little")  # the same bytes, and so the same row
        for dtype in ("float32", "float64"):
            model = self.client.create(dtype, descent.Network(0, [descent.Dense(3, "tanh"), descent.Dense(2)], dtype=dtype,
                                       categorical=[descent.Categorical("c", 50, 4, "xxh64")]))
            texts, ids = {"c": [[text], [], [text] * 3]}, {"c": [[number], [], [number] * 3]}
            answer = model.predict(categories=texts)
            self.assertEqual((answer.dtype, answer.shape), (np.dtype(dtype), (3, 2)))
            np.testing.assert_array_equal(answer, model.predict(categories=ids))
            answer[:] = 0  # is the caller's own
            of_texts, of_ids = (model.forward(categories=given).layers["layers.0"] for given in (texts, ids))
            np.testing.assert_array_equal(of_texts.activation, of_ids.activation)
            y = np.ones((3, 2))
            of_texts, of_ids = (model.gradient(y=y, categories=given) for given in (texts, ids))
            self.assertEqual(of_texts.gradient_norm, of_ids.gradient_norm)
            for name, rows in of_ids.sparse.items():
                self.assertEqual(rows.values.dtype, np.dtype(dtype))
                np.testing.assert_array_equal(of_texts.sparse[name].values, rows.values)
                np.testing.assert_array_equal(of_texts.sparse[name].rows, rows.rows)

    def test_a_steps_gradient_applied_is_the_step(self):
        layers = (descent.Dropout(0.3), descent.Dense(6, "tanh"), descent.Dense(1))
        for optimizer in (descent.Sgd(0.1, momentum=0.9), descent.Adam(1e-2), descent.Adagrad(0.1)):
            network = descent.Network(2, layers, categorical=network_of_orders().categorical)
            name = type(optimizer).__name__.lower()
            model, other, third = (self.client.create(f"{name}-{i}", network, optimizer) for i in range(3))
            before = model.parameters()["embeddings.tags"]
            named = set()
            for step, batch in enumerate(orders(5)):
                gradient = other.gradient(**batch, training=True)
                self.assertEqual(set(gradient.sparse), {"embeddings.color", "embeddings.tags"})
                self.assertFalse(set(gradient.gradients) & set(gradient.sparse))
                rows, values = gradient.sparse["embeddings.tags"]
                self.assertEqual(values.shape, (len(rows), 3))
                named |= set(rows.tolist())
                other.step(gradients=gradient)
                third.step(gradients={**gradient.gradients, **gradient.sparse}, base_step=step)
                self.assertEqual(model.step(**batch).gradient_norm, gradient.gradient_norm)
            self.assertEqual({model.state_hash}, {other.state_hash, third.state_hash})
            changed = np.flatnonzero((model.parameters()["embeddings.tags"] != before).any(axis=1))
            self.assertEqual(set(changed.tolist()), named)
            self.assertLess(len(named), len(before))

    def test_a_table_without_rows_is_a_gradient_too(self):
        model, other = (self.client.create(name, network_of_orders(), descent.Sgd(0.1)) for name in ("m", "other"))
        batch = {"x": np.ones((2, 2)), "y": np.ones(2), "categories": {"color": COLORS[:2], "tags": [[], []]}}
        gradient = model.gradient(**batch)
        self.assertEqual((gradient.sparse["embeddings.tags"].rows.shape, gradient.sparse["embeddings.tags"].values.shape),
                         ((0,), (0, 3)))
        other.step(gradients=gradient)
        model.step(**batch)
        self.assertEqual(model.state_hash, other.state_hash)

    def test_gradients_of_tables_that_can_not_be_right(self):
        model = self.client.create("m", network_of_orders(), descent.Sgd(0.1))
        gradient = model.gradient(**next(orders(1)))
        good = {**gradient.gradients, **gradient.sparse}
        rows, values = good["embeddings.tags"]
        for name, value, pattern in (
            ("embeddings.tags", np.ones((20, 3)), "embeddings.tags: expected SparseRows"),
            ("embeddings.tags", SparseRows(rows + 0.5, values), "embeddings.tags.rows: expected integers"),
            ("embeddings.tags", SparseRows(rows[::-1], values), "rising"),
            ("embeddings.tags", SparseRows(rows, values[:, :2]), "shape"),
            ("embeddings.tags", SparseRows(rows, values[:1]), "shape"),
            ("layers.0.kernel", SparseRows(rows, values), "layers.0.kernel: expected the gradient of every element"),
            ("embeddings.other", SparseRows(rows, values), "embeddings.other"),
        ):
            with self.subTest(pattern), self.assertRaisesRegex(ValueError, pattern):
                model.step(gradients={**good, name: value}, base_step=0)
        with self.assertRaisesRegex(ValueError, "embeddings.tags is missing"):
            model.step(gradients={name: good[name] for name in good if name != "embeddings.tags"}, base_step=0)
        with self.assertRaisesRegex(ValueError, "a batch, or gradients, got both"):
            model.step(gradients=gradient, categories={})
        self.assertEqual(model.step_count, 0)
        model.step(gradients={**good, "embeddings.tags": (rows.tolist(), values.tolist())}, base_step=0)

    def test_tables_are_parameters_as_all_others(self):
        model = self.client.create("m", network_of_orders(), "adam")
        model.train(orders(20))
        table = model.parameters()["embeddings.color"] * 2
        model.set_parameters({"embeddings.color": table})
        np.testing.assert_array_equal(model.parameters()["embeddings.color"], table)
        path = pathlib.Path(self.directory) / "m.safetensors"
        model.export(path, include_optimizer=True)
        copy = self.client.import_model(path, "copy")
        self.assertEqual((copy.network, copy.state_hash), (model.network, model.state_hash))

    def test_evaluation_is_over_batches_of_every_form(self):
        model = self.client.create("m", network_of_orders())
        (batch,) = orders(1, rows=8)
        x, y, color, tags = batch["x"], batch["y"], *batch["categories"].values()
        parts = [{"x": x[[i]], "y": y[[i]], "weights": [1.0], "categories": {"color": [color[i]], "tags": [tags[i]]}}
                 for i in range(8)]
        whole = model.evaluate([batch])
        self.assertEqual((whole.rows, model.evaluate(iter(parts)).rows), (8, 8))
        self.assertAlmostEqual(whole.loss, model.evaluate(parts).loss, places=5)
        outputs = model.predict(x, categories=batch["categories"])
        self.assertAlmostEqual(whole.loss, float(np.mean((outputs[:, 0] - y) ** 2)), places=5)
        alone = self.client.create("alone", descent.Network(0, [descent.Dense(1)], categorical=[
            descent.Categorical("color", 9, 2, "xxh64")]))
        self.assertEqual(alone.evaluate([{"y": y, "categories": {"color": color}}] * 2).rows, 16)
        with self.assertRaises(ValueError) as caught:
            model.evaluate([batch, {**batch, "categories": {"color": color, "tags": [[99]] * 8}}])
        self.assertEqual((caught.exception.batch_index, caught.exception.details["row"]), (1, "0"))
        self.assertEqual(str(caught.exception), "batch 1: categories.tags.ids: expected an id in [0, 20), got 99 at row 0")


class LearningTest(ServedTest):
    def test_learns_what_numbers_alone_do_not_tell(self):
        layers = [descent.Dense(16, "tanh"), descent.Dense(1)]
        blind = self.client.create("blind", descent.Network(2, layers), descent.Adam(1e-2))
        seeing = self.client.create("seeing", network_of_orders(), descent.Adam(1e-2))
        batches = list(orders(COUNT, rows=32))
        blind.train((batch["x"], batch["y"]) for batch in batches)
        seeing.train(batches)
        test = list(orders(10, rows=100, seed=1))
        blinds = blind.evaluate((batch["x"], batch["y"]) for batch in test)
        seen = seeing.evaluate(test)
        self.assertGreater(blinds.loss, 0.3)
        self.assertLess(seen.loss, blinds.loss / 20)
        self.assertGreater(seen.metrics["r2"], 0.95)

    def test_each_batch_is_one_update(self):
        model, other = (self.client.create(name, network_of_orders()) for name in ("m", "other"))
        self.assertEqual(model.train(orders(50)).step, 50)
        for batch in orders(50):
            other.step(**batch)
        self.assertEqual(model.state_hash, other.state_hash)

    def undisturbed_hash(self):
        with LiveServer(package.descentd, errors=subprocess.DEVNULL) as server:
            with descent.Client(server.address) as client:
                model = client.create("m", network_of_orders())
                model.train(orders(COUNT))
                return model.state_hash

    def test_goes_on_after_the_server_was_killed(self):
        model = self.client.create("m", network_of_orders())

        def disturbed():
            for i, batch in enumerate(orders(COUNT)):
                if i in (250, 450):
                    self.server.kill()
                    self.server.start()
                yield batch

        summary = model.train(disturbed())
        self.assertEqual((summary.step, summary.batches), (COUNT, COUNT))
        self.assertGreaterEqual(summary.breaks, 1)
        self.assertEqual(model.state_hash, self.undisturbed_hash())

    def test_another_process_goes_on_after_both_were_killed(self):
        model = self.client.create("m", network_of_orders())
        program = (
            "import descent, sys, os, problems\n"
            "def some():\n"
            "    for i, batch in enumerate(problems.orders(600)):\n"
            "        if i == 300: os.kill(os.getpid(), 9)\n"
            "        yield batch\n"
            "client = descent.Client(sys.argv[1])\n"
            "client.model('m').train(some(), session='run')\n")
        path = os.pathsep.join([package.staged, str(pathlib.Path(__file__).parent)])
        died = subprocess.run([sys.executable, "-c", program, self.server.address], timeout=TIMEOUT,
                              env=dict(os.environ, PYTHONPATH=path))
        self.assertEqual(died.returncode, -signal.SIGKILL)
        self.server.kill()
        self.server.start()
        summary = model.train(orders(COUNT), session="run")
        self.assertGreater(summary.skipped, 0)
        self.assertEqual((summary.skipped + summary.batches, summary.step), (COUNT, COUNT))
        self.assertEqual(model.state_hash, self.undisturbed_hash())

    def test_a_bad_batch_is_named_and_those_before_it_are_applied(self):
        model = self.client.create("m", network_of_orders())
        (good,) = orders(1)
        color, tags = good["categories"].values()
        for bad in ({"color": color}, {"color": color, "tags": tags[:2]}, {"color": color, "tags": ["a"] * 4},
                    {"color": color, "tags": [20] * 4}, {"color": color, "tags": [-1] * 4},
                    {"color": color, "tags": Categories([1] * 4, weights=[1, 1, 1, np.nan])}):
            with self.subTest(bad=bad):
                before = model.step_count
                with self.assertRaises(ValueError) as caught:
                    model.train([good] * 20 + [{**good, "categories": bad}] + [good] * 20)
                self.assertEqual(caught.exception.batch_index, 20)
                self.assertRegex(str(caught.exception), r"^batch 20: categories(\.tags(\.ids|\.weights)?|): ")
                self.assertEqual(model.step_count, before + 20)

    def test_an_error_names_the_input_that_it_is_about(self):
        model = self.client.create("m", descent.Network(0, [descent.Dense(1)], categorical=[
            descent.Categorical("a", 5, 1), descent.Categorical("b", 5, 1, combiner="mean")]))
        good = {"b": [0, 1], "a": [0, 1]}
        for bad, field, reason in (({"a": [0, 5]}, "categories.a.ids", "INVALID_FIELD"),
                                   ({"b": [0, -1]}, "categories.b.ids", "INVALID_FIELD"),
                                   ({"b": Categories([0, 1], weights=[1, -1])}, "categories.b.weights", "NEGATIVE_WEIGHT")):
            categories = {**good, **bad}
            for call in (lambda: model.predict(categories=categories),
                         lambda: model.forward(categories=categories),
                         lambda: model.gradient(y=[1, 2], categories=categories),
                         lambda: model.step(y=[1, 2], categories=categories),
                         lambda: model.evaluate([{"y": [1, 2], "categories": categories}]),
                         lambda: model.train([{"y": [1, 2], "categories": categories}])):
                with self.assertRaises(descent.InvalidArgumentError) as caught:
                    call()
                error = caught.exception
                self.assertEqual((error.field, error.reason, error.details["row"]), (field, reason, "1"))
                self.assertRegex(str(error), rf"^(batch 0: )?{field}: expected ")

    def test_a_dataloader_of_pytorch_will_do(self):
        try:
            import torch.utils.data
        except ImportError:
            self.skipTest("there is no PyTorch")
        (batch,) = orders(1, rows=100)
        rows = [{"x": batch["x"][i], "y": batch["y"][i], "categories": {"color": batch["categories"]["color"][i], "tags": i % 20}}
                for i in range(100)]
        model = self.client.create("m", network_of_orders())
        summary = model.train(torch.utils.data.DataLoader(rows, batch_size=8))
        self.assertEqual((summary.batches, summary.rows), (13, 100))


class AioTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().slow_callback_duration = TIMEOUT  # servers are started in it
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.server = self.enterContext(
            LiveServer(package.descentd, directory, errors=subprocess.DEVNULL))
        self.client = descent.aio.Client(self.server.address, retry=PATIENT)
        self.addAsyncCleanup(self.client.close)
        self.model = await self.client.create("m", network_of_orders())

    async def test_every_call_answers_as_the_blocking_one(self):
        blocking = self.enterContext(descent.Client(self.server.address)).model("m")
        self.assertEqual(self.model.network, blocking.network)
        (batch,) = orders(1)
        inputs = {"x": batch["x"], "categories": batch["categories"]}
        np.testing.assert_array_equal(await self.model.predict(**inputs), blocking.predict(**inputs))
        np.testing.assert_array_equal((await self.model.forward(**inputs)).outputs, blocking.forward(**inputs).outputs)
        gradient = await self.model.gradient(**batch, training=True)
        np.testing.assert_array_equal(gradient.sparse["embeddings.tags"].values,
                                      blocking.gradient(**batch).sparse["embeddings.tags"].values)
        await self.model.step(gradients=gradient)
        other = await self.client.create("other", network_of_orders())
        await other.step(**batch)
        self.assertEqual(await other.state_hash, await self.model.state_hash)
        self.assertEqual(await self.model.evaluate([batch]), blocking.evaluate([batch]))
        with self.assertRaisesRegex(ValueError, "categories: color, tags: missing"):
            await self.model.predict(batch["x"])
        wrong = {**batch, "categories": {**batch["categories"], "tags": [20] * 4}}
        for call in (self.model.step(**wrong), self.model.train([wrong]), self.model.evaluate([wrong])):
            with self.assertRaisesRegex(ValueError, r"categories\.tags\.ids: expected an id in \[0, 20\), got 20 at row 0"):
                await call

    async def test_goes_on_after_the_server_was_killed(self):
        async def disturbed():
            for i, batch in enumerate(orders(COUNT)):
                if i == 300:
                    self.server.kill()
                    self.server.start()
                yield batch

        summary = await self.model.train(disturbed(), session="run")
        self.assertEqual((summary.step, summary.batches), (COUNT, COUNT))
        undisturbed = await self.client.create("undisturbed", network_of_orders())
        await undisturbed.train(orders(COUNT))
        self.assertEqual(await self.model.state_hash, await undisturbed.state_hash)


if __name__ == "__main__":
    package.main()
