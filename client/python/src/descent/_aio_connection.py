"""A channel of gRPC's asyncio API, and calls on it."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Optional, TypeVar

import grpc
import grpc.aio

from ._connection import explain
from ._contract import METHODS
from ._failure import failure
from ._operations import Operation
from ._retry import Attempts
from .errors import DescentError
from .options import Options

T = TypeVar("T")


class AioConnection:
    """One connection, made with the first call, in whose event loop it stays."""

    def __init__(self, options: Options, credentials: Any) -> None:
        self.options = options
        self._credentials = credentials
        self._metadata = options.metadata()
        self._made: Any = None
        self._callables: dict[str, Any] = {}

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()

    @property
    def _channel(self) -> Any:
        if self._made is None:
            target, arguments = self.options.target, self.options.channel_arguments()
            if self._credentials is None:
                self._made = grpc.aio.insecure_channel(target, options=arguments)
            else:
                self._made = grpc.aio.secure_channel(target, self._credentials, options=arguments)
        return self._made

    def _callable(self, kind: str, method: str) -> Any:
        made = self._callables.get(method)
        if made is None:
            make = getattr(self._channel, kind)
            made = make(METHODS[method].path, response_deserializer=METHODS[method].response)
            self._callables[method] = made
        return made

    async def run(self, operation: Operation[T], timeout: Optional[float] = None) -> T:
        """Sends a call that is safe to repeat, as often as it takes."""
        stub = self._callable("unary_unary", operation.method)
        left = self.options.timeout if timeout is None else timeout
        attempts: Optional[Attempts] = None
        while True:
            begin = time.monotonic()
            try:
                answer = await stub(operation.request, timeout=left, metadata=self._metadata)
                break
            except grpc.RpcError as call_error:
                if attempts is None:
                    attempts = Attempts(self.options, left, begin)
                pause = self.pause_after(attempts, failure(call_error))
            await self.pause(pause)
            left = attempts.left()
        return operation.read(answer)

    def pause_after(self, attempts: Attempts, failed: DescentError) -> float:
        """As Attempts', and errors say which way they would have gone."""
        try:
            return attempts.pause_after(failed)
        except DescentError as final:
            raise explain(final, self.options.target) from None

    async def pause(self, seconds: float) -> None:
        """Waits, while a broken connection is being made again."""
        self._channel.get_state(try_to_connect=True)
        await asyncio.sleep(seconds)

    async def wait_until_ready(self, timeout: float) -> bool:
        try:
            await asyncio.wait_for(self._channel.channel_ready(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    def train(self) -> Any:
        """A training stream."""
        return self._callable("stream_stream", "Train")(metadata=self._metadata)

    def upload(self, method: str, timeout: float) -> Any:
        """A call of many requests and one answer."""
        stub = self._callable("stream_unary", method)
        return stub(timeout=timeout, metadata=self._metadata)

    def download(self, method: str, request: bytes, timeout: float) -> Any:
        """A call of one request and many answers."""
        stub = self._callable("unary_stream", method)
        return stub(request, timeout=timeout, metadata=self._metadata)
