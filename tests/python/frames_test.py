"""Tables by the recipe of `descent train`: what one side made, the other predicts with, to the same numbers.

    frames_test.py DESCENTD

The command `descent` is the one beside that descentd.
"""

import csv
import json
import pathlib
import subprocess
import tempfile
import unittest

import package
import descent
import numpy as np
from descent.frames import Recipe
from live_server import TIMEOUT, LiveServer

COMMAND = pathlib.Path(package.descentd).parent / "descent"
ROWS = 300


def houses():
    """Columns by name: numbers, some of them missing, texts, some of them missing, one that is constant."""
    random = np.random.default_rng(0)
    area = random.uniform(20, 200, ROWS)
    built = random.integers(1900, 2020, ROWS).astype(float)
    built[::7] = np.nan
    kind = np.array(["flat", "house", "castle", "Düne"])[random.integers(4, size=ROWS)].astype(object)
    kind[::11] = None
    price = 1e6 + 3000 * area + 50_000 * (kind == "castle") + random.normal(0, 1000, ROWS)
    return {"area": area, "built": built, "kind": kind, "rooms": np.full(ROWS, 3), "price": price,
            "dear": np.where(price > np.median(price), "yes", "no")}


def write(path, frame):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(frame)
        for row in zip(*(frame[name] for name in frame)):
            writer.writerow(["" if cell is None or cell != cell else cell for cell in row])


def sales():
    """Shops and articles by the hundred: of texts, some of them missing, and of numbers."""
    random = np.random.default_rng(1)
    shop = random.integers(40, size=ROWS)
    article = random.integers(100, 130, size=ROWS).astype(float)
    amount = random.uniform(0, 4, ROWS)
    price = np.linspace(-2, 2, 40)[shop] + np.cos(article) + amount
    names = np.array([f"Straße {number}" for number in shop], object)
    names[shop == 7] = None
    return {"Shop name": names, "article": article, "amount": amount, "price": price}


class FramesTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        self.client = self.enterContext(descent.Client(self.server.address))
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.frame = houses()
        self.table = self.directory / "houses.csv"
        write(self.table, self.frame)

    def command(self, *arguments):
        done = subprocess.run([COMMAND, *map(str, arguments), "--server", self.server.address, "--json"],
                              timeout=TIMEOUT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def predicted(self, name):
        return [line["prediction"] for line in self.command("predict", name, "--csv", self.table)
                if "prediction" in line]

    def without(self, *names):
        return {name: column for name, column in self.frame.items() if name not in names}

    def test_what_the_command_trained_predicts_here(self):
        self.command("train", "m", "--csv", self.table, "--target", "price", "--ignore", "dear", "--epochs", "3")
        model = self.client.model("m")
        recipe = Recipe.of(model.info())
        ours = recipe.predictions(model.predict(recipe.inputs(self.frame)))
        np.testing.assert_allclose(ours, self.predicted("m"), rtol=1e-6)

    def test_classes_too(self):
        self.command("train", "m", "--csv", self.table, "--target", "dear", "--ignore", "price", "--epochs", "3")
        model = self.client.model("m")
        recipe = Recipe.of(model.info())
        self.assertEqual(recipe.classes, ("no", "yes"))
        ours = recipe.predictions(model.predict(recipe.inputs(self.frame)))
        self.assertEqual(list(ours), self.predicted("m"))

    def test_what_was_trained_here_the_command_predicts(self):
        for target, other in (("price", "dear"), ("dear", "price"), ("kind", "dear")):
            with self.subTest(target):
                recipe = Recipe.fit(self.frame, target, ignore=[other])
                network = descent.Network(
                    recipe.features, [descent.Dense(16, "relu"), descent.Dense(recipe.outputs)], recipe.loss)
                model = self.client.create(target, network, descent.Adam(1e-2), **recipe.kept())
                model.train(recipe.batches(self.frame, epochs=10))
                metrics = model.evaluate([(recipe.inputs(self.frame), recipe.targets(self.frame))]).metrics
                self.assertGreater(metrics.get("r2", metrics.get("accuracy")), 0.4)
                ours = recipe.predictions(model.predict(recipe.inputs(self.without(target))))
                theirs = self.predicted(target)
                if target == "price":
                    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
                else:
                    self.assertEqual(list(ours), theirs)

    def test_both_sides_fit_the_same_statistics(self):
        self.command("train", "m", "--csv", self.table, "--target", "price", "--ignore", "dear", "--epochs", "1",
                     "--test-fraction", "0")
        theirs = Recipe.of(self.client.model("m").info())
        ours = Recipe.fit(self.frame, "price", ignore=["dear"])
        np.testing.assert_allclose(ours.inputs(self.frame), theirs.inputs(self.frame), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.targets(self.frame), theirs.targets(self.frame), rtol=1e-12)

    def test_a_recipe_of_many_categories_is_packed(self):
        names = np.array([f"a rather long name of a street, number {i}" for i in range(900)])
        frame = {"street": names, "price": np.arange(900.0)}
        recipe = Recipe.fit(frame, "price")
        self.assertIn("client_data", recipe.kept())
        network = descent.Network(recipe.features, [descent.Dense(1)])
        model = self.client.create("streets", network, **recipe.kept())
        again = Recipe.of(model.info())
        np.testing.assert_array_equal(again.inputs(frame), recipe.inputs(frame))
        write(self.table, frame)
        self.assertEqual(len(self.predicted("streets")), 900)

    def model_of(self, name, recipe):
        network = descent.Network(recipe.features, [descent.Dense(16, "relu"), descent.Dense(recipe.outputs)], recipe.loss,
                                  categorical=recipe.categorical)
        return self.client.create(name, network, descent.Adam(1e-2), **recipe.kept())

    def test_what_the_command_embedded_predicts_and_learns_here(self):
        frame = sales()
        write(self.table, frame)
        embed = ("--embed", "Shop name", "--categorical", "article", "--embed", "article:3:4096")
        self.command("train", "m", "--csv", self.table, "--target", "price", *embed, "--epochs", "5")
        model = self.client.model("m")
        recipe = Recipe.of(model.info())
        self.assertEqual(recipe.features, 1)
        self.assertEqual([(table.name, table.buckets, table.dimension) for table in recipe.categorical],
                         [("shop_name", 1024, 13), ("article", 4096, 3)])
        # However they are written, in the file and in the frame: a number of an article is one category.
        for articles in (frame["article"], frame["article"].astype(int), [f"{number:.2f}" for number in frame["article"]]):
            frame["article"] = articles
            ours = recipe.predictions(model.predict(recipe.inputs(frame), categories=recipe.categories(frame)))
            np.testing.assert_allclose(ours, self.predicted("m"), rtol=1e-5, atol=1e-6)
        model.train(recipe.batches(frame, epochs=20))
        metrics = model.evaluate(recipe.batches(frame, seed=None)).metrics
        self.assertGreater(metrics["r2"], 0.9)

    def test_what_was_embedded_here_the_command_predicts_and_trains(self):
        ways = (["Shop name", "article"], {"Shop name": None, "article": 5}, {"Shop name": (8, 99), "article": (4, None)})
        for way, given in enumerate(ways):
            for without in ((), ("amount",)):
                with self.subTest(given, without=without):
                    name = f"m{way}-{len(without)}"
                    frame = {key: column for key, column in sales().items() if key not in without}
                    write(self.table, frame)
                    recipe = Recipe.fit(frame, "price", embed=given)
                    model = self.model_of(name, recipe)
                    model.train(recipe.batches(frame, epochs=30))
                    ours = recipe.predictions(model.predict(recipe.inputs(frame), categories=recipe.categories(frame)))
                    np.testing.assert_allclose(ours, self.predicted(name), rtol=1e-5, atol=1e-5)
                    metrics = model.evaluate(recipe.batches(frame, seed=None)).metrics
                    self.assertGreater(metrics["r2"], 0.7 if without else 0.9)
                    self.command("train", name, "--csv", self.table, "--epochs", "1")
                    self.assertGreater(model.step_count, 30 * ROWS // 64)
                    again = Recipe.of(model.info())
                    self.assertEqual(again.categorical, recipe.categorical)
                    self.assertEqual(again.categories(frame), recipe.categories(frame))

    def test_both_sides_embed_in_tables_of_the_same_sizes(self):
        for distinct in (1, 2, 3, 40, 255, 256, 290):
            shops = np.array([f"s{row % distinct}" for row in range(ROWS)], object)
            frame = {"Où? Shop": shops, "où? shop": shops, "1st": shops, "inputs": shops, "price": np.arange(float(ROWS))}
            embed = [name for name in frame if name != "price"]
            write(self.table, frame)
            self.command("train", "m", "--csv", self.table, "--target", "price", "--test-fraction", "0", "--epochs", "1",
                         *(word for name in embed for word in ("--embed", name)))
            model = self.client.model("m")
            theirs = Recipe.of(model.info())
            ours = Recipe.fit(frame, "price", embed=embed)
            self.assertEqual(ours.categorical, theirs.categorical)
            self.assertEqual(len({table.name for table in ours.categorical}), 4)
            self.assertIsNone(ours.inputs(frame))
            self.assertEqual(ours.kept()["labels"].keys(), {"descent.encoding"})
            model.delete()

    def test_a_recipe_that_is_not_its_network_s_is_refused(self):
        recipe = Recipe.fit(sales(), "price", embed={"Shop name": (8, 64)})
        for tables in ((), (descent.Categorical("shop_name", 64, 8),), (descent.Categorical("shop_name", 64, 9, "xxh64"),)):
            network = descent.Network(recipe.features, [descent.Dense(1)], categorical=tables)
            model = self.client.create("m", network, **recipe.kept())
            with self.assertRaisesRegex(ValueError, "^m: .*shop_name 64 x 8"):
                Recipe.of(model.info())
            model.delete()

    def test_a_category_that_was_not_there_is_all_zeros(self):
        recipe = Recipe.fit(self.without("dear"), "price")
        row = {name: column[:1] for name, column in self.frame.items()}
        row["kind"] = np.array(["cave"])
        self.assertEqual(recipe.inputs(row)[0, 2:7].sum(), 0)

    def test_what_does_not_fit_is_an_error_with_the_column(self):
        recipe = Recipe.fit(self.without("dear"), "price")
        classes = Recipe.fit(self.without("price"), "dear")
        for call, field in (
            (lambda: Recipe.fit(self.frame, "cost"), "cost"),
            (lambda: Recipe.fit({**self.frame, "built": np.full(ROWS, np.nan)}, "price"), "built"),
            (lambda: Recipe.fit({**self.frame, "dear": ["yes"] * ROWS}, "dear"), "dear"),
            (lambda: Recipe.fit({**self.frame, "price": np.full(ROWS, np.nan)}, "price"), "price"),
            (lambda: recipe.inputs(self.without("area")), "area"),
            (lambda: recipe.inputs({**self.frame, "area": ["wide"] * ROWS}), "area"),
            (lambda: recipe.targets({**self.frame, "price": [None] * ROWS}), "price"),
            (lambda: classes.targets({**self.frame, "dear": ["perhaps"] * ROWS}), "dear"),
            (lambda: recipe.inputs({**self.frame, "area": np.full(ROWS, np.inf)}), "frame"),
            (lambda: Recipe.fit({"price": self.frame["price"]}, "price"), "price"),
            (lambda: Recipe.fit({"kind": [f"k{row}" for row in range(1001)], "price": range(1001)}, "price"), "kind"),
            (lambda: Recipe.fit(self.frame, "price", embed="kind"), "embed"),
            (lambda: Recipe.fit(self.frame, "price", embed=["sort"]), "sort"),
            (lambda: Recipe.fit(self.frame, "price", embed=["price"]), "price"),
            (lambda: Recipe.fit(self.frame, "price", ignore=["kind"], embed=["kind"]), "kind"),
            (lambda: Recipe.fit(self.frame, "price", embed={"kind": 0}), "embed.kind"),
            (lambda: Recipe.fit(self.frame, "price", embed={"kind": True}), "embed.kind"),
            (lambda: Recipe.fit(self.frame, "price", embed={"kind": (4, 2**31)}), "embed.kind"),
            (lambda: Recipe.fit(self.frame, "price", embed={"kind": (4, 8, 16)}), "embed.kind"),
        ):
            with self.subTest(field), self.assertRaises(ValueError) as caught:
                call()
            self.assertEqual(caught.exception.field, field)

    def test_a_model_without_a_usable_recipe_says_so(self):
        network = descent.Network(2, [descent.Dense(1)])
        for kept in ("", "{", "[]", '{"version": 9}', "zlib:5:!!!!", '{"version": 1, "header": false}'):
            model = self.client.create("m", network, client_data=kept)
            with self.assertRaisesRegex(ValueError, "^m: "):
                Recipe.of(model.info())
            model.delete()

    def test_frames_of_pandas_and_polars_are_tables_too(self):
        expected = Recipe.fit(self.frame, "price", ignore=["dear"])
        tried = 0
        for name in ("pandas", "polars"):
            try:
                library = __import__(name)
            except ImportError:
                continue
            frame = library.DataFrame(self.frame)
            recipe = Recipe.fit(frame, "price", ignore=["dear"])
            self.assertEqual(recipe.kept(), expected.kept())
            np.testing.assert_array_equal(recipe.inputs(frame), expected.inputs(self.frame))
            tried += 1
        if tried == 0:
            self.skipTest("there is neither pandas nor polars; environments_test.py installs them")


if __name__ == "__main__":
    package.main()
