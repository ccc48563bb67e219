"""Batches: what to learn from, and of what it should be the answer."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Mapping, Optional, Sequence

import numpy as np
import numpy.typing as npt

from ._arrays import NOTHING, Parts, array_field, as_array, field, of_bytes, varint
from ._categories import CategoriesEncoder
from ._contract import LOSSES
from .categories import CategoriesByName
from .errors import DescentError, invalid

_CLASS_LOSSES = frozenset(
    LOSSES.number(word) for word in ("softmax_cross_entropy", "binary_cross_entropy")
)

_KEYS = frozenset(("x", "y", "weights", "categories"))


class BatchEncoder:
    """Writes the batches of one network."""

    def __init__(self, network: Any) -> None:
        """`network`: the contract's NetworkSpec."""
        self._takes_classes = network.loss.kind in _CLASS_LOSSES
        self._features = network.input_features
        self._categories = CategoriesEncoder(network.categorical_inputs)
        self.tables = {
            f"embeddings.{item.name}": item.dimension for item in network.categorical_inputs
        }

    def targets(self, value: npt.ArrayLike) -> npt.NDArray[Any]:
        """Targets `[n, outputs]`. `[n]` is a column, or for losses of classes the classes' numbers."""
        array = as_array(value, "targets")
        if array.ndim == 1 and not (self._takes_classes and array.dtype.kind in "iu"):
            return array[:, np.newaxis]
        return array

    def inputs(self, x: Optional[npt.ArrayLike], categories: Optional[CategoriesByName],
               number: int, categories_number: int) -> tuple[Parts, Parts, int]:  # fmt: skip
        """The field of the numeric inputs, if the network has any, those of the categories, and the number of rows."""
        rows: Optional[int] = None
        if x is not None:
            if self._features == 0:
                raise invalid("inputs", "expected x to be None, for the network has no numeric inputs")
            array = as_array(x, "inputs")
            numeric = array_field(number, array)
            rows = len(array) if array.ndim else None
        elif self._features != 0:
            raise invalid("inputs", f"expected x, of {self._features} numbers a row, got None")
        else:
            numeric = NOTHING
        if categories is None and not self.tables:
            return numeric, NOTHING, rows or 0
        written, rows = self._categories.fields(categories_number, categories, rows)
        return numeric, written, rows or 0

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Around calls: errors of the server name what the caller gave as the caller did."""
        try:
            yield
        except DescentError as failed:
            self._categories.name(failed)
            raise

    def batch(self, x: Optional[npt.ArrayLike], y: npt.ArrayLike, weights: Any = None,
              categories: Optional[CategoriesByName] = None) -> tuple[Parts, int]:  # fmt: skip
        """The message Batch and its number of rows."""
        inputs, written, rows = self.inputs(x, categories, 1, 4)
        parts = inputs + array_field(2, self.targets(y))
        if weights is not None:
            parts += array_field(3, as_array(weights, "weights"))
        return parts + written if written.size else parts, rows

    def item(self, item: Any, index: int) -> tuple[Parts, int]:
        """One of an iterator's items: (x, y), (x, y, weights) or a dict. Errors name the batch."""
        try:
            if isinstance(item, Sequence) and len(item) in (2, 3):
                return self.batch(*item)
            if isinstance(item, Mapping):
                return self.batch(**_arguments(item))
            got = f"{len(item)} items" if isinstance(item, Sequence) else type(item).__name__
            raise invalid("batches", f"expected (x, y), (x, y, weights) or a dict, got {got}")
        except DescentError as failed:
            failed.batch_index = index
            raise


def _arguments(item: Mapping[str, Any]) -> dict[str, Any]:
    """Of `batch`, from a batch that is a dict."""
    strange = [name for name in item if name not in _KEYS]
    if strange or "y" not in item:
        got = ", ".join(map(str, item)) or "none"
        raise invalid("batches", f"expected y and any of x, weights and categories in the dict, got {got}")
    return {"x": None, **item}


def as_more(request: bytes) -> bytes:
    """What `train_request` wrote, to be appended to another one: with the number of `TrainRequest.more`."""
    return b"\x1a" + request[1:]


def train_request(sequence: int, batch: Parts) -> bytes:
    """TrainRequest with a TrainBatch."""
    return field(2, of_bytes(b"\x08" + varint(sequence)) + field(2, batch)).joined()
