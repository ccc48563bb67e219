"""Showing how training goes on."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator, Union

from .results import TrainingSummary

Report = Callable[[TrainingSummary], None]


@contextlib.contextmanager
def reporting(progress: Union[bool, Report, None], batches: Any) -> Iterator[Report]:
    """What to report to: a bar for True, a function that is given, or nobody."""
    if callable(progress):
        yield progress
    elif progress:
        with _bar(batches) as bar:
            yield bar
    else:
        yield _nobody


def _nobody(_: TrainingSummary) -> None:
    pass


@contextlib.contextmanager
def _bar(batches: Any) -> Iterator[Report]:
    try:
        from tqdm.auto import tqdm  # a notebook's own bar in a notebook
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from None
    total = len(batches) if hasattr(batches, "__len__") else None
    with tqdm(total=total, unit="batch", desc="training") as bar:

        def show(summary: TrainingSummary) -> None:
            bar.set_postfix(loss=f"{summary.loss:.4g}", step=summary.step, refresh=False)
            bar.update(summary.skipped + summary.batches - bar.n)

        yield show
