"""Tables for networks: frames of pandas or polars, or dicts of columns, by the recipe of the command `descent train`.

    recipe = Recipe.fit(frame, target="price")
    network = descent.Network(recipe.features, [descent.Dense(64, "relu"), descent.Dense(recipe.outputs)], recipe.loss)
    model = client.create("house", network, **recipe.kept())
    model.train(recipe.batches(frame, epochs=30))
    recipe.predictions(model.predict(recipe.inputs(frame)))      # in the target's own unit, or labels

The recipe is kept with the model, where both sides find it: `descent predict house --csv new.csv` uses what was
made here, and `Recipe.of(model.info())` what `descent train` made. What it does to a column:

- A number x becomes (x - mean) / scale, scale being the standard deviation of the rows it was fitted on; a missing one is
  their median.
- Anything else is a category: an input for each one that was there, 1 for the row's own and 0 for the others. A missing
  cell is a category like any other, and one that was not there is all zeros.
- A target that is a number is brought to the same scale; a class is its number among the labels, which are sorted.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from dataclasses import dataclass, replace
from typing import Any, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from .errors import invalid
from .results import ModelInfo

__all__ = ["Recipe"]

Array = npt.NDArray[Any]

_LABEL = "descent.encoding"
_MISSING = "?"
_MOST_CATEGORIES = 1000
_MOST_LABEL_BYTES = 32 << 10
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class _Number:
    """A column of numbers."""

    name: str
    mean: float
    scale: float
    median: Optional[float]  # None where nothing may be missing

    width = 1

    def encode(self, column: Any) -> Array:
        numbers = _numbers(column, self.name)
        missing = np.isnan(numbers)
        if missing.any():
            if self.median is None:
                raise invalid(self.name, "a value is missing, and nothing is known to put in its place")
            numbers = np.where(missing, self.median, numbers)
        return ((numbers - self.mean) / self.scale)[:, np.newaxis]

    def described(self) -> dict[str, Any]:
        return {"mean": self.mean, "scale": self.scale, "median": self.median}


@dataclass(frozen=True)
class _Category:
    """A column of anything else, or a target of classes."""

    name: str
    categories: Tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.categories)

    def codes(self, column: Any) -> Array:
        """Of each row, -1 for a category that is not known."""
        known = {category: code for code, category in enumerate(self.categories)}
        return np.array([known.get(text, -1) for text in _texts(column)], dtype=np.int64)

    def encode(self, column: Any) -> Array:
        codes = self.codes(column)
        encoded = np.zeros((len(codes), self.width))
        rows = np.flatnonzero(codes >= 0)
        encoded[rows, codes[rows]] = 1
        return encoded

    def described(self) -> dict[str, Any]:
        return {"categories": list(self.categories)}


class Recipe:
    """How the columns of a table become a network's numbers, and back.

    Attributes:
        features: the network's inputs.
        outputs: the network's outputs.
        classes: the labels of a target that is a class, in the order of their numbers; None for a number.
        loss: a loss that goes with the target.
        target: its column's name.
    """

    def __init__(self, columns: Sequence[Union[_Number, _Category]], target: Union[_Number, _Category],
                 places: Mapping[str, int], fields: int) -> None:  # fmt: skip
        """Use `fit` or `of`."""
        self._columns = list(columns)
        self._target = target
        self._places = dict(places)
        self._fields = fields

    def __repr__(self) -> str:
        return f"<Recipe of {len(self._columns)} columns, {self.features} inputs, for {self.target!r}>"

    @property
    def features(self) -> int:
        return sum(column.width for column in self._columns)

    @property
    def outputs(self) -> int:
        return len(self.classes) if self.classes is not None and len(self.classes) > 2 else 1

    @property
    def classes(self) -> Optional[Tuple[str, ...]]:
        return self._target.categories if isinstance(self._target, _Category) else None

    @property
    def loss(self) -> str:
        if self.classes is None:
            return "mean_squared_error"
        return "binary_cross_entropy" if len(self.classes) == 2 else "softmax_cross_entropy"

    @property
    def target(self) -> str:
        return self._target.name

    # Making one.

    @classmethod
    def fit(cls, frame: Any, target: str, *, classes: Optional[bool] = None,
            ignore: Sequence[str] = ()) -> Recipe:  # fmt: skip
        """Learns the statistics of a frame's columns.

        Args:
            frame: of pandas or polars, or a dict of columns.
            target: the column to predict.
            classes: whether the target is a class; None: if it does not hold numbers.
            ignore: columns to leave out.
        """
        names = [str(name) for name in getattr(frame, "columns", frame)]
        for name in (target, *ignore):
            if name not in names:
                raise invalid(name, f"no column is called so; there are {', '.join(names)}")
        columns = [_fit(name, frame[name]) for name in names if name != target and name not in ignore]
        if classes or (classes is None and not _holds_numbers(frame[target])):
            aim: Union[_Number, _Category] = _fit_category(target, frame[target])
            if aim.width < 2:
                raise invalid(target, "it has one value only, nothing to tell apart")
        else:
            if np.isnan(_numbers(frame[target], target)).any():
                raise invalid(target, "a value is missing, of what is to be learned; leave its row out")
            aim = replace(_fit_number(target, frame[target]), median=None)
        return cls(columns, aim, {name: place for place, name in enumerate(names)}, len(names))

    @classmethod
    def of(cls, info: ModelInfo) -> Recipe:
        """The recipe that is kept with a model: `Recipe.of(model.info())`.

        ValueError if there is none, or it asks for what only the command does (dates).
        """
        kept = info.labels.get(_LABEL) or info.client_data
        if not kept:
            raise ValueError(f"{info.name}: no recipe is kept with this model")
        try:
            described = json.loads(_unpacked(kept))
            if described["version"] not in (1, 2):
                raise ValueError(f"its version is {described['version']}")
            if not described["header"]:
                raise ValueError("the columns that it was trained with have no names")
            columns = [_read(column) for column in described["inputs"]]
            aim = described["target"]
            # Losses of counts take the target as it is.
            recipe = cls(columns, _read({"median": None, **aim}),
                         {column["name"]: column["field"] for column in [*described["inputs"], aim]},
                         described["fields"])  # fmt: skip
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"{info.name}: what is kept with it can't be used here: {error}") from None
        if recipe.features != info.network.inputs:
            raise ValueError(f"{info.name}: the recipe that is kept with it is of {recipe.features} inputs, its network of "
                             f"{info.network.inputs}")  # fmt: skip
        return recipe

    def kept(self) -> dict[str, Any]:
        """Arguments of `Client.create` and `Model.update` that keep it with the model."""
        text = json.dumps({
            "version": 1,
            "header": True,
            "delimiter": ",",
            "fields": self._fields,
            "inputs": [self._described(column) for column in self._columns],
            "target": self._described(self._target),
        }, allow_nan=False)  # fmt: skip
        if len(text.encode()) < _MOST_LABEL_BYTES - 1024:
            return {"labels": {_LABEL: text}}
        packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
        return {"client_data": f"zlib:{len(text.encode())}:{packed}"}

    def _described(self, column: Union[_Number, _Category]) -> dict[str, Any]:
        described = {"name": column.name, "field": self._places[column.name], **column.described()}
        if column is self._target:
            described.pop("median", None)
        return described

    # Using it.

    def inputs(self, frame: Any) -> Array:
        """A frame's rows for the network, `[n, features]`. Columns are found by name; others are not looked at."""
        parts = [column.encode(self._column(frame, column.name)) for column in self._columns]
        encoded = np.concatenate(parts, axis=1)
        if not np.isfinite(encoded).all():
            raise invalid("frame", "a number is infinite, or too far from the others")
        return encoded

    def targets(self, frame: Any) -> Array:
        """A frame's targets `[n]`: numbers at the network's scale, or classes' numbers."""
        column = self._column(frame, self.target)
        if isinstance(self._target, _Number):
            return self._target.encode(column)[:, 0]
        codes = self._target.codes(column)
        if (codes < 0).any():
            strange = _texts(column)[int(np.argmin(codes))]
            raise invalid(self.target, f"{strange!r} is none of the classes {', '.join(self._target.categories)}")
        return codes

    def batches(self, frame: Any, *, epochs: int = 1, rows: int = 64, seed: Optional[int] = 0
                ) -> Iterator[Tuple[Array, Array]]:  # fmt: skip
        """What `Model.train` takes: the frame's rows in batches, in a new order for each pass; None keeps theirs."""
        x, y = self.inputs(frame), self.targets(frame)
        random = np.random.default_rng(seed)
        for _ in range(epochs):
            order = np.arange(len(x)) if seed is None else random.permutation(len(x))
            for begin in range(0, len(x), rows):
                part = order[begin : begin + rows]
                yield x[part], y[part]

    def predictions(self, outputs: npt.ArrayLike) -> Array:
        """What a network's answers `[n, outputs]` say: numbers `[n]` in the target's unit, or labels `[n]`."""
        answers = np.asarray(outputs)
        if isinstance(self._target, _Number):
            return np.asarray(answers[:, 0].astype(np.float64) * self._target.scale + self._target.mean)
        likeliest = answers.argmax(axis=1) if answers.shape[1] > 1 else (answers[:, 0] > 0.5).astype(int)
        return np.asarray(np.asarray(self._target.categories)[likeliest])

    @staticmethod
    def _column(frame: Any, name: str) -> Any:
        try:
            return frame[name]
        except Exception:  # what frames raise is their own affair
            raise invalid(name, "no column is called so, and the model was trained with it") from None


def _read(described: Mapping[str, Any]) -> Union[_Number, _Category]:
    if "part" in described:
        raise ValueError(f"{described['name']} is a date, which the command alone takes apart")
    if "categories" in described:
        return _Category(described["name"], tuple(map(str, described["categories"])))
    median = described["median"]
    number = _Number(described["name"], float(described["mean"]), float(described["scale"]),
                     None if median is None else float(median))  # fmt: skip
    if not number.scale > 0:
        raise ValueError("a scale is not positive")
    return number


def _unpacked(kept: str) -> str:
    if not kept.startswith("zlib:"):
        return kept
    size, _, packed = kept[len("zlib:") :].partition(":")
    if not size.isdecimal() or int(size) > _MOST_BYTES:
        raise ValueError("it has no size")
    return zlib.decompressobj().decompress(base64.b64decode(packed), int(size)).decode()


# Columns.


def _holds_numbers(column: Any) -> bool:
    kind = str(getattr(column, "dtype", np.asarray(column).dtype)).lower()
    return kind.startswith(("int", "uint", "float", "decimal"))


def _numbers(column: Any, name: str) -> npt.NDArray[np.float64]:
    """NaN where one is missing."""
    try:
        if hasattr(column, "to_numpy") and type(column).__module__.startswith("pandas"):
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise invalid(name, f"expected numbers: {error}") from None


def _texts(column: Any) -> List[str]:
    """As a file of the same values has them."""
    values = column.to_list() if hasattr(column, "to_list") else np.asarray(column).tolist()
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip() or _MISSING
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if value is None or str(value) in ("<NA>", "NaT", "nan"):
        return _MISSING
    if isinstance(value, (int, float)):
        whole = float(value).is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(float(value))
    return str(value)


def _fit(name: str, column: Any) -> Union[_Number, _Category]:
    return _fit_number(name, column) if _holds_numbers(column) else _fit_category(name, column)


def _fit_number(name: str, column: Any) -> _Number:
    numbers = _numbers(column, name)
    missing = np.isnan(numbers)
    if missing.all():
        raise invalid(name, "it holds no value; leave it out with `ignore`")
    median = float(np.median(numbers[~missing]))
    filled = np.where(missing, median, numbers)
    low, high = float(filled.min()), float(filled.max())
    if not math.isfinite(high - low):
        raise invalid(name, "it holds numbers that are not finite, or too far from each other")
    largest = max(abs(low), abs(high))
    whole = bool((np.trunc(filled) == filled).all())
    # Differences as small as the rounding of computed decimals are no spread to divide by.
    if low == high or (high - low <= 4 * np.finfo(float).eps * largest and not whole):
        return _Number(name, float(filled[0]), max(1.0, largest), median)
    # Of differences from the middle, so that a large common part costs no digits.
    middle = low / 2 + high / 2
    mean = math.fsum(filled - middle) / len(filled)
    deviation = math.sqrt(math.fsum(((filled - middle) - mean) ** 2) / len(filled))
    return _Number(name, middle + mean, max(deviation, 5e-324), median)


def _fit_category(name: str, column: Any) -> _Category:
    found = set(_texts(column))
    if len(found) > _MOST_CATEGORIES:
        raise invalid(name, f"it holds {len(found)} different texts, too many for categories (at most "
                      f"{_MOST_CATEGORIES}); leave it out with `ignore`")  # fmt: skip
    try:
        return _Category(name, tuple(sorted(found, key=lambda text: (float(text), text.encode()))))
    except ValueError:
        return _Category(name, tuple(sorted(found, key=str.encode)))
