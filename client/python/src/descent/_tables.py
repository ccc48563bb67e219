"""Tables of categorical inputs that are made for somebody: how large they are, and what they begin with."""

from __future__ import annotations

import math

from .network import Categorical, Initializer

MOST_BUCKETS = 2**31 - 1

# A category that was never met adds next to nothing, whereas zeros alone would let no gradient through ReLU where there are
# no numbers.
_NEAR_ZERO = Initializer("lecun_normal", 0.01)


def table(name: str, buckets: int, dimension: int) -> Categorical:
    """An input of any ids and texts, hashed."""
    return Categorical(name, buckets, dimension, "xxh64", initializer=_NEAR_ZERO)


def dimension_for(categories: int) -> int:
    """fastai's rule of thumb (fastai.tabular.model.emb_sz_rule), from 2 to 64."""
    return min(max(math.floor(1.6 * math.pow(categories, 0.56) + 0.5), 2), 64)


def buckets_for(categories: int) -> int:
    """The power of two from 16 times the categories on; beyond 65,536 from 4 times on; at least 1024, room for new ones."""
    wanted = max(1024, 4 * categories, min(16 * categories, 65536))
    return 1 << (min(wanted, 1 << 30) - 1).bit_length()
