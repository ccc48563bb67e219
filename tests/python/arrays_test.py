"""Arrays as tensors: what is written is what Protobuf would write, without a copy where none is needed.

    arrays_test.py DESCENTD
"""

import unittest

import package
import numpy as np
from descent import InvalidArgumentError, _arrays
from descent._batches import BatchEncoder, train_request
from descent._contract import LOSSES, message_class

Tensor = message_class("Tensor")


def encoder_of(loss):
    return BatchEncoder(message_class("NetworkSpec")(input_features=2, loss={"kind": LOSSES.number(loss)}))


def encoded(value):
    return Tensor.FromString(_arrays.tensor(_arrays.as_array(value, "inputs")).joined())


class ArraysTest(unittest.TestCase):
    def test_every_type_of_the_contract_comes_back_as_it_went(self):
        for dtype in ("f4", "f8", "i4", "i8", "f2", "u1"):
            for shape in ((), (0,), (3,), (2, 3), (0, 5), (300, 200)):
                with self.subTest(dtype=dtype, shape=shape):
                    array = (np.arange(np.prod(shape)) % 100).reshape(shape).astype(dtype)
                    message = encoded(array)
                    self.assertEqual(message.raw, array.tobytes())
                    self.assertEqual(tuple(message.shape), shape)
                    back = _arrays.to_array(message)
                    self.assertEqual(back.dtype, array.dtype)
                    np.testing.assert_array_equal(back, array)
                    back[...] = 7  # may be written to

    def test_what_is_written_is_what_protobuf_writes(self):
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        message = Tensor(data_type=1, shape=array.shape, raw=array.tobytes())
        written = _arrays.tensor(array).joined()
        self.assertEqual(written, message.SerializeToString(deterministic=True))

    def test_numbers_that_are_no_raw_tensor_come_back_too(self):
        for contents, dtype in (("floats", "f4"), ("doubles", "f8")):
            for shape in ((), (0,), (2, 3), (300, 200)):
                with self.subTest(contents, shape=shape):
                    array = np.full(shape, 1 / 3, dtype)
                    message = Tensor(data_type=1 if dtype == "f4" else 2, shape=shape,
                                     **{contents: {"values": array.reshape(-1).tolist()}})
                    back = _arrays.to_array(message)
                    self.assertEqual(back.dtype, array.dtype)
                    np.testing.assert_array_equal(back, array)
                    back[...] = 7  # may be written to

    def test_a_training_request_is_what_protobuf_writes(self):
        encoder = encoder_of("mean_squared_error")
        x, y, weights = np.ones((3, 2), "f4"), np.ones((3, 1), "f8"), np.ones(3, "f4")
        request = message_class("TrainRequest")()
        request.batch.sequence = 300
        for field, value in (("inputs", x), ("targets", y), ("weights", weights)):
            getattr(request.batch.batch, field).CopyFrom(_arrays.to_message(value, field))
        written = train_request(300, encoder.batch(x, y, weights)[0])
        self.assertEqual(written, request.SerializeToString(deterministic=True))

    def test_copies_nothing_that_can_be_sent_as_it_is(self):
        array = np.ones((4, 3), np.float32)
        parts = _arrays.tensor(_arrays.as_array(array, "inputs"))
        self.assertTrue(np.shares_memory(array, np.asarray(parts.pieces[-1])))

    def test_orders_that_cannot_be_sent_are_put_right(self):
        array = np.arange(12, dtype=np.float32).reshape(3, 4)
        for value in (array[:, ::2], array.T, array.astype(">f4"), np.asfortranarray(array)):
            np.testing.assert_array_equal(_arrays.to_array(encoded(value)), value)

    def test_other_numbers_go_as_a_type_that_holds_them(self):
        for value in ([True, False], np.int8([-3]), np.uint16([65535]), np.uint32([4294967295]),
                      np.uint64([7]), [1, 2], [0.5, 2], np.longdouble([0.5])):
            np.testing.assert_array_equal(_arrays.to_array(encoded(value)), np.asarray(value))

    def test_what_is_no_number_is_refused_by_name(self):
        for value in (["a"], [None], [[1], [1, 2]], np.uint64([2**63]), [1j], np.array(["2020"], "M8[D]")):
            with self.subTest(value=value):
                with self.assertRaises(InvalidArgumentError) as caught:
                    encoded(value)
                self.assertEqual(caught.exception.field, "inputs")

    def test_flat_targets_are_a_column_or_classes(self):
        floats, ints = np.zeros(3), np.zeros(3, int)
        regression = encoder_of("mean_squared_error")
        classes = encoder_of("softmax_cross_entropy")
        self.assertEqual(regression.targets(floats).shape, (3, 1))
        self.assertEqual(regression.targets(ints).shape, (3, 1))
        self.assertEqual(classes.targets(ints).shape, (3,))
        self.assertEqual(classes.targets(floats).shape, (3, 1))


if __name__ == "__main__":
    package.main()
