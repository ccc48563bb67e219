"""Arrays as the contract's tensors, and back, without a look at an element.

A tensor is written here rather than by Protobuf, since it is little more than the array's own memory: a
message with `raw` bytes would copy them into the bytes, into the message and into what is sent. So
they are copied once. The encoding is Protobuf's, https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, List, NamedTuple, Sequence

import numpy as np
import numpy.typing as npt

from ._contract import DATA_TYPES, message_class
from .errors import invalid

_DTYPES = {
    DATA_TYPES.number(word): np.dtype(text)
    for word, text in {
        "float32": "<f4",
        "float64": "<f8",
        "int32": "<i4",
        "int64": "<i8",
        "float16": "<f2",
        "uint8": "u1",
    }.items()
}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}
_BFLOAT16 = DATA_TYPES.number("bfloat16")
# Integers that the contract has no type for, and what holds all of their values.
_WIDER = {
    np.dtype(narrow): np.dtype(wide)
    for narrow, wide in {"?": "u1", "i1": "<i4", "<i2": "<i4", "<u2": "<i4", "<u4": "<i8"}.items()
}


def as_array(value: npt.ArrayLike, field: str) -> npt.NDArray[Any]:
    """Numbers in an order and type that can be sent as they are in memory.

    A view of `value` where that is so already.
    """
    if type(value) is np.ndarray and value.dtype in _NUMBERS and value.flags.c_contiguous:
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of unequal lengths
        raise invalid(field, f"expected numbers as an array: {error}") from None
    dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
    if dtype not in _NUMBERS and dtype.name != "bfloat16":
        dtype = _convertible(array, field)
    return np.asarray(array, dtype=dtype, order="C")


def _convertible(array: npt.NDArray[Any], field: str) -> np.dtype[Any]:
    if array.dtype in _WIDER:
        return _WIDER[array.dtype]
    if array.dtype.kind == "u" and (array.size == 0 or int(array.max()) < 2**63):
        return np.dtype("<i8")
    if array.dtype.kind == "f":  # longer than double
        return np.dtype("<f8")
    got = "objects, such as columns that are not numbers" if array.dtype == object else array.dtype
    raise invalid(field, f"expected numbers, got {got}")


def varint(number: int) -> bytes:
    """A number, >= 0."""
    if number < 0x80:
        return bytes((number,))
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


class Parts(NamedTuple):
    """Pieces of a message, in order, to be joined: bytes and arrays."""

    pieces: List[Any]
    size: int  # in bytes, of all together

    def __add__(self, other: Parts) -> Parts:  # type: ignore[override]
        return Parts(self.pieces + other.pieces, self.size + other.size)

    def joined(self) -> bytes:
        return b"".join(self.pieces)


NOTHING = Parts([], 0)


def of_bytes(*pieces: bytes) -> Parts:
    return Parts(list(pieces), sum(map(len, pieces)))


def field(number: int, parts: Parts) -> Parts:
    """A field that is a message, a string or bytes."""
    header = varint(number << 3 | 2) + varint(parts.size)
    return Parts([header, *parts.pieces], len(header) + parts.size)


def tensor(array: npt.NDArray[Any]) -> Parts:
    """The message Tensor of what `as_array` gave."""
    header = _tensor_header(_NUMBERS.get(array.dtype, _BFLOAT16), array.shape, array.nbytes)
    return Parts([header, _memory(array)], len(header) + array.nbytes)


def tensor_field(number: int, value: npt.ArrayLike, name: str) -> Parts:
    """A field that is a tensor of `value`."""
    return array_field(number, as_array(value, name))


def array_field(number: int, array: npt.NDArray[Any]) -> Parts:
    """A field that is a tensor of what `as_array` gave."""
    kind = _NUMBERS.get(array.dtype, _BFLOAT16)
    header = _tensor_field_header(number, kind, array.shape, array.nbytes)
    return Parts([header, _memory(array)], len(header) + array.nbytes)


def _memory(array: npt.NDArray[Any]) -> Any:
    """What can be joined with bytes."""
    return array if array.dtype in _NUMBERS else array.reshape(-1).view(np.uint8)


# The same shapes come again and again.
@functools.lru_cache(maxsize=256)
def _tensor_header(kind: int, shape: tuple[int, ...], size: int) -> bytes:
    sizes = b"".join(map(varint, shape))
    return b"".join(
        (b"\x08", varint(kind), b"\x12", varint(len(sizes)), sizes, b"\x1a", varint(size))
    )


@functools.lru_cache(maxsize=256)
def _tensor_field_header(number: int, kind: int, shape: tuple[int, ...], size: int) -> bytes:
    header = _tensor_header(kind, shape, size)
    return varint(number << 3 | 2) + varint(len(header) + size) + header


def to_array(message: Any) -> npt.NDArray[Any]:
    """The array, which may be written to, of a Tensor: raw, as answers to raw requests are, or of floats or doubles, as
    those to texts alone are."""
    shape: tuple[int, ...] = tuple(message.shape)
    dtype = _DTYPES[message.data_type]
    raw = message.raw
    if not raw and (contents := message.WhichOneof("contents")) in ("floats", "doubles"):
        # They are packed: the end of what Protobuf writes is the array's memory.
        packed = getattr(message, contents).SerializeToString()
        raw = packed[len(packed) - dtype.itemsize * math.prod(shape) :]
    array: npt.NDArray[Any] = np.ndarray(shape, dtype, buffer=bytearray(raw))
    return array


def to_message(value: npt.ArrayLike, name: str) -> Any:
    """A Tensor as a Protobuf message, for requests that are not worth more."""
    return message_class("Tensor").FromString(tensor(as_array(value, name)).joined())


def arrays_by_name(named: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    """Of NamedTensor messages."""
    return {item.name: to_array(item.tensor) for item in named}


def index(value: Any, field: str) -> int:
    """An integer, also numpy's."""
    try:
        return operator.index(value)
    except TypeError:
        raise invalid(field, f"expected an integer, got {value!r}") from None
