"""Categories as messages: every form that callers may give becomes what the contract says, and what can't be right is refused
by name before anything is sent.

    categories_test.py DESCENTD
"""

import unittest

import package
import descent
import numpy as np
from descent import Categories, _arrays
from descent._batches import BatchEncoder
from descent._contract import message_class

NETWORK = descent.Network(2, [descent.Dense(1)], categorical=[
    descent.Categorical("shop", 10, 2), descent.Categorical("color", 50, 3, "xxh64", "mean")])
ALONE = descent.Network(0, [descent.Dense(1)], categorical=[descent.Categorical("color", 50, 3, "xxh64")])
X = np.ones((3, 2), np.float32)
Y = np.ones(3, np.float32)


def encoder(network=ALONE):
    return BatchEncoder(network.to_message())


def written(color, network=ALONE):
    """The message of one input, of a network that has no other."""
    _, parts, rows = encoder(network).inputs(None, {"color": color}, 2, 10)
    request = message_class("PredictRequest").FromString(parts.joined())
    (message,) = request.categories
    return message, rows


def in_arrays(message):
    """ids or texts, and the splits, as lists."""
    values = list(message.strings.values) if message.HasField("strings") else ids_of(message.ids)
    splits = ids_of(message.row_splits) if message.HasField("row_splits") else None
    return values, splits


def ids_of(tensor):
    assert tensor.WhichOneof("contents") == "raw" or not tensor.shape[0]
    return _arrays.to_array(tensor).tolist()


class FormsTest(unittest.TestCase):
    def check(self, given, values, splits=None):
        with self.subTest(given=given):
            message, rows = written(given)
            self.assertEqual((message.name, in_arrays(message)), ("color", (values, splits)))
            self.assertEqual(rows, len(values if splits is None else splits[1:]))

    def test_one_id_a_row(self):
        for given in ([3, 1, 2], (3, 1, 2), np.array([3, 1, 2]), np.array([3, 1, 2], object), [np.int64(3), 1, 2],
                      np.array([3, 1, 2], ">i4"), np.array([9, 3, 9, 1, 9, 2])[1::2], memoryview(b"\x03\x01\x02")):
            self.check(given, [3, 1, 2])
        self.check(range(4), [0, 1, 2, 3])
        self.check([-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1])
        self.check([True, False], [1, 0])

    def test_ids_go_as_the_memory_that_they_are(self):
        for dtype in ("i4", "i8"):
            ids = np.arange(5, dtype=dtype)
            _, parts, _ = encoder().inputs(None, {"color": ids}, 2, 10)
            self.assertTrue(any(np.shares_memory(ids, np.asarray(piece)) for piece in parts.pieces
                                if not isinstance(piece, bytes)))
        for dtype in ("i1", "u1", "i2", "u2", "u4", "u8"):
            message, _ = written(np.array([7, 9], dtype))
            self.assertIn(message.ids.data_type, (3, 4), dtype)  # INT32, INT64

    def test_one_text_a_row(self):
        texts = ["red", "grün", "", "nul\0"]
        for given in (texts, tuple(texts), np.array(texts, object), [text.encode() for text in texts],
                      np.array(texts[:3] + [b"nul\0"], object)):
            self.check(given, texts)
        self.check(np.array(["red", "green"]), ["red", "green"])
        self.check(np.array([b"red", b"green"]), ["red", "green"])
        self.check(["7"], ["7"])

    def test_lists_of_each_row(self):
        for given in ([[3, 1], [], [2]], ((3, 1), (), (2,)), [np.array([3, 1]), np.array([], int), np.array([2])],
                      np.array([[3, 1], [], [2]], object), [range(3, 0, -2), [], {2}],
                      Categories([[3, 1], [], [2]]), Categories([3, 1, 2], [0, 2, 2, 3]),
                      Categories(np.array([3, 1, 2]), row_splits=np.array([0, 2, 2, 3], "u1"))):
            self.check(given, [3, 1, 2], [0, 2, 2, 3])
        for given in ([["red", "blue"], [], ["green"]], Categories(["red", "blue", "green"], [0, 2, 2, 3])):
            self.check(given, ["red", "blue", "green"], [0, 2, 2, 3])
        self.check([[], []], [], [0, 0, 0])
        self.check(np.array([[1, 2], [3, 4]]), [1, 2, 3, 4], [0, 2, 4])
        self.check(np.array([["a", "b"], ["c", "d"]]), ["a", "b", "c", "d"], [0, 2, 4])
        self.check(np.zeros((2, 0), int), [], [0, 0, 0])

    def test_weights_in_the_shape_of_the_values_or_flat(self):
        ragged, flat, even = [[3, 1], [], [2]], [0.5, 2, 1], np.array([[3, 1], [2, 4]])
        for values, weights in ((ragged, flat), (ragged, [[0.5, 2], [], [1]]), ([3, 1, 2], np.array(flat, "f4")),
                                (ragged, np.array(flat))):
            message, _ = written(Categories(values, weights=weights))
            np.testing.assert_array_equal(_arrays.to_array(message.weights), flat)
        for weights in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]]), [1, 2, 3, 4]):
            message, _ = written(Categories(even, weights=weights))
            np.testing.assert_array_equal(_arrays.to_array(message.weights), [1, 2, 3, 4])

    def test_columns_of_pandas_and_polars(self):
        try:
            import pandas
            import polars
        except ImportError:
            self.skipTest("there are none; environments_test.py installs them")
        texts = ["red", "blue", "red"]
        for given in (pandas.Series(texts), pandas.Series(texts, dtype="category"),
                      pandas.Series(texts, dtype="string"), pandas.Series(texts, index=[5, 5, 1]),
                      pandas.Categorical(texts), polars.Series(texts), polars.Series(texts, dtype=polars.Categorical)):
            self.check(given, texts)
        for given in (pandas.Series([3, 1, 2]), pandas.Series([3, 1, 2], dtype="Int64"),
                      pandas.Series([3, 1, 2], dtype="category"), polars.Series([3, 1, 2])):
            self.check(given, [3, 1, 2])
        for given in (pandas.Series([[3, 1], [], [2]]), polars.Series([[3, 1], [], [2]])):
            self.check(given, [3, 1, 2], [0, 2, 2, 3])
        frame = pandas.DataFrame({"shop": [1, 2, 3], "color": texts})
        _, of_frame, _ = encoder(NETWORK).inputs(X, frame, 2, 10)
        _, of_dict, _ = encoder(NETWORK).inputs(X, {"color": texts, "shop": [1, 2, 3]}, 2, 10)
        self.assertEqual(of_frame.joined(), of_dict.joined())
        for missing in (pandas.Series([1, None, 2]), pandas.Series(["a", None]), pandas.Series(["a", None], dtype="string"),
                        pandas.Series([1, None], dtype="Int64"), polars.Series(["a", None]), polars.Series([1, None])):
            with self.subTest(missing=missing), self.assertRaisesRegex(ValueError, "categories.color: expected"):
                written(missing)

    def test_a_batch_is_what_protobuf_writes(self):
        color = Categories(["a", "b"], [0, 1, 2, 2], weights=np.ones(2, np.float32))
        shop = np.array([1, 2, 3])
        batch = message_class("Batch")()
        for field, value in (("inputs", X), ("targets", Y[:, None]), ("weights", Y)):
            getattr(batch, field).CopyFrom(_arrays.to_message(value, field))
        first = batch.categories.add(name="shop")
        first.ids.CopyFrom(_arrays.to_message(shop, "ids"))
        second = batch.categories.add(name="color", strings={"values": ["a", "b"]})
        second.row_splits.CopyFrom(_arrays.to_message(color.row_splits, "row_splits"))
        second.weights.CopyFrom(_arrays.to_message(color.weights, "weights"))
        categories = {"color": color, "shop": shop}  # written in the network's order
        whole = encoder(NETWORK)
        for parts, rows in (whole.batch(X, Y, Y, categories),
                            whole.item({"categories": categories, "weights": Y, "y": Y, "x": X}, 0)):
            self.assertEqual((parts.joined(), rows), (batch.SerializeToString(deterministic=True), 3))

    def test_rows_are_counted_where_there_are_no_numbers(self):
        for color, rows in ((["a", "b"], 2), ([["a", "b"]], 1), (Categories([1, 2], [0, 0, 0, 2]), 3)):
            self.assertEqual(encoder().item({"y": Y[:rows], "categories": {"color": color}}, 0)[1], rows)


class RefusalsTest(unittest.TestCase):
    def refused(self, call, field, pattern):
        with self.subTest(field=field, pattern=pattern), self.assertRaisesRegex(ValueError, pattern) as caught:
            call()
        self.assertEqual((caught.exception.code, caught.exception.field), ("INVALID_ARGUMENT", field))

    def test_values_that_are_none(self):
        for given, pattern in (
            ("red", "a value for each row, got the text 'red'"),
            (7, "a value for each row, got 7"),
            ([1.5], "integers, or texts; got float64"),
            (np.array([1.0, np.nan]), "integers, or texts; got float64"),
            ([1, None], "got None at index 1"),
            ([1, "a"], "got 'a' at index 1"),
            (["a", 1], "expected texts, got 1 at index 1"),
            (["a", ["b"]], r"expected texts, got \['b'\] at index 1"),
            ([["a"], "b"], "expected a list of values for each row, got 'b' at row 1"),
            ([[[1]]], r"got \[1\] at index 0"),
            (np.zeros((2, 2, 2), int), r"got shape \[2, 2, 2\]"),
            ([2**64], "ids of 64 bits or texts, got 18446744073709551616"),
            (np.array([2**63], "u8"), "got uint64"),
            (np.array(["2020-01-01"], "M8[ns]"), "got datetime64"),
            (["a", b"\xff"], r"text of UTF-8, got b'\\xff' at index 1"),
            (["\ud800"], r"text of UTF-8, got '\\ud800' at index 0"),
        ):
            self.refused(lambda: written(given), "categories.color", pattern)

    def test_splits_and_weights_that_do_not_go_with_the_values(self):
        for given, field, pattern in (
            (Categories([1, 2], [1, 2]), ".row_splits", "0 first and 2, the number of values, last; got 1 and 2"),
            (Categories([1, 2], [0, 1]), ".row_splits", "got 0 and 1"),
            (Categories([1, 2], [0, 2, 1, 2]), ".row_splits", "at least 2, got 1 at row 1"),
            (Categories([1, 2], []), ".row_splits", r"integers \[n \+ 1\]"),
            (Categories([1, 2], [0.0, 2.0]), ".row_splits", r"got float64 \[2\]"),
            (Categories([1, 2], [[0, 2]]), ".row_splits", r"integers \[n \+ 1\]"),
            (Categories([[1], [2]], [0, 1, 2]), "", "row_splits, got a list for each row"),
            (Categories([1, 2], weights=[1.0]), ".weights", r"expected 2, one a value, got shape \[1\]"),
            (Categories([[1], [2, 3]], weights=[[1, 2], [3]]), ".weights", "as many in each row"),
            (Categories([1, 2], weights=[[1], [2]]), ".weights", "as many in each row"),
            (Categories([[1], [2]], weights=["a", "b"]), ".weights", "expected numbers"),
        ):
            self.refused(lambda: written(given), f"categories.color{field}", pattern)

    def test_inputs_that_are_missing_unknown_or_of_other_lengths(self):
        shop, color = [1, 2, 3], ["a", "b", "c"]
        for x, categories, field, pattern in (
            (X, None, "categories", "^categories: shop, color: missing"),
            (X, {"shop": shop}, "categories", "^categories: color: missing"),
            (X, {"shop": shop, "color": color, "size": [1, 2, 3]}, "categories", "no categorical input 'size'; it has shop, color"),
            (X, [shop, color], "categories", "expected a dict of values by name, got list"),
            (X, {"shop": shop, "color": color[:2]}, "categories.color", "expected 3 values or lists of them, one a row, got 2"),
            (X, {"shop": [[1]], "color": color}, "categories.shop", "expected 3 values or lists of them, one a row, got 1"),
            (X, {"shop": Categories([1], [0, 1]), "color": color}, "categories.shop.row_splits", "expected 4 for 3 rows, got 2"),
            (X, {"shop": color, "color": color}, "categories.shop", "expected ids, for the network does not hash here; got texts"),
            (None, {"shop": shop, "color": color}, "inputs", "expected x, of 2 numbers a row, got None"),
        ):
            self.refused(lambda: encoder(NETWORK).inputs(x, categories, 2, 10), field, pattern)
        self.refused(lambda: encoder().inputs(X, {"color": color}, 2, 10), "inputs", "no numeric inputs")
        plain = encoder(descent.Network(2, [descent.Dense(1)]))
        self.refused(lambda: plain.inputs(X, {"color": color}, 2, 10), "categories", "it has none")
        plain.inputs(X, {}, 2, 10)

    def test_a_batch_that_is_a_dict_of_something_else(self):
        for item in ({}, {"x": X}, {"x": X, "y": Y, "sample_weight": Y}, {"inputs": X, "targets": Y}, {0: X, 1: Y}):
            with self.assertRaisesRegex(ValueError, "^batch 7: batches: expected y and any of x, weights and") as caught:
                encoder(NETWORK).item(item, 7)
            self.assertEqual(caught.exception.batch_index, 7)


if __name__ == "__main__":
    package.main()
