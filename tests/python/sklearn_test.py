"""The estimators, by scikit-learn's own checks and in its company.

    sklearn_test.py DESCENTD

Skipped where scikit-learn 1.6 or later is not installed; environments_test.py installs it.
"""

import collections
import copy
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
import warnings

import package
import descent
import numpy as np
from live_server import TIMEOUT, LiveServer

try:
    from sklearn.utils.validation import validate_data  # noqa: F401, since 1.6
except ImportError:
    print("skipped: there is no scikit-learn 1.6")
    raise SystemExit(0) from None

from sklearn.base import clone
from sklearn.datasets import load_iris, make_friedman1
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from descent.sklearn import DescentClassifier, DescentRegressor

# What scikit-learn itself leaves out unless its environment asks for it.
SKIPPED = {"check_array_api_input"}


def friedman(rows=400):
    x, y = make_friedman1(rows, random_state=0, noise=1.0)
    return x, (y - y.mean()) / y.std()


class ContractTest(unittest.TestCase):
    def check(self, estimator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = check_estimator(estimator, on_fail=None, on_skip=None)
        for result in results:
            if result["check_name"] not in SKIPPED:
                self.assertEqual(result["status"], "passed", result)
        counts = collections.Counter(result["status"] for result in results)
        print(f"{type(estimator).__name__}: {dict(counts)}", file=sys.stderr)
        self.assertGreater(counts["passed"], 50)
        self.assertEqual(counts["xfail"] + counts["failed"], 0)

    def test_a_regressor_is_one(self):
        self.check(DescentRegressor())

    def test_a_classifier_is_one(self):
        self.check(DescentClassifier())


class EstimatorsTest(unittest.TestCase):
    def test_it_learns_in_a_pipeline(self):
        x, y = friedman(1500)
        regressor = make_pipeline(StandardScaler(), DescentRegressor((32, 32), epochs=40, random_state=0))
        self.assertGreater(cross_val_score(regressor, x, y, cv=3).mean(), 0.8)
        x, y = load_iris(return_X_y=True)
        names = np.array(["setosa", "versicolor", "virginica"])[y]
        classifier = make_pipeline(StandardScaler(), DescentClassifier(random_state=0))
        self.assertGreater(cross_val_score(classifier, x, names, cv=3).mean(), 0.93)

    def test_a_grid_is_searched_in_other_processes(self):
        x, y = friedman(100)
        grid = GridSearchCV(DescentRegressor(epochs=20, random_state=0),
                            {"hidden_layers": [(2,), (64,)]}, cv=2, n_jobs=2)
        grid.fit(x, y)
        self.assertEqual(grid.best_params_, {"hidden_layers": (64,)})

    def test_layers_and_optimizers_of_the_package_are_taken(self):
        x, y = friedman(200)
        layers = (descent.Dense(32, "gelu"), descent.Residual((descent.LayerNorm(), descent.Dense(32, "gelu"))),
                  descent.Dropout(0.1))
        regressor = DescentRegressor(layers, optimizer=descent.AdamW(1e-2, weight_decay=0.1), epochs=20,
                                     loss=descent.Loss("huber", delta=2.0))
        self.assertGreater(clone(regressor).fit(x, y).score(x, y), 0.7)

    def shops(self):
        """Numbers between columns of categories, of which one alone says little."""
        random = np.random.default_rng(0)
        shop, article = random.integers(50, size=1500), random.integers(-3, 30, size=1500)
        amount = random.uniform(-1, 1, 1500)
        y = np.linspace(-2, 2, 50)[shop % 7 * 7] + np.cos(article) + amount
        return np.column_stack([shop, amount, article]).astype(float), y

    def test_columns_of_categories_are_learnt_from(self):
        x, y = self.shops()
        plain = DescentRegressor(epochs=20, random_state=0)
        self.assertLess(cross_val_score(plain, x, y, cv=3).mean(), 0.7)
        for columns in ([0, 2], [0, -1], np.array([True, False, True])):
            regressor = DescentRegressor(epochs=20, random_state=0, categorical_features=columns, learning_rate=1e-2)
            self.assertGreater(cross_val_score(regressor, x, y, cv=3).mean(), 0.97)
        regressor.fit(x.astype(np.float32), y)
        self.assertEqual([(table.name, table.buckets, table.dimension) for table in regressor.network_.categorical],
                         [("column_0", 1024, 14), ("column_2", 1024, 11)])
        self.assertEqual((regressor.network_.inputs, regressor.network_.dtype), (1, "float32"))
        copied = pickle.loads(pickle.dumps(regressor))
        np.testing.assert_array_equal(copied.predict(x), regressor.predict(x))
        strange = x[:3].copy()
        strange[:, 0] = (1e6, -7, 2**40)
        self.assertTrue(np.isfinite(regressor.predict(strange)).all())
        alone = DescentClassifier(epochs=20, random_state=0, categorical_features=[0, 1], learning_rate=1e-2)
        alone.fit(x[:, [0, 2]], y > 0, sample_weight=np.arange(len(y)) % 2)
        self.assertGreater(alone.score(x[:, [0, 2]], y > 0), 0.8)
        alone.partial_fit(x[:, [0, 2]], y > 0)

    def test_columns_of_categories_have_names(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("there is no pandas")
        x, y = self.shops()
        frame = pandas.DataFrame(x, columns=["shop", "amount", "article"])
        regressor = DescentRegressor(epochs=20, random_state=0, categorical_features=["shop", "article"], learning_rate=1e-2)
        self.assertGreater(cross_val_score(regressor, frame, y, cv=3).mean(), 0.97)

    def test_columns_that_are_none_of_categories_are_refused(self):
        x, y = self.shops()
        for columns, text in (([3], "there is no column 3, X has 3"), (["shop"], "there is no column 'shop'"),
                              ([True, False], "a mask of 3 columns, got 2"), ([1], "column 1 .*expected whole numbers, got -?0"),
                              ([0.5], "there is no column 0.5")):
            with self.subTest(columns), self.assertRaisesRegex(ValueError, text):
                DescentRegressor(categorical_features=columns).fit(x, y)
        fitted = DescentRegressor(categorical_features=[0], epochs=1).fit(x, y)
        with self.assertRaisesRegex(ValueError, "column 0 .*whole numbers, got 0.5"):
            fitted.predict(np.full((2, 3), 0.5))

    def test_the_curve_is_of_each_pass(self):
        x, y = friedman(300)
        regressor = DescentRegressor(epochs=30, random_state=0).fit(x, y)
        self.assertEqual((len(regressor.loss_curve_), regressor.n_iter_, regressor.t_), (30, 30, 9000))
        self.assertLess(regressor.loss_curve_[-1], regressor.loss_curve_[0] / 2)
        self.assertEqual(regressor.loss_, regressor.loss_curve_[-1])
        # The first batch of the first pass has the loss of the first parameters.
        one = DescentRegressor(epochs=1, batch_size=300, random_state=0).fit(x, y)
        again = DescentRegressor(epochs=2, batch_size=300, random_state=0).fit(x, y)
        self.assertAlmostEqual(one.loss_curve_[0], again.loss_curve_[0], places=12)
        self.assertAlmostEqual(again.loss_curve_[1], np.mean((one.predict(x) - y) ** 2), places=12)

    def test_passes_by_hand_are_those_of_fit(self):
        x, y = friedman(200)
        whole = DescentRegressor(epochs=3, random_state=0).fit(x, y)
        parts = DescentRegressor(random_state=0)
        for _ in range(3):
            parts.partial_fit(x, y)
        np.testing.assert_array_equal(whole.predict(x), parts.predict(x))
        self.assertEqual(whole.loss_curve_, parts.loss_curve_)
        labels = np.where(y > 0, "high", "low")
        classifier = DescentClassifier(random_state=0)
        first = labels == "high"
        classifier.partial_fit(x[first], labels[first], classes=["high", "low"])
        classifier.partial_fit(x, labels)
        self.assertEqual(list(classifier.classes_), ["high", "low"])
        with self.assertRaisesRegex(ValueError, "not among the classes"):
            classifier.partial_fit(x, np.full(len(x), "else"))

    def test_weights_are_as_many_rows(self):
        x, y = friedman(30)
        counts = np.arange(30) % 3
        weighted = DescentRegressor(batch_size=100, random_state=0).fit(x, y, sample_weight=counts)
        repeated = DescentRegressor(batch_size=100, random_state=0).fit(
            np.repeat(x, counts, axis=0), np.repeat(y, counts))
        np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-8)
        batches = DescentRegressor(batch_size=1, epochs=1).fit(x, y, sample_weight=counts)
        self.assertEqual(batches.model_.step_count, np.count_nonzero(counts))
        with self.assertRaisesRegex(ValueError, "zero"):
            DescentRegressor().fit(x, y, sample_weight=np.zeros(30))

    def test_single_precision_stays_single(self):
        x, y = friedman(100)
        regressor = DescentRegressor(epochs=2).fit(x.astype(np.float32), y)
        self.assertEqual(regressor.network_.dtype, "float32")
        self.assertEqual(regressor.predict(x.astype(np.float32)).dtype, np.float32)

    def test_a_copy_goes_its_own_way(self):
        x, y = friedman(100)
        regressor = DescentRegressor(epochs=5, random_state=0).fit(x, y)
        before = regressor.predict(x)
        for other in (copy.deepcopy(regressor), pickle.loads(pickle.dumps(regressor))):
            np.testing.assert_array_equal(other.predict(x), before)
            other.partial_fit(x, y)
            np.testing.assert_array_equal(regressor.predict(x), before)
            self.assertNotEqual(other.model_.name, regressor.model_.name)

    def test_a_pickle_predicts_in_another_process(self):
        x, y = friedman(100)
        regressor = DescentRegressor(epochs=5).fit(x, y)
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pickle")
            with open(path, "wb") as file:
                pickle.dump((regressor, x, regressor.predict(x)), file)
            program = ("import pickle, sys, numpy as np\n"
                       "regressor, x, expected = pickle.load(open(sys.argv[1], 'rb'))\n"
                       "np.testing.assert_array_equal(regressor.predict(x), expected)")
            subprocess.run([sys.executable, "-c", program, path], check=True, timeout=TIMEOUT)

    def test_a_model_goes_with_its_estimator(self):
        x, y = friedman(50)
        server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))
        client = self.enterContext(descent.Client(server.address))
        regressor = DescentRegressor(epochs=1, server=server.address).fit(x, y)
        self.assertEqual([model.name for model in client.models()], [regressor.model_.name])
        regressor.fit(x, y)
        self.assertEqual(len(client.models()), 1)
        del regressor
        self.assertEqual(client.models(), [])

    def test_settings_that_make_no_sense_are_refused_by_name(self):
        x, y = friedman(50)
        for settings in ({"batch_size": 0}, {"epochs": 0}, {"epochs": 1.5}, {"activation": "rellu"},
                         {"optimizer": "adams"}, {"loss": "mse"}):
            with self.subTest(settings), self.assertRaisesRegex(ValueError, "expected"):
                DescentRegressor(**settings).fit(x, y)

    def test_one_class_is_always_that(self):
        x, _ = friedman(50)
        classifier = DescentClassifier(epochs=2).fit(x, ["a"] * 50)
        self.assertEqual(set(classifier.predict(x)), {"a"})


if __name__ == "__main__":
    package.main()
