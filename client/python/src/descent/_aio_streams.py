"""Training and evaluating over gRPC's asyncio API. What they decide is decided where the blocking API's is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Optional, Union

import grpc
import grpc.aio

from ._aio_connection import AioConnection
from ._batches import BatchEncoder
from ._arrays import Parts
from ._connection import explain
from ._evaluation import EvaluationBatches
from ._failure import failure
from ._operations import evaluation
from ._retry import Attempts
from ._session import GLANCE, PATIENCE, Session
from .errors import DescentError, error
from .results import Evaluation, TrainingSummary

Batches = Union[Iterable[Any], AsyncIterable[Any]]
Report = Callable[[TrainingSummary], None]

_OF_A_WRITE = "Internal error from Core"  # what gRPC says of one that failed


async def _each(batches: Batches) -> AsyncIterator[Any]:
    """Of either kind of iterator."""
    if isinstance(batches, AsyncIterable):
        async for item in batches:
            yield item
    else:
        for item in batches:
            yield item
            await asyncio.sleep(0)  # others, such as who sends, have their turn


class TrainingRun:
    """A session with its tasks: its own opens one stream after another and reads acknowledgements, one for
    each stream writes."""

    def __init__(self, connection: AioConnection, session: Session) -> None:
        self._connection = connection
        self._session = session
        self._to_writer = asyncio.Event()  # something to send, or nothing any more
        self._to_caller = asyncio.Event()  # ready, room, over
        self._finishing = False
        self._over = False
        self._error: Optional[DescentError] = None
        self._task = asyncio.ensure_future(self._run())

    async def wait_until_begun(self) -> int:
        """Waits until the server says where to go on: behind so many batches."""
        while not self._session.begun and not self._over:
            await _wait(self._to_caller)
        self._raise_error()
        return self._session.skipped

    async def send(self, batch: Parts) -> None:
        """Takes a batch. Waits while there is no room for it."""
        while not self._over and not self._session.has_room:
            await _wait(self._to_caller)
        self._raise_error()
        self._session.take(batch)
        self._to_writer.set()

    async def finish(self, report: Report) -> None:
        """Waits until everything is applied and durable."""
        self._finishing = True
        self._to_writer.set()
        while not self._over:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_wait(self._to_caller), GLANCE)
            report(self._session.summary())
        self._raise_error()

    async def settle(self) -> None:
        """Sees that what was taken is applied, as far as that can be had soon."""
        if self._session.begun:
            with contextlib.suppress(DescentError, asyncio.TimeoutError):
                await asyncio.wait_for(self.finish(lambda _: None), PATIENCE)

    async def cancel(self) -> None:
        """Ends everything now. The server drops what it has not applied."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def summary(self) -> TrainingSummary:
        return self._session.summary()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    async def _run(self) -> None:
        try:
            while True:
                ended = await self._run_stream()
                if ended is None:
                    break
                await self._connection.pause(self._session.pause_after(ended))
        except DescentError as final:
            self._error = explain(final, self._connection.options.target)
        except Exception as bug:  # never leave the caller waiting
            self._error = error("INTERNAL", f"the training task failed: {bug!r}")
        finally:
            self._over = True
            self._to_caller.set()

    async def _run_stream(self) -> Optional[DescentError]:
        """From its start to its end: None if the session ended in order."""
        call = self._connection.train()
        end = CallEnd(call)
        writer: Optional[asyncio.Task[bool]] = None
        try:
            await call.write(self._session.start())
            async for response in call:
                self._session.hear(response, first=writer is None)
                if writer is None:
                    writer = asyncio.ensure_future(self._write(call))
                    self._to_caller.set()
                elif self._session.has_much_room:
                    self._to_caller.set()
            if writer is not None and writer.done() and self._session.all_applied:
                return None
            return error("UNAVAILABLE", "the server ended the stream too early")
        except (grpc.RpcError, asyncio.InvalidStateError):  # the latter of a call that ended before its first write
            return await end.error()
        finally:
            call.cancel()
            if writer is not None:
                writer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writer

    async def _write(self, call: Any) -> bool:
        """The stream's batches until none will follow. False if the stream ended before."""
        try:
            while True:
                request = self._session.next_to_send()
                if request is not None:
                    await call.write(request)
                elif self._finishing:
                    await call.done_writing()
                    return True
                else:
                    await _wait(self._to_writer)
        except (grpc.RpcError, asyncio.InvalidStateError):  # whoever reads knows why
            return False


class CallEnd:
    """What a call failed with. To a write that meets its end gRPC's asyncio API gives an error of its own, and the
    call that one: in the place of its own, or until that is there too. So the first is noted when it comes."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._failed: Optional[DescentError] = None
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        details = _now(call.details())
        if self._failed is None and details != _OF_A_WRITE:
            code, metadata = _now(call.code()), _now(call.trailing_metadata())
            self._failed = failure(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details))

    async def error(self) -> DescentError:
        deadline = time.monotonic() + PATIENCE
        while self._failed is None and time.monotonic() < deadline:
            if self._call.done():
                self._note(self._call)
            await asyncio.sleep(0.001)
        return self._failed or error("UNAVAILABLE", "the connection broke during a write")


def _now(answer: Coroutine[Any, Any, Any]) -> Any:
    """Of what a call that has ended answers without waiting."""
    try:
        answer.send(None)
    except StopIteration as answered:
        return answered.value
    raise AssertionError("a call that has ended keeps its end to itself")


async def _wait(event: asyncio.Event) -> None:
    event.clear()
    await event.wait()


async def train(connection: AioConnection, encoder: BatchEncoder, model: str, batches: Batches,
                session_name: Optional[str], expected_step: Optional[int], report: Report,
                ) -> TrainingSummary:  # fmt: skip
    """Model.train."""
    items = _each(batches)
    index, run, skipped = 0, None, 0
    next_report = time.monotonic() + GLANCE
    try:
        async for item in items:
            if run is not None and index < skipped:
                index += 1
                continue
            parts, _ = encoder.item(item, index)
            if run is None:
                run = _open(connection, model, session_name, expected_step, parts.size)
                skipped = await run.wait_until_begun()
            if index >= skipped:
                await run.send(parts)
            index += 1
            if time.monotonic() >= next_report:
                report(run.summary())
                next_report = time.monotonic() + GLANCE
        if run is None:
            run = _open(connection, model, session_name, expected_step, 0)
            await run.wait_until_begun()
        await run.finish(report)
    except Exception:  # of the iterator, of a batch, of the session
        if run is not None:
            await run.settle()
        raise
    finally:
        if run is not None:
            await run.cancel()
    summary = run.summary()
    report(summary)
    return summary


def _open(connection: AioConnection, model: str, name: Optional[str], expected_step: Optional[int],
          batch_bytes: int) -> TrainingRun:  # fmt: skip
    session = Session(model, name, expected_step, connection.options, batch_bytes)
    return TrainingRun(connection, session)


async def evaluate(connection: AioConnection, encoder: BatchEncoder, model: str, batches: Batches,
                   timeout: Optional[float]) -> Evaluation:  # fmt: skip
    """Model.evaluate."""
    if timeout is None:
        timeout = connection.options.timeout
    attempts = Attempts(connection.options, timeout, time.monotonic())
    requests = EvaluationBatches(encoder, model)
    fresh = _each(batches)
    while True:
        call = connection.upload("Evaluate", attempts.left())
        end = CallEnd(call)
        try:
            await _upload(call, requests, fresh)
            return evaluation(await call)
        except grpc.RpcError:
            failed = requests.with_batch(await end.error())
        finally:
            call.cancel()
        if not requests.can_begin_again:
            raise failed
        await connection.pause(connection.pause_after(attempts, failed))


async def _upload(call: Any, requests: EvaluationBatches, fresh: AsyncIterator[Any]) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):  # the call ended; its answer says why
        for request in list(requests.kept):
            await call.write(request)
        async for item in fresh:
            request = requests.take(item)
            if call.done():
                return
            await call.write(request)
        await call.done_writing()


async def upload(connection: AioConnection, method: str, requests: Iterable[bytes], timeout: float) -> Any:
    """The answer to many requests, sent once."""
    call = connection.upload(method, timeout)
    end = CallEnd(call)
    try:
        with contextlib.suppress(asyncio.InvalidStateError):  # the call ended; its answer says why
            for request in requests:
                await call.write(request)
            await call.done_writing()
        return await call
    except grpc.RpcError:
        raise await end.error() from None
    finally:
        call.cancel()
