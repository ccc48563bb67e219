"""Categories as the contract's CategoricalValues, and what can be said of them before anything is sent.

Ids go as their array's memory. Texts are looked at one by one, by Protobuf, which is where their encoding is checked.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._arrays import NOTHING, Parts, array_field, as_array, field, of_bytes
from ._contract import HASHINGS, message_class
from .categories import Categories, CategoriesByName
from .errors import DescentError, invalid

Array = npt.NDArray[Any]
# Ids as an array, or texts.
Values = Union[Array, List[Any]]

_PATH = re.compile(r"categories\[([0-9]{1,4})\]")
_NONE = HASHINGS.number("none")


class _Input(NamedTuple):
    name: Parts  # the field CategoricalValues.name
    hashes: bool


class CategoriesEncoder:
    """Writes the categories of one network."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        """`inputs`: of the contract's NetworkSpec."""
        self._inputs = {
            message.name: _Input(
                field(1, of_bytes(message.name.encode())), message.hashing not in (0, _NONE)
            )
            for message in inputs
        }

    def fields(self, number: int, given: Optional[CategoriesByName], rows: Optional[int]
               ) -> tuple[Parts, Optional[int]]:  # fmt: skip
        """A field for each input, in the network's order, and the number of rows; which is `rows`, if that is known."""
        parts = NOTHING
        given = {} if given is None else given
        self._check_names(given)
        for name, taken in self._inputs.items():
            written, rows = _written(given[name], f"categories.{name}", taken.hashes, rows)
            parts += field(number, taken.name + written)
        return parts, rows

    def name(self, failed: DescentError) -> None:
        """Has an error of the server call an input by its name, as callers do, and not by its number in the request."""
        names = list(self._inputs)

        def named(path: str) -> str:
            found = _PATH.match(path)
            if found is None or int(found[1]) >= len(names):
                return path
            return f"categories.{names[int(found[1])]}{path[found.end() :]}"

        failed.message = named(failed.message)
        failed.violations = tuple(item._replace(field=named(item.field)) for item in failed.violations)

    def _check_names(self, given: CategoriesByName) -> None:
        if not hasattr(given, "keys"):  # frames of pandas have them
            raise invalid("categories", f"expected a dict of values by name, got {type(given).__name__}")
        known = ", ".join(self._inputs) or "none"
        for name in given.keys():
            if name not in self._inputs:
                raise invalid("categories", f"the network has no categorical input {name!r}; it has {known}")
        missing = [name for name in self._inputs if name not in given]
        if missing:
            raise invalid("categories", f"{', '.join(missing)}: missing, of the network's categorical inputs {known}")


def _written(given: Any, where: str, hashes: bool, rows: Optional[int]) -> tuple[Parts, int]:
    """The fields of CategoricalValues behind its name, and the number of rows."""
    whole = given if isinstance(given, Categories) else Categories(given)
    values, splits = _flat(whole.values, where)
    if whole.row_splits is not None:
        if splits is not None:
            raise invalid(where, "expected values one behind the other with row_splits, got a list for each row")
        splits = _row_splits(whole.row_splits, f"{where}.row_splits", len(values))
    count = len(values) if splits is None else len(splits) - 1
    if rows is not None and count != rows:
        if whole.row_splits is not None:
            raise invalid(f"{where}.row_splits", f"expected {rows + 1} for {rows} rows, got {count + 1}")
        raise invalid(where, f"expected {rows} values or lists of them, one a row, got {count}")
    if isinstance(values, list):
        if not hashes:
            raise invalid(where, "expected ids, for the network does not hash here; got texts")
        parts = field(3, _texts(values, where))
    else:
        parts = array_field(2, values)
    if splits is not None:
        parts += array_field(4, splits)
    if whole.weights is not None:
        parts += array_field(5, _weights(whole.weights, f"{where}.weights", len(values), splits))
    return parts, count


def _flat(given: Any, where: str) -> tuple[Values, Optional[Array]]:
    """The values one behind the other, and where rows begin if they have more or less than one each."""
    items = _items(given, where)
    if isinstance(items, np.ndarray):
        if items.ndim == 1:
            return _ids(items, where), None
        if items.ndim == 2:
            return _ids(items.reshape(-1), where), _equal_splits(items.shape)
        raise invalid(where, f"expected one value or a list of values a row, got shape {list(items.shape)}")
    if items and _is_row(items[0]):
        splits = _splits_of(items, where)
        return _of_list(_joined(items), where), splits
    return _of_list(items, where), None


def _items(given: Any, where: str) -> Values:
    """An array of numbers, or a list of anything else: in arrays of texts their lengths are not their own."""
    if isinstance(given, (str, bytes)):
        raise invalid(where, f"expected a value for each row, got the text {given!r}")
    if isinstance(given, (list, tuple)) and given and not _is_number(given[0]):
        return list(given)
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise invalid(where, f"expected one value or a list of values a row: {error}") from None
    if array.ndim == 0:
        raise invalid(where, f"expected a value for each row, got {given!r}")
    if array.dtype.kind in "biuf":
        return array
    if isinstance(given, (list, tuple)):
        return list(given)
    if array.dtype.kind not in "OUST":
        raise invalid(where, f"expected ids, which are integers, or texts; got {array.dtype}")
    return list(array.tolist())


def _is_number(item: Any) -> bool:
    return isinstance(item, (int, float, np.number, np.bool_))


def _is_row(item: Any) -> bool:
    if isinstance(item, (str, bytes)):
        return False
    return hasattr(item, "__len__") and getattr(item, "ndim", 1) != 0


def _splits_of(items: Sequence[Any], where: str) -> Array:
    for i, row in enumerate(items):
        if not _is_row(row):
            raise invalid(where, f"expected a list of values for each row, got {row!r} at row {i}")
    splits = np.zeros(len(items) + 1, np.int64)
    np.cumsum([len(row) for row in items], out=splits[1:])
    return splits


def _joined(rows: Sequence[Any]) -> list[Any]:
    # Of arrays, plain numbers rather than numpy's or PyTorch's, which are slow to make and to read.
    return list(itertools.chain.from_iterable(
        row.tolist() if hasattr(row, "tolist") else row for row in rows))  # fmt: skip


def _equal_splits(shape: tuple[int, ...]) -> Array:
    return np.arange(shape[0] + 1, dtype=np.int64) * shape[1]


def _of_list(items: list[Any], where: str) -> Values:
    """Texts as they are; their encoder looks at them."""
    if items and isinstance(items[0], (str, bytes)):
        return items
    try:
        array = np.asarray(items)
    except ValueError:  # lists within lists
        array = np.asarray(None)
    if items and (array.dtype.kind not in "biuf" or array.ndim != 1):
        i, strange = next(
            ((i, item) for i, item in enumerate(items) if not isinstance(item, (int, np.integer))),
            (0, items[0]))  # fmt: skip
        raise invalid(where, f"expected ids of 64 bits or texts, got {strange!r} at index {i}")
    return _ids(array, where)


def _ids(array: Array, where: str) -> Array:
    """INT32 or INT64."""
    if array.size and array.dtype.kind not in "biu":
        raise invalid(where, f"expected ids, which are integers, or texts; got {array.dtype}")
    ids = as_array(array if array.size else array.astype(np.int64), where)
    return ids if ids.dtype.itemsize >= 4 else ids.astype(np.int32)


def _texts(values: list[Any], where: str) -> Parts:
    """The message StringValues."""
    make = message_class("StringValues")
    try:
        return of_bytes(make(values=values).SerializeToString())
    except (TypeError, ValueError):
        for i, text in enumerate(values):
            if not isinstance(text, (str, bytes)):
                raise invalid(where, f"expected texts, got {text!r} at index {i}") from None
            try:
                make(values=[text]).SerializeToString()
            except ValueError:
                raise invalid(where, f"expected text of UTF-8, got {text!r} at index {i}") from None
        raise


def _row_splits(given: npt.ArrayLike, where: str, count: int) -> Array:
    splits = as_array(given, where)
    if splits.dtype.kind not in "iu" or splits.ndim != 1 or not len(splits):
        raise invalid(where, f"expected integers [n + 1], got {splits.dtype} {list(splits.shape)}")
    splits = splits.astype(np.int64, copy=False)
    if splits[0] != 0 or splits[-1] != count:
        raise invalid(where, f"expected 0 first and {count}, the number of values, last; got {splits[0]} and {splits[-1]}")
    falling = np.flatnonzero(np.diff(splits) < 0)
    if len(falling):
        row = int(falling[0])
        raise invalid(where, f"expected at least {splits[row]}, got {splits[row + 1]} at row {row}")
    return splits


def _weights(given: Any, where: str, count: int, splits: Optional[Array]) -> Array:
    """`[k]`, of weights that are in the values' shape or flat already."""
    own: Optional[Array] = None
    if isinstance(given, (list, tuple)) and given and _is_row(given[0]):
        own = _splits_of(given, where)
        given = _joined(given)
    weights = as_array(given, where)
    if own is None and weights.ndim == 2:
        own = _equal_splits(weights.shape)
        weights = weights.reshape(-1)
    if own is not None and (splits is None or not np.array_equal(own, splits)):
        raise invalid(where, "expected as many in each row as the row has values")
    if weights.shape != (count,):
        raise invalid(where, f"expected {count}, one a value, got shape {list(weights.shape)}")
    return weights
