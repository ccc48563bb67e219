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
- A column that is embedded, for it has many categories, is a categorical input: each has a vector that is learned, new ones
  too. The network and its calls take them beside the numbers:

      recipe = Recipe.fit(frame, target="price", embed=["shop"])
      network = descent.Network(recipe.features, [...], recipe.loss, categorical=recipe.categorical)
      model.predict(recipe.inputs(frame), categories=recipe.categories(frame))

- A target that is a number is brought to the same scale; a class is its number among the labels, which are sorted.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._tables import MOST_BUCKETS, buckets_for, dimension_for, table
from .errors import invalid
from .network import Categorical
from .results import ModelInfo

__all__ = ["Recipe"]

Array = npt.NDArray[Any]

_LABEL = "descent.encoding"
_MISSING = "?"
_MOST_CATEGORIES = 1000
_MOST_LABEL_BYTES = 32 << 10
_MOST_BYTES = 16 << 20
_LONGEST_INPUT_NAME = 63

# Columns to embed; of a mapping the dimension of each, or (dimension, buckets); None: by the number of categories.
Embedded = Union[Sequence[str], Mapping[str, Union[None, int, Tuple[int, int]]]]


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


@dataclass(frozen=True)
class _Embedded:
    """A column whose categories have a table of vectors."""

    name: str
    input: str  # what its categorical input is called
    dimension: int
    buckets: int
    numeric: bool  # equal numbers are one category, however they are written

    width = 0

    def texts(self, column: Any) -> List[str]:
        texts = _texts(column)
        return [_spelled(text) for text in texts] if self.numeric else texts

    def described(self) -> dict[str, Any]:
        sizes = {"input": self.input, "dimension": self.dimension, "buckets": self.buckets}
        return {"embedding": {**sizes, "numeric": True} if self.numeric else sizes}

    def categorical(self) -> Categorical:
        return table(self.input, self.buckets, self.dimension)


_Column = Union[_Number, _Category, _Embedded]


class Recipe:
    """How the columns of a table become a network's numbers, and back.

    Attributes:
        features: the network's numeric inputs.
        categorical: its categorical inputs, one for each column that is embedded.
        outputs: the network's outputs.
        classes: the labels of a target that is a class, in the order of their numbers; None for a number.
        loss: a loss that goes with the target.
        target: its column's name.
    """

    def __init__(self, columns: Sequence[_Column], target: Union[_Number, _Category],
                 places: Mapping[str, int], fields: int) -> None:  # fmt: skip
        """Use `fit` or `of`."""
        self._columns = list(columns)
        self._spread = [column for column in columns if not isinstance(column, _Embedded)]
        self._embedded = [column for column in columns if isinstance(column, _Embedded)]
        self._target = target
        self._places = dict(places)
        self._fields = fields

    def __repr__(self) -> str:
        inputs = self.features + len(self._embedded)
        return f"<Recipe of {len(self._columns)} columns, {inputs} inputs, for {self.target!r}>"

    @property
    def features(self) -> int:
        return sum(column.width for column in self._columns)

    @property
    def categorical(self) -> Tuple[Categorical, ...]:
        return tuple(column.categorical() for column in self._embedded)

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
            ignore: Sequence[str] = (), embed: Embedded = ()) -> Recipe:  # fmt: skip
        """Learns the statistics of a frame's columns.

        Args:
            frame: of pandas or polars, or a dict of columns.
            target: the column to predict.
            classes: whether the target is a class; None: if it does not hold numbers.
            ignore: columns to leave out.
            embed: columns whose categories, texts or numbers, are too many for an input each; a dict says the dimension
                of their vectors, {"shop": 16}, or that and the table's rows, {"shop": (16, 65536)}.
        """
        names = [str(name) for name in getattr(frame, "columns", frame)]
        sizes = _as_sizes(embed)
        for name in (target, *ignore, *sizes):
            if name not in names:
                raise invalid(name, f"no column is called so; there are {', '.join(names)}")
        for name in sizes:
            if name == target or name in ignore:
                raise invalid(name, f"it can't be embedded, for it is {'the target' if name == target else 'ignored'}")
        taken: set[str] = set()
        columns: List[_Column] = [
            _fit_embedded(name, frame[name], sizes[name], taken) if name in sizes else _fit(name, frame[name])
            for name in names if name != target and name not in ignore]  # fmt: skip
        if not columns:
            raise invalid(target, "there is no other column to learn from")
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
            if described["version"] not in (1, 2, 3):
                raise ValueError(f"its version is {described['version']}")
            if not described["header"]:
                raise ValueError("the columns that it was trained with have no names")
            columns = [_read(column) for column in described["inputs"]]
            aim = described["target"]
            # Losses of counts take the target as it is.
            target = _read({"median": None, **aim})
            if isinstance(target, _Embedded):
                raise ValueError("its target is embedded")
            recipe = cls(columns, target,
                         {column["name"]: column["field"] for column in [*described["inputs"], aim]},
                         described["fields"])  # fmt: skip
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"{info.name}: what is kept with it can't be used here: {error}") from None
        if recipe.features != info.network.inputs:
            raise ValueError(f"{info.name}: the recipe that is kept with it is of {recipe.features} inputs, its network of "
                             f"{info.network.inputs}")  # fmt: skip
        ours, theirs = ({(each.name, each.buckets, each.dimension, each.hashing) for each in tables}
                        for tables in (recipe.categorical, info.network.categorical))  # fmt: skip
        if ours != theirs:
            raise ValueError(f"{info.name}: the recipe that is kept with it embeds columns as {_listed(recipe.categorical)}, "
                             f"its network has {_listed(info.network.categorical)}")  # fmt: skip
        return recipe

    def kept(self) -> dict[str, Any]:
        """Arguments of `Client.create` and `Model.update` that keep it with the model."""
        text = json.dumps({
            "version": 3 if self._embedded else 1,
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

    def _described(self, column: _Column) -> dict[str, Any]:
        described = {"name": column.name, "field": self._places[column.name], **column.described()}
        if column is self._target:
            described.pop("median", None)
        return described

    # Using it.

    def inputs(self, frame: Any) -> Optional[Array]:
        """A frame's rows for the network, `[n, features]`. Columns are found by name; others are not looked at.

        None where all columns are embedded: the network has no numeric inputs then.
        """
        if not self._spread:
            return None
        parts = [column.encode(self._column(frame, column.name)) for column in self._spread]
        encoded = np.concatenate(parts, axis=1)
        if not np.isfinite(encoded).all():
            raise invalid("frame", "a number is infinite, or too far from the others")
        return encoded

    def categories(self, frame: Any) -> Optional[Dict[str, List[str]]]:
        """What the rows have for the categorical inputs, by their names; None where no column is embedded."""
        if not self._embedded:
            return None
        return {column.input: column.texts(self._column(frame, column.name)) for column in self._embedded}

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
                ) -> Iterator[Union[Tuple[Array, Array], Dict[str, Any]]]:  # fmt: skip
        """What `Model.train` takes: the frame's rows in batches, in a new order for each pass; None keeps theirs."""
        x, y, categories = self.inputs(frame), self.targets(frame), self.categories(frame)
        random = np.random.default_rng(seed)
        for _ in range(epochs):
            order = np.arange(len(y)) if seed is None else random.permutation(len(y))
            for begin in range(0, len(y), rows):
                part = order[begin : begin + rows]
                if categories is None and x is not None:
                    yield x[part], y[part]
                else:
                    some = {name: [texts[row] for row in part] for name, texts in (categories or {}).items()}
                    yield {"x": None if x is None else x[part], "y": y[part], "categories": some}

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


def _read(described: Mapping[str, Any]) -> _Column:
    if "embedding" in described:
        kept = described["embedding"]
        return _Embedded(described["name"], str(kept["input"]), int(kept["dimension"]), int(kept["buckets"]),
                         bool(kept.get("numeric", False)))  # fmt: skip
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


def _listed(tables: Sequence[Categorical]) -> str:
    shown = [f"{each.name} {each.buckets} x {each.dimension}{'' if each.hashing else ' without hashing'}" for each in tables]
    return ", ".join(shown) or "none"


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


def _number_of(text: str) -> Optional[float]:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _spelled(text: str) -> str:
    """A number as the column's numbers are written, which is the shortest way."""
    number = _number_of(text)
    return text if number is None else _text(number)


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
                      f"{_MOST_CATEGORIES}); take it as one input with `embed`, or leave it out with `ignore`")  # fmt: skip
    try:
        return _Category(name, tuple(sorted(found, key=lambda text: (float(text), text.encode()))))
    except ValueError:
        return _Category(name, tuple(sorted(found, key=str.encode)))


# Tables.


def _as_sizes(embed: Embedded) -> Dict[str, Tuple[Optional[int], Optional[int]]]:
    """(dimension, buckets) by column, each None where it was not said."""
    if isinstance(embed, str):
        raise invalid("embed", f"expected a list of columns or a dict by column, got the text {embed!r}")
    if not isinstance(embed, Mapping):
        return {str(name): (None, None) for name in embed}
    sizes: Dict[str, Tuple[Optional[int], Optional[int]]] = {}
    for name, said in embed.items():
        given = (said, None) if said is None or isinstance(said, (int, np.integer)) else tuple(said)
        if len(given) != 2 or not all(size is None or _is_size(size) for size in given):
            raise invalid(f"embed.{name}", "expected None, a dimension, or a dimension and a number of buckets, each an integer "
                          f"from 1 to {MOST_BUCKETS}; got {said!r}")  # fmt: skip
        sizes[str(name)] = (given[0], given[1])
    return sizes


def _is_size(size: Any) -> bool:
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool):
        return False
    return 1 <= int(size) <= MOST_BUCKETS


def _fit_embedded(name: str, column: Any, sizes: Tuple[Optional[int], Optional[int]], taken: set[str]) -> _Embedded:
    texts = set(_texts(column))
    numeric = all(text == _MISSING or _number_of(text) is not None for text in texts)
    count = len({_spelled(text) for text in texts} if numeric else texts)
    dimension, buckets = sizes
    return _Embedded(name, _input_name(name, taken), int(dimension or dimension_for(count)),
                     int(buckets or buckets_for(count)), numeric)  # fmt: skip


def _input_name(column: str, taken: set[str]) -> str:
    """As the command calls it: in lower case, `_` for whatever a name may not hold; the second of one name has `_2`."""
    inner = "abcdefghijklmnopqrstuvwxyz0123456789_"
    lower = [character.lower() if character.isascii() else "_" for character in column]
    name = "".join(character if character in inner else "_" for character in lower)
    if not name[:1].isalpha() or name in ("inputs", "outputs"):
        name = f"column_{name}"
    name = unique = name[:_LONGEST_INPUT_NAME]
    number = 2
    while unique in taken:
        suffix = f"_{number}"
        unique = name[: _LONGEST_INPUT_NAME - len(suffix)] + suffix
        number += 1
    taken.add(unique)
    return unique
