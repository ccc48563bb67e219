"""Batches: what to learn from, and of what it should be the answer."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from ._arrays import Parts, array_field, as_array, field, of_bytes, varint
from ._contract import LOSSES
from .errors import DescentError, invalid

_CLASS_LOSSES = frozenset(
    LOSSES.number(word) for word in ("softmax_cross_entropy", "binary_cross_entropy")
)


class BatchEncoder:
    """Writes the batches of one network."""

    def __init__(self, loss: int) -> None:
        self._takes_classes = loss in _CLASS_LOSSES

    def targets(self, value: npt.ArrayLike) -> npt.NDArray[Any]:
        """Targets `[n, outputs]`. `[n]` is a column, or for losses of classes the classes' numbers."""
        array = as_array(value, "targets")
        if array.ndim == 1 and not (self._takes_classes and array.dtype.kind in "iu"):
            return array[:, np.newaxis]
        return array

    def batch(self, x: npt.ArrayLike, y: npt.ArrayLike, weights: Any = None) -> tuple[Parts, int]:
        """The message Batch and its number of rows."""
        inputs = as_array(x, "inputs")
        parts = array_field(1, inputs) + array_field(2, self.targets(y))
        if weights is not None:
            parts += array_field(3, as_array(weights, "weights"))
        return parts, len(inputs) if inputs.ndim else 0

    def item(self, item: Any, index: int) -> tuple[Parts, int]:
        """One of an iterator's items: (x, y) or (x, y, weights). Errors name the batch."""
        if not isinstance(item, Sequence) or len(item) not in (2, 3):
            got = f"{len(item)} items" if isinstance(item, Sequence) else type(item).__name__
            failed = invalid("batches", f"expected (x, y) or (x, y, weights), got {got}")
        else:
            try:
                return self.batch(*item)
            except DescentError as error:
                failed = error
        failed.batch_index = index
        raise failed


def as_more(request: bytes) -> bytes:
    """What `train_request` wrote, to be appended to another one: with the number of `TrainRequest.more`."""
    return b"\x1a" + request[1:]


def train_request(sequence: int, batch: Parts) -> bytes:
    """TrainRequest with a TrainBatch."""
    return field(2, of_bytes(b"\x08" + varint(sequence)) + field(2, batch)).joined()
