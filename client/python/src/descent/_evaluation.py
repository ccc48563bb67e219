"""Evaluating over a stream of batches: what both APIs share, and the blocking one's stream."""

from __future__ import annotations

import contextlib
import queue
import time
from typing import Any, Iterable, Iterator, Optional

import grpc

from ._arrays import field, of_bytes
from ._batches import BatchEncoder
from ._connection import Connection
from ._failure import failure
from ._operations import evaluation
from ._retry import Attempts
from .errors import DescentError
from .results import Evaluation

# Batches that come from an iterator are kept for another attempt, up to so many bytes.
_MOST_KEPT_BYTES = 256 << 20
_AHEAD = 4  # batches that are written before they are sent


class EvaluationBatches:
    """The batches of an evaluation as requests, from the first one as often as is asked for."""

    def __init__(self, encoder: BatchEncoder, model: str) -> None:
        self._encoder = encoder
        self._model = field(1, of_bytes(model.encode()))
        self._kept: Optional[list[bytes]] = []
        self._kept_bytes = 0
        self._ends: list[int] = []  # rows up to each batch's end

    @property
    def kept(self) -> list[bytes]:
        """Those that were taken before; an error can be mended only where these are all."""
        return self._kept or []

    @property
    def can_begin_again(self) -> bool:
        return self._kept is not None

    def take(self, item: Any) -> bytes:
        parts, rows = self._encoder.item(item, len(self._ends))
        batch = field(2, parts)
        request = (batch if self._ends else self._model + batch).joined()
        self._ends.append(rows + (self._ends[-1] if self._ends else 0))
        if self._kept is not None:
            self._kept.append(request)
            self._kept_bytes += len(request)
            if self._kept_bytes > _MOST_KEPT_BYTES:
                self._kept = None
        return request

    def with_batch(self, failed: DescentError) -> DescentError:
        """Says to an error about a batch which one that is."""
        before = failed.details.get("rows_before", "")
        if before.isdecimal():
            rows = int(before)
            failed.batch_index = next(
                (i for i, end in enumerate(self._ends) if end > rows), len(self._ends)
            )
        return failed


def evaluate(connection: Connection, encoder: BatchEncoder, model: str, batches: Iterable[Any],
             timeout: Optional[float]) -> Evaluation:  # fmt: skip
    """Model.evaluate. The caller's thread takes batches from its iterator, gRPC's sends them."""
    if timeout is None:
        timeout = connection.options.timeout
    attempts = Attempts(connection.options, timeout, time.monotonic())
    requests = EvaluationBatches(encoder, model)
    fresh = iter(batches)
    while True:
        try:
            return _evaluate_once(connection, requests, fresh, attempts.left())
        except grpc.RpcError as call_error:
            failed = requests.with_batch(failure(call_error))
        if not requests.can_begin_again:
            raise failed
        connection.pause(connection.pause_after(attempts, failed))


def _evaluate_once(connection: Connection, requests: EvaluationBatches, fresh: Iterator[Any],
                   timeout: float) -> Evaluation:  # fmt: skip
    ready: queue.Queue[Optional[bytes]] = queue.Queue(_AHEAD)
    call = connection.upload("Evaluate", iter(ready.get, None), timeout)
    try:
        for request in list(requests.kept):
            _put(ready, request, call)
        for item in fresh:
            _put(ready, requests.take(item), call)
            if call.done():
                break
        _put(ready, None, call)
        return evaluation(call.result())
    finally:
        call.cancel()
        # Whoever sends may be waiting for more.
        with contextlib.suppress(queue.Empty):
            ready.get_nowait()
        with contextlib.suppress(queue.Full):
            ready.put_nowait(None)


def _put(ready: queue.Queue[Optional[bytes]], request: Optional[bytes], call: Any) -> None:
    while not call.done():
        with contextlib.suppress(queue.Full):
            ready.put(request, timeout=0.1)
            return
