"""Training over the blocking API.

Three threads: the caller's takes batches from its iterator and writes them into messages, gRPC's sends
them, and the session's own opens one stream after another and reads acknowledgements.
"""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any, Callable, Iterable, Iterator, Optional

import grpc

from . import _arrays
from ._batches import BatchEncoder
from ._connection import Connection, explain
from ._failure import failure
from ._session import GLANCE, PATIENCE, Session
from .errors import DescentError, TrainingInterrupted, error
from .results import TrainingSummary

Report = Callable[[TrainingSummary], None]


class _Stream:
    """One stream, as those on it see it."""

    def __init__(self) -> None:
        self.ready = False  # the server takes batches
        self.half_closed = False  # none will follow
        self.ended = False  # nothing can be sent any more
        self.sender_waits = False
        self.call: Any = None


class TrainingRun:
    """A session with its threads."""

    def __init__(self, connection: Connection, session: Session) -> None:
        self._connection = connection
        self._session = session
        self._lock = threading.Lock()
        self._to_sender = threading.Condition(self._lock)  # something to send, or nothing any more
        self._to_caller = threading.Condition(self._lock)  # ready, room, over
        self._cancelled = threading.Event()
        self._stream = _Stream()
        self._finishing = False
        self._over = False
        self._error: Optional[DescentError] = None
        self._thread = threading.Thread(target=self._run, name="descent-train", daemon=True)
        self._thread.start()

    # The caller's.

    def wait_until_begun(self) -> int:
        """Waits until the server says where to go on: behind so many batches."""
        with self._lock:
            while not self._session.begun and not self._over:
                self._to_caller.wait()
            self._raise_error()
            return self._session.skipped

    def send(self, batch: _arrays.Parts) -> None:
        """Takes a batch. Waits while there is no room for it."""
        with self._lock:
            while not self._over and not self._session.has_room:
                self._to_caller.wait()
            self._raise_error()
            self._session.take(batch)
            if self._stream.sender_waits:
                self._to_sender.notify_all()

    def finish(self, report: Report, patience: Optional[float] = None) -> bool:
        """Waits until everything is applied and durable. False if it was not so in time."""
        end = None if patience is None else time.monotonic() + patience
        with self._lock:
            self._finishing = True
            self._to_sender.notify_all()
            while not self._over:
                if end is not None and time.monotonic() >= end:
                    return False
                self._to_caller.wait(GLANCE)
                report(self._session.summary())
            self._raise_error()
            return True

    def settle(self) -> Optional[TrainingSummary]:
        """Sees that what was taken is applied, as far as that can be had soon. None if it could not."""
        with self._lock:
            if not self._session.begun:
                return None
        try:
            return self.summary() if self.finish(_ignore, PATIENCE) else None
        except DescentError:
            return None

    def cancel(self) -> None:
        """Ends everything now. The server drops what it has not applied."""
        self._cancelled.set()
        with self._lock:
            if self._stream.call is not None:
                self._stream.call.cancel()
        self._thread.join()

    def summary(self) -> TrainingSummary:
        with self._lock:
            return self._session.summary()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    # The session's.

    def _run(self) -> None:
        failed: Optional[DescentError] = None
        try:
            while True:
                ended = self._run_stream()
                if ended is None or self._cancelled.is_set():
                    break
                with self._lock:
                    pause = self._session.pause_after(ended)
                self._connection.pause(pause, over=self._cancelled)
        except DescentError as final:
            failed = explain(final, self._connection.options.target)
        except Exception as bug:  # never leave the caller waiting
            failed = error("INTERNAL", f"the training thread failed: {bug!r}")
        with self._lock:
            self._error = failed
            self._over = True
            self._to_caller.notify_all()

    def _run_stream(self) -> Optional[DescentError]:
        """From its start to its end: None if the session ended in order."""
        with self._lock:
            start = self._session.start()
            self._stream = stream = _Stream()
        call = self._connection.train(self._requests(stream, start))
        with self._lock:
            stream.call = call
        if self._cancelled.is_set():
            call.cancel()
        try:
            for response in call:
                self._hear(stream, response)
        except grpc.RpcError as call_error:
            return failure(call_error)
        finally:
            call.cancel()
            with self._lock:
                stream.ended = True
                self._to_sender.notify_all()
        with self._lock:
            if stream.half_closed and self._session.all_applied:
                return None
        return error("UNAVAILABLE", "the server ended the stream too early")

    def _hear(self, stream: _Stream, response: Any) -> None:
        with self._lock:
            first = not stream.ready
            self._session.hear(response, first)
            stream.ready = True
            if first:
                self._to_sender.notify_all()
                self._to_caller.notify()
            # A caller who waits for room is woken when there is room for several batches.
            elif self._session.has_much_room:
                self._to_caller.notify()

    def _requests(self, stream: _Stream, start: bytes) -> Iterator[bytes]:
        """What gRPC sends, on a thread of its own."""
        yield start
        while True:
            with self._lock:
                while True:
                    if stream.ended:
                        return
                    request = self._session.next_to_send() if stream.ready else None
                    if request is not None:
                        break
                    if self._finishing and stream.ready:
                        stream.half_closed = True
                        return
                    stream.sender_waits = True
                    self._to_sender.wait()
                    stream.sender_waits = False
            yield request


def train(connection: Connection, encoder: BatchEncoder, model: str, batches: Iterable[Any],
          session_name: Optional[str], expected_step: Optional[int], report: Report,
          on_ack: Optional[Callable[[Any], None]] = None) -> TrainingSummary:  # fmt: skip
    """Model.train. `on_ack` is told of each batch's acknowledgement, on another thread."""
    items = enumerate(batches)
    first = next(items, None)
    first_bytes = 0
    if first is not None:
        first_bytes = encoder.item(first[1], first[0])[0].size
        items = itertools.chain([first], items)  # type: ignore[assignment]
    session = Session(model, session_name, expected_step, connection.options, first_bytes, on_ack)
    run = TrainingRun(connection, session)
    try:
        skipped = run.wait_until_begun()
        _send_all(run, encoder, itertools.islice(items, skipped, None), report)
        run.finish(report)
    except KeyboardInterrupt:
        raise TrainingInterrupted(run.settle()) from None
    except Exception:  # of the iterator, of a batch, of the session
        run.settle()
        raise
    finally:
        run.cancel()
    summary = run.summary()
    report(summary)
    return summary


def _send_all(run: TrainingRun, encoder: BatchEncoder, items: Iterable[Any], report: Report) -> None:
    next_report = time.monotonic() + GLANCE
    for index, item in items:
        run.send(encoder.item(item, index)[0])
        if time.monotonic() >= next_report:
            report(run.summary())
            next_report = time.monotonic() + GLANCE


def _ignore(_: TrainingSummary) -> None:
    pass
