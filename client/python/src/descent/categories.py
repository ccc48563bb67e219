"""What rows have for a categorical input, where that is more than one value a row.

    categories = {"color": ["red", "blue"], "tags": [["new", "sale"], []]}            # ready to be given
    categories = {"tags": Categories([3, 8, 3], row_splits=[0, 2, 3], weights=[1, 0.5, 1])}
    model.predict(x, categories=categories)

A value is an id, an integer, or where the network hashes also a text: str, or bytes of UTF-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Union

import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Categories:
    """Any number of values a row, each with a weight if there are any.

    Args:
        values: one list for each row, also an array `[n, values of a row]`; or with `row_splits` the values of all rows, one
            row's behind the other's, `[k]`; or one value for each row, `[n]`.
        row_splits: `[n + 1]`, beginning with 0, ending with k and never falling: row i has the values row_splits[i] to
            row_splits[i + 1], without the latter.
        weights: what each value counts, in the shape of `values` or `[k]`; >= 0 for the combiner "mean". None: 1.
    """

    values: npt.ArrayLike
    row_splits: Optional[npt.ArrayLike] = None
    weights: Optional[npt.ArrayLike] = None


# For each categorical input of a network, by its name.
CategoriesByName = Mapping[str, Union[npt.ArrayLike, Categories]]
