"""Tensors of the contract from numpy arrays and back."""

import numpy as np

from descent.v1 import tensor_pb2

_TYPES = {
    tensor_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    tensor_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    tensor_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    tensor_pb2.DATA_TYPE_FLOAT16: np.dtype("<f2"),
    tensor_pb2.DATA_TYPE_UINT8: np.dtype("u1"),
}
_NUMBERS = {dtype: number for number, dtype in _TYPES.items()}


def to_tensor(array):
    """The array as raw little-endian bytes, the fastest encoding. Its dtype must be one of ours."""
    array = np.asarray(array)
    dtype = array.dtype.newbyteorder("<")
    return tensor_pb2.Tensor(
        data_type=_NUMBERS[dtype], shape=array.shape, raw=array.astype(dtype, copy=False).tobytes()
    )


def to_array(tensor):
    """The array of a raw tensor, which is how answers to raw requests come."""
    return np.frombuffer(tensor.raw, dtype=_TYPES[tensor.data_type]).reshape(tensor.shape)
