"""A channel of the blocking API, and calls on it."""

from __future__ import annotations

import threading
import time
from typing import Any, Iterator, Optional, TypeVar

import grpc

from ._contract import METHODS
from ._failure import failure
from ._operations import Operation
from ._retry import Attempts
from ._target import proxy_of
from .errors import DescentError
from .options import Options

T = TypeVar("T")


def explain(failed: DescentError, target: str) -> DescentError:
    """Says to an error of a connection that can't be had which proxy it would go through."""
    if failed.code == "UNAVAILABLE" and not failed.reason:
        failed.message += proxy_of(target)
    return failed


class Connection:
    """One connection, made with the first call. Thread-safe."""

    def __init__(self, options: Options, credentials: Any) -> None:
        self.options = options
        self._metadata = options.metadata()
        arguments = options.channel_arguments()
        if credentials is None:
            self._channel = grpc.insecure_channel(options.target, options=arguments)
        else:
            self._channel = grpc.secure_channel(options.target, credentials, options=arguments)
        self._health = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        self._callables: dict[tuple[str, str], Any] = {}

    def close(self) -> None:
        self._channel.close()

    def _callable(self, kind: str, method: str) -> Any:
        made = self._callables.get((kind, method))
        if made is None:
            make = getattr(self._channel, kind)
            made = make(METHODS[method].path, response_deserializer=METHODS[method].response)
            self._callables[kind, method] = made
        return made

    def run(self, operation: Operation[T], timeout: Optional[float] = None) -> T:
        """Sends a call that is safe to repeat, as often as it takes."""
        stub = self._callable("unary_unary", operation.method)
        left = self.options.timeout if timeout is None else timeout
        attempts: Optional[Attempts] = None
        while True:
            begin = time.monotonic()
            try:
                answer = stub(operation.request, timeout=left, metadata=self._metadata)
                break
            except grpc.RpcError as call_error:
                if attempts is None:
                    attempts = Attempts(self.options, left, begin)
                pause = self.pause_after(attempts, failure(call_error))
            self.pause(pause)
            left = attempts.left()
        return operation.read(answer)

    def pause_after(self, attempts: Attempts, failed: DescentError) -> float:
        """As Attempts', and errors say which way they would have gone."""
        try:
            return attempts.pause_after(failed)
        except DescentError as final:
            raise explain(final, self.options.target) from None

    def pause(self, seconds: float, over: Optional[threading.Event] = None) -> None:
        """Waits, until `over` at most. A broken connection is being made again meanwhile: gRPC goes on with
        that only while there is a call."""
        knock = self._knock(seconds)
        try:
            if over is None:
                time.sleep(seconds)
            else:
                over.wait(seconds)
        finally:
            knock.cancel()

    def wait_until_ready(self, timeout: float) -> bool:
        try:
            self._knock(timeout).result()
        except grpc.RpcError as call_error:
            return call_error.code() not in (
                grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)  # fmt: skip
        return True

    def _knock(self, timeout: float) -> Any:
        """A health check that waits for a connection. What it answers is not asked."""
        return self._health.future(
            b"", timeout=timeout, metadata=self._metadata, wait_for_ready=True)  # fmt: skip

    def train(self, requests: Iterator[bytes]) -> Any:
        """A training stream: an iterator over answers."""
        return self._callable("stream_stream", "Train")(requests, metadata=self._metadata)

    def upload(self, method: str, requests: Iterator[bytes], timeout: float) -> Any:
        """A call of many requests and one answer, which is a future."""
        stub = self._callable("stream_unary", method)
        return stub.future(requests, timeout=timeout, metadata=self._metadata)

    def download(self, method: str, request: bytes, timeout: float) -> Any:
        """A call of one request: an iterator over answers."""
        stub = self._callable("unary_stream", method)
        return stub(request, timeout=timeout, metadata=self._metadata)


