"""ONNX files both ways: onnxruntime runs ours, and we read those of PyTorch and scikit-learn.

    onnx_interop_test.py ONNX_TOOL DESCENTD DESCENT

Needs onnx, onnxruntime, scikit-learn and skl2onnx, for which an environment is made where they are not. Skipped where PyPI
can't be reached. PyTorch's files are made where Debian's python3-torch is; those of it that have tables are in data/ as well, and
those of its newer exporter, where PyPI's torch 2.15 and onnxscript 0.7 wrote them by

    onnx_interop_test.py --write-data

as those of Keras are, by write_keras_data.py.
"""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

PACKAGES = {"onnx": "onnx", "onnxruntime": "onnxruntime", "skl2onnx": "skl2onnx", "sklearn": "scikit-learn"}
HERE = pathlib.Path(__file__).resolve().parent
TOOL = os.environ.get("ONNX_TOOL")
sys.path.insert(0, str(HERE.parent / "e2e"))

if TOOL and __name__ == "__main__":
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from skl2onnx import to_onnx


def run_onnx(model, inputs):
    """The outputs of onnxruntime, by name. `inputs`: by name, or an array for the first."""
    bytes_ = model if isinstance(model, bytes) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(bytes_, options, providers=["CPUExecutionProvider"])
    values = session.run(None, inputs if isinstance(inputs, dict) else {session.get_inputs()[0].name: inputs})
    return dict(zip((output.name for output in session.get_outputs()), values))


def distance(actual, expected):
    """The largest difference, relative to the largest number."""
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-30))


class OursTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        subprocess.run([TOOL, "write", cls.directory], check=True)
        cls.files = sorted(cls.directory.glob("*.onnx"))
        assert len(cls.files) > 100

    def cases(self):
        for file in self.files:
            with self.subTest(file.stem):
                model = onnx.load(file)
                dtype = np.float64 if file.stem.endswith("float64") else np.float32
                inputs = {}
                for value in model.graph.input:
                    dims = value.type.tensor_type.shape.dim
                    if len(dims) == 2:
                        inputs[value.name] = np.fromfile(f"{self.directory / file.stem}.in", dtype).reshape(-1, dims[1].dim_value)
                    else:
                        inputs[value.name] = np.fromfile(f"{self.directory / file.stem}.ids-{value.name}", np.int64)
                outputs = np.fromfile(f"{self.directory / file.stem}.out", dtype).reshape(len(next(iter(inputs.values()))), -1)
                exact = np.fromfile(f"{self.directory / file.stem}.exact").reshape(outputs.shape)
                yield model, inputs, outputs, exact

    @staticmethod
    def allowed(outputs, exact):
        # Where layers make rounding to floats larger, Predict itself is as far from what is exact.
        return 1e-12 if outputs.dtype == np.float64 else max(1e-6, 3 * distance(outputs, exact))

    def test_the_checker_of_onnx_finds_nothing(self):
        for model, _, _, _ in self.cases():
            onnx.checker.check_model(model, full_check=True)

    def test_they_say_what_they_are(self):
        for model, inputs, outputs, _ in self.cases():
            self.assertEqual((model.producer_name, model.ir_version), ("descent", 7))
            self.assertEqual([(entry.domain, entry.version) for entry in model.opset_import], [("", 13)])
            self.assertIn(("descent.step", "5"), [(entry.key, entry.value) for entry in model.metadata_props])
            ids = {name for name, values in inputs.items() if values.dtype == np.int64}
            self.assertLessEqual(inputs.keys() - ids, {"inputs" if ids else "input"})
            self.assertEqual([output.name for output in model.graph.output], ["outputs" if ids else "output"])
            for value in (*model.graph.input, *model.graph.output):
                dims = value.type.tensor_type.shape.dim
                self.assertEqual(dims[0].dim_param, "batch")
                widths = [] if value.name in ids else [(inputs | {model.graph.output[0].name: outputs})[value.name].shape[1]]
                self.assertEqual([dim.dim_value for dim in dims[1:]], widths)
                self.assertEqual(value.type.tensor_type.elem_type == TensorProto.INT64, value.name in ids)

    def test_onnxruntime_predicts_what_predict_does(self):
        worst = {}
        for model, inputs, outputs, exact in self.cases():
            (answered,) = run_onnx(model, inputs).values()
            self.assertEqual((answered.dtype, answered.shape), (outputs.dtype, outputs.shape))
            apart = distance(answered, outputs)
            self.assertLessEqual(apart, self.allowed(outputs, exact))
            kind = outputs.dtype.name
            worst[kind] = max(worst.get(kind, 0), apart)
        print("onnxruntime beside Predict, at worst:", worst)

    def test_onnxruntime_of_node_predicts_the_same(self):
        if not shutil.which("node") or not shutil.which("npm"):
            self.skipTest("Node is not there")
        home = self.enterContext(tempfile.TemporaryDirectory())
        installed = subprocess.run(["npm", "install", "--prefix", home, "--no-audit", "--no-fund", "--loglevel=error",
                                    "--onnxruntime-node-install=skip", "--onnxruntime-node-install-cuda=skip",
                                    "onnxruntime-node"], stderr=subprocess.PIPE, text=True)
        if installed.returncode != 0:
            self.skipTest(f"npm has no onnxruntime-node for us: {installed.stderr}")
        ran = subprocess.run(["node", HERE / "run_onnx.js", self.directory], stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "NODE_PATH": f"{home}/node_modules"})
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for file in self.files:
            with self.subTest(file.stem):
                dtype = np.float64 if file.stem.endswith("float64") else np.float32
                answered, outputs = (np.fromfile(f"{self.directory / file.stem}.{kind}", dtype) for kind in ("node", "out"))
                exact = np.fromfile(f"{self.directory / file.stem}.exact")
                self.assertEqual(answered.shape, outputs.shape)
                self.assertLessEqual(distance(answered, outputs), self.allowed(outputs, exact))

    def test_any_number_of_rows_can_be_predicted(self):
        for model, inputs, outputs, _ in self.cases():
            for rows in (1, 2, len(outputs)):
                (answered,) = run_onnx(model, {name: values[:rows] for name, values in inputs.items()}).values()
                self.assertEqual(answered.shape, (rows, outputs.shape[1]))

    def test_ids_that_are_no_rows_of_the_table(self):
        model = onnx.load(self.directory / "categories.alone.float32.onnx")
        table = numpy_helper.to_array(model.graph.initializer[0])
        model.graph.output[0].name = model.graph.node[0].output[0]
        for id_ in (len(table), len(table) + 1, -len(table) - 1):
            with self.assertRaisesRegex(Exception, "out of data bounds"):
                run_onnx(model, np.array([id_]))
        # Gather counts these from the end, which docs/formats.md warns of.
        (answered,) = run_onnx(model, np.array([-1])).values()
        np.testing.assert_array_equal(answered, table[-1:])


class PreprocessingTest(unittest.TestCase):
    """`descent export --with-preprocessing`: raw columns in, predictions in the target's unit out."""

    COLUMNS = {"area": np.array([100.0, 140, np.nan, -20]) if TOOL else None,
               "ocean proximity": ["INLAND", "", "ISLAND", "<1H OCEAN"],
               "as it is": [1.0, -1, 0.25, 0],
               "day.year_sin": [0.5, np.nan, -1, 1] if TOOL else None,
               "day.days": [18000.0, 18300, 17700, np.nan] if TOOL else None}

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        subprocess.run([TOOL, "encoded", self.directory], check=True)

    def encoded(self):
        """The rows as the network sees them, by the definition of the encoding."""
        def number(name, median, mean, scale):
            values = np.array(self.COLUMNS[name], float)
            return (np.where(np.isnan(values), median, values) - mean) / scale

        places = {"<1H OCEAN": 0, "": 1, "?": 1, "INLAND": 2}
        ocean = np.zeros((4, 3))
        for row, category in enumerate(self.COLUMNS["ocean proximity"]):
            if category in places:
                ocean[row, places[category]] = 1
        return np.column_stack([number("area", 90, 100, 20), ocean, self.COLUMNS["as it is"],
                                number("day.year_sin", 0.5, 0.5, 0.25), number("day.days", 18000, 18000, 300)])

    def test_raw_columns_predict_what_encoded_ones_do(self):
        columns = {name: np.array(values, object if name == "ocean proximity" else float).reshape(-1, 1)
                   for name, values in self.COLUMNS.items()}
        for name in ("number", "two_classes", "classes"):
            for dtype in (np.float32, np.float64):
                with self.subTest(name, dtype=dtype.__name__):
                    stem = f"{self.directory}/{name}.{dtype.__name__}"
                    model = onnx.load(f"{stem}.onnx")
                    onnx.checker.check_model(model, full_check=True)
                    session = onnxruntime.InferenceSession(f"{stem}.onnx", providers=["CPUExecutionProvider"])
                    answers = dict(zip((output.name for output in session.get_outputs()), session.run(None, columns)))
                    plain = run_onnx(pathlib.Path(f"{stem}.plain.onnx").read_bytes(), self.encoded().astype(dtype))["output"]
                    limit = 1e-12 if dtype == np.float64 else 1e-6
                    if name == "number":
                        self.assertLessEqual(distance(answers["price"], plain.astype(float) * 1e5 + 2e5), limit)
                        self.assertEqual(answers["price"].dtype, np.float64)
                        continue
                    expected = np.column_stack([1 - plain, plain]) if name == "two_classes" else plain
                    labels = np.array(["no", "yes"] if name == "two_classes" else ["a", "b", "c"])
                    self.assertLessEqual(distance(answers["probabilities"], expected), limit)
                    self.assertEqual(list(answers["label"]), list(labels[expected.argmax(1)]))


class ServerTest(unittest.TestCase):
    """The command and a server: what is exported predicts what the server does, and imports are served and trained on."""

    @classmethod
    def setUpClass(cls):
        import live_server
        descentd, cls.descent = (str(pathlib.Path(path).resolve()) for path in sys.argv[2:4])
        cls.server = cls.enterClassContext(live_server.LiveServer(descentd))
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        random = np.random.default_rng(5)
        rows = 240
        area, age = random.normal(100, 30, rows), random.integers(1, 60, rows)
        place = random.choice(["INLAND", "NEAR BAY", "ISLAND"], rows, p=[0.6, 0.3, 0.1])
        price = 1e3 * area * (1 + (place == "NEAR BAY")) + 500 * age + 2e4
        missing = random.random((2, rows)) < 0.05
        cls.columns = {"area": np.where(missing[0], np.nan, area), "age": age.astype(float),
                       "place": np.where(missing[1], "", place)}
        kinds = np.array(["cheap", "middling", "dear"])[np.digitize(price, [1e5, 1.7e5])]
        cls.targets = {"price": price, "dear": np.where(kinds == "dear", "yes", "no"), "kind": kinds}
        for target, values in cls.targets.items():
            lines = [",".join([*cls.columns, target])]
            for *cells, value in zip(*cls.columns.values(), values):
                lines.append(",".join("" if cell != cell else str(cell) for cell in (*cells, value)))
            (cls.directory / f"{target}.csv").write_text("\n".join(lines) + "\n")

    def run_descent(self, *arguments):
        ran = subprocess.run([self.descent, "--server", self.server.address, *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def predictions(self, model, table):
        rows = [json.loads(line) for line in self.run_descent("--json", "predict", model, "--csv", table).splitlines()]
        return [row for row in rows if "prediction" in row]

    def raw_columns(self):
        return {name: np.array(values, object if name == "place" else float).reshape(-1, 1)
                for name, values in self.columns.items()}

    def test_raw_columns_and_the_unit_of_the_target(self):
        for target, dtype in (("price", "float32"), ("price", "float64"), ("dear", "float32"), ("kind", "float64")):
            with self.subTest(target, dtype=dtype):
                model, table = f"{target}-{dtype}", self.directory / f"{target}.csv"
                self.run_descent("train", model, "--csv", table, "--target", target, "--epochs", 4, "--layers", "16x2",
                                 "--residual", "--layer-norm", "--dropout", 0.1, "--data-type", dtype)
                file = self.directory / f"{model}.onnx"
                self.run_descent("export", model, file, "--with-preprocessing")
                onnx.checker.check_model(onnx.load(file), full_check=True)
                session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
                answers = dict(zip((output.name for output in session.get_outputs()), session.run(None, self.raw_columns())))
                expected = self.predictions(model, table)
                limit = 1e-12 if dtype == "float64" else 3e-6  # of layer norms, whose rounding is that of float32
                if target == "price":
                    self.assertLessEqual(distance(answers["price"][:, 0], np.array([row["prediction"] for row in expected])), limit)
                    continue
                probabilities = np.array([list(row["probabilities"].values()) for row in expected])
                self.assertLessEqual(distance(answers["probabilities"], probabilities), limit)
                self.assertEqual(list(answers["label"]), [row["prediction"] for row in expected])

    def test_preprocessing_is_asked_for_where_there_is_some(self):
        self.run_descent("create", "plain", "--inputs", 2, "--layers", "4")
        for arguments in (("plain", "p.onnx"), ("plain", "p.safetensors")):
            ran = subprocess.run([self.descent, "--server", self.server.address, "export", *arguments, "--with-preprocessing"],
                                 capture_output=True, text=True, cwd=self.directory)
            self.assertEqual(ran.returncode, 64, ran.stderr)
            self.assertIn("--with-preprocessing", ran.stderr)

    def test_categorical_inputs_come_in_and_go_out(self):
        file, again = HERE / "data" / "torchscript_tables_behind.onnx", self.directory / "tables.onnx"
        self.run_descent("import", file, "--name", "tables", "--optimizer", "sgd")
        self.run_descent("export", "tables", again)
        onnx.checker.check_model(onnx.load(again), full_check=True)
        random = np.random.default_rng(6)
        ids = {"user": random.integers(0, 7, 20), "item": random.integers(0, 5, 20)}
        x = random.normal(size=(20, 4)).astype(np.float32)
        expected = next(iter(run_onnx(file.read_bytes(), ids | {"x": x}).values()))
        self.assertLessEqual(distance(run_onnx(again.read_bytes(), ids | {"inputs": x})["outputs"], expected), 1e-6)
        self.run_descent("import", again, "--name", "tables-too")
        second = again.with_name("tables-again.onnx")
        self.run_descent("export", "tables-too", second)
        self.assertEqual(second.read_bytes(), again.read_bytes())
        safe = again.with_suffix(".safetensors")
        self.run_descent("export", "tables", safe, "--include-optimizer")
        self.run_descent("import", safe, "--name", "tables-safe")
        self.run_descent("export", "tables-safe", second, "--force")
        self.assertEqual(second.read_bytes(), again.read_bytes())
        ran = subprocess.run([self.descent, "--server", self.server.address, "export", "tables", "p.onnx", "--with-preprocessing"],
                             capture_output=True, text=True, cwd=self.directory)
        self.assertEqual(ran.returncode, 64, ran.stderr)
        self.assertIn("categorical inputs of tables", ran.stderr)

    def test_export_import_and_export_again_is_the_same_file(self):
        table = self.directory / "price.csv"
        self.run_descent("train", "again", "--csv", table, "--target", "price", "--epochs", 2, "--layers", "8x2",
                         "--layer-norm", "--dropout", 0.2, "--normalize", "--optimizer", "sgd")
        first, second = self.directory / "first.onnx", self.directory / "second.onnx"
        self.run_descent("export", "again", first)
        self.run_descent("import", first, "--name", "again-too")
        self.run_descent("export", "again-too", second)
        self.assertEqual(self.predictions("again-too", table), self.predictions("again", table))
        one, two = onnx.load(first), onnx.load(second)
        self.assertEqual(one.graph.SerializeToString(), two.graph.SerializeToString())
        facts = [{entry.key: entry.value for entry in model.metadata_props} for model in (one, two)]
        self.assertEqual(facts[0], facts[1])
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_a_network_of_scikit_learn_is_served_and_trained_on(self):
        inputs = np.random.default_rng(1).normal(size=(60, 3))
        estimator = MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=1).fit(inputs, inputs.sum(1))
        file = self.directory / "scikit.onnx"
        file.write_bytes(to_onnx(estimator, inputs[:1].astype(np.float32)).SerializeToString())
        self.run_descent("import", file, "--name", "scikit", "--optimizer", "adam")
        table = self.directory / "scikit.csv"
        np.savetxt(table, np.column_stack([inputs, inputs.sum(1)]), delimiter=",", header="a,b,c,y", comments="")
        rows = self.predictions("scikit", table)
        self.assertLessEqual(distance(np.array([row["prediction"] for row in rows]), estimator.predict(inputs)), 1e-5)


    def test_a_graph_that_ends_in_logits_is_trained_by_the_loss_that_is_said(self):
        weights = np.arange(6, dtype=np.float32).reshape(2, 3) / 4
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])], [numpy_helper.from_array(weights, "w")])
        file = self.directory / "logits.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
        table = self.directory / "logits.csv"
        table.write_text("a,b,y\n1,2,0\n-1,0.5,1\n")
        self.run_descent("import", file, "--name", "logits", "--optimizer", "adam", "--loss", "softmax_cross_entropy")
        logits = np.array([[1, 2], [-1, 0.5]]) @ weights
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        rows = [row.get("probabilities") or row["prediction"] for row in self.predictions("logits", table)]
        actual = np.array([list(row.values()) if isinstance(row, dict) else row for row in rows])
        self.assertLessEqual(distance(actual, expected), 1e-6)


class ReadTest(unittest.TestCase):
    """Files of others. Each is read, predicts what onnxruntime does, and is trained on."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def predict(self, path, inputs, loss="", ids=()):
        """`ids`: of each categorical input, [rows] or [rows, ids a row]."""
        sent = np.asarray(inputs, np.float64).tobytes()
        for values in (np.asarray(values, np.float64) for values in ids):
            sent += np.float64(values.size / len(values)).tobytes() + values.tobytes()
        return subprocess.run([TOOL, "predict", path, str(len(ids[0] if len(ids) else inputs)), loss], input=sent,
                              capture_output=True)

    def check(self, model, inputs, output=None, loss="", of=lambda values: values, ids=None, columns=False):
        """`output`: of several, the one to be compared, and `of` what of it. `ids`: by name, in the order of their tables.
        `columns`: of those the network has an input for each column."""
        path = self.directory / "model.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        answers = run_onnx(path.read_bytes(), inputs if ids is None else ids | ({"x": inputs} if inputs.size else {}))
        expected = of(answers[output] if output else next(iter(answers.values())))
        sent = list((ids or {}).values())
        ran = self.predict(path, inputs, loss, [column for values in sent for column in values.T] if columns else sent)
        self.assertEqual(ran.returncode, 0, ran.stderr.decode())
        actual = np.frombuffer(ran.stdout).reshape(len(inputs), -1)
        limit = 1e-12 if inputs.dtype == np.float64 else 1e-5
        self.assertLessEqual(distance(actual, expected.reshape(actual.shape)), limit)

    def refused(self, model, *texts, loss=""):
        path = self.directory / "model.onnx"
        path.write_bytes(model.SerializeToString())
        ran = self.predict(path, np.zeros((1, 4)), loss)
        self.assertEqual(ran.returncode, 1)
        for text in texts:
            self.assertIn(text, ran.stderr.decode())


class ScikitTest(ReadTest):
    @classmethod
    def setUpClass(cls):
        warnings.filterwarnings("ignore")
        cls.x = np.random.default_rng(0).normal(size=(80, 4)) * [1, 10, 0.1, 3] + [0, 50, 0, -3]
        cls.y = np.sin(cls.x[:, 0]) + cls.x[:, 3]
        cls.classes = np.digitize(cls.x[:, 0], [-0.5, 0.5])

    def fitted(self, estimator, targets):
        return estimator.fit(self.x, targets)

    def test_regressors(self):
        for dtype in (np.float32, np.float64):
            inputs = self.x.astype(dtype)
            for activation in ("relu", "tanh", "logistic", "identity"):
                with self.subTest(activation, dtype=dtype.__name__):
                    model = MLPRegressor(hidden_layer_sizes=(7, 5), activation=activation, max_iter=20, random_state=1)
                    self.check(to_onnx(self.fitted(model, self.y), inputs[:1]), inputs)
            with self.subTest("scaled", dtype=dtype.__name__):
                model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(7,), max_iter=20, random_state=1))
                self.check(to_onnx(self.fitted(model, self.y), inputs[:1]), inputs)

    def test_several_targets_in_one_column_are_refused(self):
        # skl2onnx 1.20 puts them one below the other.
        targets = np.stack([self.y, self.y + 1], 1)
        model = self.fitted(MLPRegressor(hidden_layer_sizes=(7,), max_iter=20, random_state=1), targets)
        exported = to_onnx(model, self.x[:1].astype(np.float32))
        if next(iter(run_onnx(exported, self.x.astype(np.float32)).values())).shape == targets.shape:
            self.skipTest("this skl2onnx does not")
        self.refused(exported, "Reshape", "rows of 1 from rows of 2")

    def test_classifiers_by_their_probabilities(self):
        inputs = self.x.astype(np.float32)
        names = np.array(["a", "b", "c"])[self.classes]
        for zipmap in (False, True):
            def probabilities(values):
                return np.array([list(row.values()) for row in values]) if zipmap else values

            for name, targets, of in (
                    ("two classes", self.classes > 1, lambda p: probabilities(p)[:, 1]),
                    ("three classes", self.classes, probabilities),
                    ("classes by name", names, probabilities)):
                with self.subTest(name, zipmap=zipmap):
                    model = self.fitted(MLPClassifier(hidden_layer_sizes=(6,), max_iter=20, random_state=1), targets)
                    exported = to_onnx(model, inputs[:1], options={"zipmap": zipmap})
                    self.check(exported, inputs, exported.graph.output[1].name, of=of)

    def test_several_labels(self):
        inputs = self.x.astype(np.float32)
        model = self.fitted(MLPClassifier(hidden_layer_sizes=(6,), max_iter=20, random_state=1), (self.x[:, :2] > [0, 50]).astype(int))
        exported = to_onnx(model, inputs[:1], options={"zipmap": False})
        # It has 1 - p of both before p of both.
        self.check(exported, inputs, exported.graph.output[1].name, of=lambda p: p[:, 2:])

    def test_what_is_no_network_is_refused_by_its_operator(self):
        from sklearn.ensemble import RandomForestRegressor
        forest = self.fitted(RandomForestRegressor(n_estimators=2, random_state=1), self.y)
        self.refused(to_onnx(forest, self.x[:1].astype(np.float32)), "ai.onnx.ml.TreeEnsembleRegressor")


TORCH = """
import sys, warnings
warnings.filterwarnings("ignore")
import torch
from torch import nn

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.inner, self.outer = nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(4, 2)
    def forward(self, x):
        x = x + torch.relu(self.inner(self.norm(x)))
        return torch.softmax(self.outer(x), -1)

class Tables(nn.Module):
    # The numbers before the rows of tables, behind them, or none.
    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.user, self.item = numbers, nn.Embedding(7, 3), nn.Embedding(5, 2)
        self.net = nn.Sequential(nn.Linear(5 if numbers == "none" else 9, 5), nn.ReLU(), nn.Linear(5, 1))
    def forward(self, user, item, x=None):
        parts = {"before": [x], "none": [], "behind": []}[self.numbers] + [self.user(user), self.item(item)]
        return self.net(torch.cat(parts + [x] if self.numbers == "behind" else parts, 1))

class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(7, 3), nn.Linear(3, 2)
    def forward(self, user):
        return torch.tanh(self.layer(self.table(user)))

class Columns(nn.Module):
    # One matrix of ids, whose columns are picked in one of the ways that there are.
    PICKS = {
        "index": lambda c: [c[:, i] for i in range(3)],
        "negative": lambda c: [c[:, i - 3] for i in range(3)],
        "unbind": lambda c: c.unbind(1),
        "split": lambda c: [part.squeeze(1) for part in c.split(1, 1)],
        "slice": lambda c: [c[:, i:i + 1] for i in range(3)],
        "turned": lambda c: c.t().unbind(0),
        "long": lambda c: [c[:, i].long() for i in range(3)],
    }
    def __init__(self, pick):
        super().__init__()
        self.pick, self.embeds = pick, nn.ModuleList(nn.Embedding(*sizes) for sizes in ((7, 3), (5, 2), (6, 2)))
        self.net = nn.Sequential(nn.Linear(11, 5), nn.ReLU(), nn.Linear(5, 1))
    def forward(self, x_cat, x):
        parts = [table(ids) for table, ids in zip(self.embeds, self.PICKS[self.pick](x_cat))]
        return self.net(torch.cat([part.flatten(1) for part in parts] + [x], 1))

class Tabular(nn.Module):
    # fastai's TabularModel.
    def __init__(self):
        super().__init__()
        self.embeds, self.emb_drop = nn.ModuleList(nn.Embedding(*sizes) for sizes in ((7, 3), (5, 2), (6, 2))), nn.Dropout(0.1)
        self.bn_cont = nn.BatchNorm1d(4)
        self.layers = nn.Sequential(nn.Linear(11, 5, bias=False), nn.ReLU(), nn.BatchNorm1d(5), nn.Dropout(0.2), nn.Linear(5, 1))
        self.train()
        for _ in range(20):
            self(torch.randint(5, (16, 3)), torch.randn(16, 4) * 3 + 1)
    def forward(self, x_cat, x):
        tables = [table(x_cat[:, i]) for i, table in enumerate(self.embeds)]
        tables = self.emb_drop(torch.cat(tables, 1))
        return self.layers(torch.cat([tables, self.bn_cont(x)], 1))

class Several(nn.Module):
    # Several ids a row of one table.
    def __init__(self, combine):
        super().__init__()
        self.combine, self.table = combine, nn.Embedding(7, 3)
        self.net = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 1))
    def forward(self, ids, x):
        rows = self.table(ids)
        rows = {"sum": lambda: rows.sum(1), "mean": lambda: rows.mean(-2), "kept": lambda: rows.sum(1, keepdim=True).squeeze(1)}[self.combine]()
        return self.net(torch.cat([rows, x], 1))

class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.net = nn.EmbeddingBag(7, 3, mode="sum"), nn.Linear(7, 1)
    def forward(self, ids, x):
        return self.net(torch.cat([self.table(ids), x], 1))

directory, opset = sys.argv[1], sys.argv[2]
torch.manual_seed(1)
models = {"residual": Residual(), "flatten": nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(0.3), nn.Tanh(), nn.Linear(3, 1)),
          "no_bias": nn.Sequential(nn.Linear(4, 5, bias=False), nn.SiLU(), nn.LayerNorm(5), nn.Linear(5, 1, bias=False)),
          "binary": nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1), nn.Sigmoid()),
          "rates": nn.Sequential(nn.Linear(4, 5), nn.Hardswish(), nn.Linear(5, 1))}
for name in ("ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "Mish", "Softplus", "Softsign", "ELU", "SELU", "LeakyReLU",
             "ReLU6", "Hardsigmoid", "Hardswish"):
    models[name] = nn.Sequential(nn.Linear(4, 5), getattr(nn, name)(), nn.Linear(5, 2))
models["GELU_tanh"] = nn.Sequential(nn.Linear(4, 5), nn.GELU(approximate="tanh"), nn.Linear(5, 2))
models["ELU_half"] = nn.Sequential(nn.Linear(4, 5), nn.ELU(0.5), nn.Linear(5, 2))
models["LeakyReLU_0.3"] = nn.Sequential(nn.Linear(4, 5), nn.LeakyReLU(0.3), nn.Linear(5, 2))
models |= {f"tables_{numbers}": Tables(numbers) for numbers in ("before", "behind", "none")} | {"table": Table()}
models |= {f"columns_{pick}": Columns(pick) for pick in Columns.PICKS} | {"columns_tabular": Tabular(), "bag": Bag()}
models |= {f"several_{combine}": Several(combine) for combine in ("sum", "mean", "kept")}
for name, model in models.items():
    rows = 2 if opset == "dynamo" else 1
    # One tensor for both would be one input to the newer exporter.
    inputs = {"user": torch.zeros(rows, dtype=torch.int64), "item": torch.zeros(rows, dtype=torch.int64), "x": torch.zeros(rows, 4),
              "x_cat": torch.zeros(rows, 3, dtype=torch.int32 if name == "columns_long" else torch.int64),
              "ids": torch.zeros(rows, 4, dtype=torch.int64)}
    names = {"tables_none": ["user", "item"], "table": ["user"]}.get(name, ["user", "item", "x"] if "tables" in name else ["x"])
    if name.split("_")[0] in ("columns", "several", "bag"):
        names = ["x_cat" if name.startswith("columns") else "ids", "x"]
    values = tuple(inputs[name] for name in names)
    if opset == "dynamo":
        torch.onnx.export(model.eval(), values, f"{directory}/dynamo_{name}.onnx", dynamo=True, input_names=names,
                          dynamic_shapes=tuple({0: torch.export.Dim("batch")} for _ in names), external_data=False, verbose=False)
    else:
        torch.onnx.export(model.eval(), values, f"{directory}/{name}.onnx", opset_version=int(opset),
                          input_names=names, dynamic_axes={name: {0: "batch"} for name in names})
"""


def write_data():
    import onnx
    data = HERE / "data"
    data.mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", TORCH, data, "dynamo"], check=True)
    for file in data.glob("dynamo_*.onnx"):
        model = onnx.load(file)
        # Stack traces, with the paths of whoever ran this.
        model.ClearField("metadata_props")
        graphs = [model.graph]
        while graphs:
            graph = graphs.pop()
            for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
                part.ClearField("metadata_props")
            graphs += [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
        onnx.save(model, file)


class TorchTest(ReadTest):
    inputs = property(lambda _: np.random.default_rng(3).normal(size=(40, 4), scale=3).astype(np.float32))

    def check_all(self, files):
        self.assertGreater(len(files), 10)
        for file in files:
            with self.subTest(file.stem):
                self.check_file(file)

    def check_file(self, file):
        inputs, random = self.inputs, np.random.default_rng(4)
        values = {value.name: value.type.tensor_type for value in onnx.load(file).graph.input}
        ids = {}
        for name in values.keys() - {"x"}:
            shape = [dim.dim_value for dim in values[name].shape.dim[1:]]
            ids[name] = random.integers(0, 5, (len(inputs), *shape)).astype(helper.tensor_dtype_to_np_dtype(values[name].elem_type))
        ids = {name: ids[name] for name in values if name in ids}
        if file.stem.endswith("bag"):
            return self.refused(onnx.load(file), 'operator "', "no layer does what this operator does")
        self.check(file.read_bytes(), inputs if "x" in values else inputs[:, :0], ids=ids, columns="x_cat" in ids)

    def test_torchscript_exporter(self):
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("Debian's python3-torch is not there")
        for opset in (11, 13, 16):
            with self.subTest(opset=opset):
                directory = self.directory / str(opset)
                directory.mkdir()
                ran = subprocess.run([python, "-c", TORCH, directory, str(opset)], capture_output=True, text=True)
                self.assertEqual(ran.returncode, 0, ran.stderr)
                self.check_all(sorted(directory.glob("*.onnx")))

    def test_torchscript_exporter_of_another_time(self):
        for file in sorted((HERE / "data").glob("torchscript_*.onnx")):
            with self.subTest(file.stem):
                self.check_file(file)

    def test_dynamo_exporter(self):
        self.check_all(sorted((HERE / "data").glob("dynamo_*.onnx")))


class KerasTest(ReadTest):
    """write_keras_data.py wrote the files."""

    def test_models_that_have_learned(self):
        files = sorted((HERE / "data").glob("keras_*.onnx"))
        self.assertGreater(len(files), 4)
        for file in files:
            with self.subTest(file.stem), np.load(file.with_suffix(".npz")) as numbers:
                # Not by onnxruntime: the graphs of GELU have an operator that is not ONNX's.
                ran = self.predict(file, numbers["inputs"], ids=[numbers[name] for name in sorted(numbers) if name.startswith("ids_")])
                self.assertEqual(ran.returncode, 0, ran.stderr.decode())
                expected = numbers["outputs"]
                self.assertLessEqual(distance(np.frombuffer(ran.stdout).reshape(expected.shape), expected), 1e-5)


class HandMadeTest(ReadTest):
    """As tf2onnx writes Keras's layers, and other ways that there are."""

    def make(self, nodes, initializers, outputs=("y",), features=4, opset=15):
        dtype = np.float32
        element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        graph = helper.make_graph(
            nodes, "graph", [helper.make_tensor_value_info("x", element, [None, features])],
            [helper.make_tensor_value_info(name, element, None) for name in outputs],
            [numpy_helper.from_array(np.asarray(value, None if np.asarray(value).dtype == np.int64 else dtype), name)
             for name, value in initializers.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    def random(self, *shape):
        return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)

    def dense(self, source, target, inputs, units, initializers, first_bias=False):
        initializers |= {f"{target}_w": self.random(inputs, units), f"{target}_b": self.random(units)}
        terms = [f"{target}_p", f"{target}_b"]
        return [helper.make_node("MatMul", [source, f"{target}_w"], [f"{target}_p"], f"{target}/MatMul"),
                helper.make_node("Add", terms[::-1] if first_bias else terms, [target], f"{target}/BiasAdd")]

    inputs = property(lambda self: self.random(9, 4).astype(np.float32))

    def test_keras_dense_layers(self):
        values = {}
        nodes = [helper.make_node("Identity", ["x"], ["x0"]), *self.dense("x0", "a", 4, 6, values, first_bias=True),
                 helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Identity", ["b"], ["b0"]),
                 *self.dense("b0", "c", 6, 3, values), helper.make_node("Softmax", ["c"], ["y0"], axis=1),
                 helper.make_node("Identity", ["y0"], ["y"])]
        self.check(self.make(nodes, values), self.inputs)

    def test_keras_layer_normalization(self):
        values = {"eps": 1e-3, "gamma": self.random(6), "beta": self.random(6) + 1}
        nodes = [*self.dense("x", "a", 4, 6, values),
                 helper.make_node("ReduceMean", ["a"], ["mean"], axes=[1], keepdims=1),
                 helper.make_node("Identity", ["mean"], ["stopped"]),
                 helper.make_node("Sub", ["a", "stopped"], ["d"]), helper.make_node("Mul", ["d", "d"], ["dd"]),
                 helper.make_node("ReduceMean", ["dd"], ["var"], axes=[1], keepdims=1),
                 helper.make_node("Add", ["var", "eps"], ["ve"]), helper.make_node("Sqrt", ["ve"], ["s"]),
                 helper.make_node("Reciprocal", ["s"], ["r"]), helper.make_node("Mul", ["r", "gamma"], ["inv"]),
                 helper.make_node("Mul", ["a", "inv"], ["scaled"]), helper.make_node("Mul", ["mean", "inv"], ["shift"]),
                 helper.make_node("Sub", ["beta", "shift"], ["rest"]), helper.make_node("Add", ["scaled", "rest"], ["n"]),
                 *self.dense("n", "y", 6, 1, values)]
        self.check(self.make(nodes, values), self.inputs)

    def test_batch_normalization_beside_dense_layers(self):
        values = {"g": self.random(6), "b": self.random(6) + 1, "m": self.random(6) - 1, "v": self.random(6) ** 2,
                  "half": 0.5, "g4": self.random(4), "b4": self.random(4)}
        norm = lambda source, target, of="": helper.make_node(
            "BatchNormalization", [source, f"g{of}", f"b{of}", f"b{of}" if of else "m", "v4" if of else "v"], [target], epsilon=1e-2)
        values["v4"] = self.random(4) ** 2
        after = [*self.dense("x", "a", 4, 6, values), norm("a", "n"), helper.make_node("Relu", ["n"], ["r"])]
        self.check(self.make([*after, *self.dense("r", "y", 6, 2, values)], values), self.inputs)
        before = [*self.dense("x", "a", 4, 6, values), helper.make_node("Relu", ["a"], ["r"]), norm("r", "n")]
        self.check(self.make([*before, *self.dense("n", "y", 6, 2, values)], values), self.inputs)
        written_out = [*self.dense("x", "a", 4, 6, values), helper.make_node("Tanh", ["a"], ["t"]),
                       helper.make_node("Sub", ["t", "m"], ["t0"]), helper.make_node("Div", ["t0", "v"], ["t1"]),
                       helper.make_node("Mul", ["t1", "half"], ["t2"]), helper.make_node("Add", ["b", "t2"], ["n"])]
        self.check(self.make([*written_out, *self.dense("n", "y", 6, 2, values)], values), self.inputs)
        # x + f(norm(x)), and a norm at the end.
        residual = [*self.dense("x", "a", 4, 6, values), helper.make_node("Tanh", ["a"], ["t"]), norm("t", "n"),
                    *self.dense("n", "f", 6, 6, values), helper.make_node("Add", ["t", "f"], ["s"]),
                    *self.dense("s", "z", 6, 4, values), norm("z", "y", "4")]
        self.check(self.make(residual, values), self.inputs)

    def test_weights_that_are_moved_first(self):
        values = {"w": self.random(5, 4), "b": self.random(5), "shape": np.array([1, 5], np.int64),
                  "v": self.random(5, 2)}
        nodes = [helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
                 helper.make_node("Reshape", ["b", "shape"], ["b0"]), helper.make_node("Identity", ["v"], ["v0"]),
                 helper.make_node("MatMul", ["x", "wt"], ["p"]), helper.make_node("Add", ["b0", "p"], ["z"]),
                 helper.make_node("Tanh", ["z"], ["a"]), helper.make_node("MatMul", ["a", "v0"], ["y"])]
        self.check(self.make(nodes, values), self.inputs)

    def test_inputs_scaled_by_numbers(self):
        values = {"c": 255.0, "m": self.random(4)}
        nodes = [helper.make_node("Div", ["x", "c"], ["x0"]), helper.make_node("Sub", ["x0", "m"], ["x1"]),
                 *self.dense("x1", "y", 4, 2, values)]
        self.check(self.make(nodes, values), self.inputs)

    def test_logarithms_of_probabilities_with_their_loss(self):
        values = {}
        model = self.make([*self.dense("x", "a", 4, 3, values), helper.make_node("LogSoftmax", ["a"], ["y"], axis=-1)],
                          values)
        self.refused(model, "LogSoftmax", "softmax cross-entropy")
        self.check(model, self.inputs, loss="softmax_cross_entropy", of=np.exp)

    def test_logits_whose_loss_is_said(self):
        values = {}
        model = self.make(self.dense("x", "y", 4, 3, values), values)
        self.check(model, self.inputs)
        self.check(model, self.inputs, loss="binary_cross_entropy", of=lambda w: 1 / (1 + np.exp(-w)))

    def test_what_there_is_not_is_refused_by_operator_and_node(self):
        values = {}
        dense = self.dense("x", "a", 4, 4, values)
        gain = {"g": np.ones(4), "zero": np.zeros(4)}
        for node, *texts in (
                (helper.make_node("BatchNormalization", ["a", "g", "zero", "zero", "g"], ["y"], "bn", training_mode=1),
                 "BatchNormalization", '"bn"'),
                (helper.make_node("InstanceNormalization", ["a", "g", "zero"], ["y"], "in"), "InstanceNormalization", '"in"'),
                (helper.make_node("Sin", ["a"], ["y"], "wave"), "Sin", '"wave"'),
                (helper.make_node("Concat", ["a", "x"], ["y"], "both", axis=1), "Concat", '"both"'),
                (helper.make_node("Add", ["a", "other"], ["y"], "sum"), "Add", '"sum"', "residual"),
                (helper.make_node("ThresholdedRelu", ["a"], ["y"], "t"), "ThresholdedRelu", '"t"'),
                (helper.make_node("Clip", ["a", "low", "high"], ["y"], "c"), "Clip", '"c"'),
                (helper.make_node("Softmax", ["a"], ["y"], "s", axis=0), "Softmax", '"s"')):
            with self.subTest(node.op_type):
                more = self.dense("x", "other", 4, 4, values)
                model = self.make([*dense, *more, node], values | gain | {"low": -1.0, "high": 1.0})
                self.refused(model, *texts)


def main():
    if sys.argv[1:] == ["--write-data"]:
        return write_data()
    if TOOL:
        return unittest.main(argv=sys.argv[:1] + sys.argv[4:])
    missing = [package for name, package in PACKAGES.items() if importlib.util.find_spec(name) is None]
    environment = {**os.environ, "ONNX_TOOL": str(pathlib.Path(sys.argv[1]).resolve())}
    with tempfile.TemporaryDirectory() as directory:
        python = sys.executable
        if missing:
            subprocess.run([python, "-m", "venv", directory], check=True)
            python = pathlib.Path(directory) / "bin/python"
            installed = subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES.values()],
                stderr=subprocess.PIPE, text=True)
            if installed.returncode != 0:
                print(f"skipped: PyPI has no packages for us: {installed.stderr}")
                return 0
        return subprocess.run([python, "-B", __file__, *sys.argv[1:]], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
