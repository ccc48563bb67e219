"""The client for asyncio: that of `descent`, with each call awaited.

    async with descent.aio.Client("127.0.0.1:50051") as client:
        model = await client.create("house", network, exist_ok=True)
        await model.train(batches)  # of an iterator, or an asynchronous one
        answers = await asyncio.gather(*(model.predict(row[None]) for row in x))

A client belongs to the event loop of its first call.
"""

from __future__ import annotations

import itertools
from typing import Any, Callable, Coroutine, List, Mapping, Optional, TypeVar, Union

import grpc
import numpy.typing as npt

from . import _operations, client as _blocking, results
from ._aio_connection import AioConnection
from ._aio_streams import Batches, evaluate, train, upload
from ._batches import BatchEncoder
from ._failure import failure
from ._files import export_request, import_chunks, import_start, replacing
from ._operations import Gradients, Operation
from ._paging import Pages
from ._progress import Report, reporting
from .categories import CategoriesByName
from .errors import AlreadyExistsError, DescentError, error
from .network import Network
from .optimizers import Adam, Optimizer
from .options import Options, Path, RetryPolicy, from_environment

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])


def _as(blocking: Any) -> Callable[[Method], Method]:
    """Documents a method by the blocking one."""

    def document(method: Method) -> Method:
        method.__doc__ = blocking.__doc__
        return method

    return document


class Client:
    __doc__ = _blocking.Client.__doc__

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        token: Optional[str] = None,
        tls: bool = False,
        tls_ca: Optional[Path] = None,
        tls_certificate: Optional[Path] = None,
        tls_key: Optional[Path] = None,
        timeout: float = 60.0,
        retry: RetryPolicy = RetryPolicy(),
        max_message_bytes: int = 64 << 20,
        keepalive: float = 360.0,
        on_retry: Optional[Callable[[DescentError, float], None]] = None,
    ) -> None:
        options = Options(
            target, token, tls, tls_ca, tls_certificate, tls_key, timeout, retry,
            max_message_bytes, keepalive, on_retry)  # fmt: skip
        credentials = options.credentials()
        self._calls = AioConnection(options, credentials)
        self._training = AioConnection(options, credentials)

    @classmethod
    def from_environment(cls, **given: Any) -> Client:
        return cls(**from_environment(given))

    from_environment.__func__.__doc__ = _blocking.Client.from_environment.__doc__  # type: ignore[attr-defined]

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Client({self.target!r})"

    @property
    def target(self) -> str:
        return self._calls.options.target

    @_as(_blocking.Client.close)
    async def close(self) -> None:
        await self._calls.close()
        await self._training.close()

    @_as(_blocking.Client.wait_until_ready)
    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        if not await self._calls.wait_until_ready(timeout):
            raise error("UNAVAILABLE", f"no connection to {self.target} within {timeout:g} s")

    @_as(_blocking.Client.create)
    async def create(
        self,
        name: str,
        network: Network,
        optimizer: Union[str, Optimizer] = Adam(),
        *,
        exist_ok: bool = False,
        durability: Optional[str] = None,
        labels: Optional[Mapping[str, str]] = None,
        client_data: str = "",
    ) -> Model:
        operation = _operations.create(name, network, optimizer, durability, labels, client_data)
        try:
            return Model(self, await self._calls.run(operation))
        except AlreadyExistsError as taken:
            if not exist_ok:
                raise
            model = await self.model(name)
            _operations.check_same_network(network, model.network, taken)
            return model

    @_as(_blocking.Client.import_model)
    async def import_model(
        self,
        path: Path,
        name: str,
        network: Optional[Network] = None,
        optimizer: Union[str, Optimizer, None] = None,
        *,
        durability: Optional[str] = None,
        labels: Optional[Mapping[str, str]] = None,
        client_data: str = "",
        format: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Model:
        start = import_start(path, name, network, optimizer, durability, labels, client_data, format)  # fmt: skip
        limit = self._calls.options.timeout if timeout is None else timeout
        with open(path, "rb") as file:
            requests = itertools.chain((start,), import_chunks(file))
            answer = await upload(self._calls, "ImportModel", requests, limit)
        return Model(self, answer.model)

    @_as(_blocking.Client.model)
    async def model(self, name: str) -> Model:
        return Model(self, await self._calls.run(_operations.get(name)))

    @_as(_blocking.Client.models)
    async def models(self) -> List[results.ModelInfo]:
        models = await self._all("models", _operations.list_models)
        return [_operations.model_info(model) for model in models]

    @_as(_blocking.Client.delete)
    async def delete(self, name: str, *, missing_ok: bool = False) -> None:
        try:
            await self._calls.run(_operations.delete(name))
        except LookupError:
            if not missing_ok:
                raise

    async def _all(self, field: str, page: Callable[[str], Operation[Any]]) -> List[Any]:
        pages = Pages(field)
        while pages.take(await self._calls.run(page(pages.token))):
            pass
        return pages.items


class Model:
    """A model on a server: made by `Client.create` and `Client.model`.

    Attributes:
        name: its name.
        network: what it computes, with `network.inputs` and `network.outputs`.
    """

    def __init__(self, client: Client, message: Any) -> None:
        self._client = client
        self._encoder = BatchEncoder(message.network)
        self.name: str = message.name
        self.network = Network.from_message(message.network)

    def __repr__(self) -> str:
        return f"<Model {self.name!r} at {self._client.target}>"

    async def _run(self, operation: Operation[T], timeout: Optional[float] = None) -> T:
        with self._encoder.naming():
            return await self._client._calls.run(operation, timeout)

    # Computing.

    @_as(_blocking.Model.predict)
    async def predict(
        self,
        x: Optional[npt.ArrayLike] = None,
        *,
        categories: Optional[CategoriesByName] = None,
        raw_outputs: bool = False,
        timeout: Optional[float] = None,
    ) -> results.Array:
        operation = _operations.predict(self.name, self._encoder, x, categories, raw_outputs)
        return await self._run(operation, timeout)

    @_as(_blocking.Model.forward)
    async def forward(
        self,
        x: Optional[npt.ArrayLike] = None,
        *,
        categories: Optional[CategoriesByName] = None,
        timeout: Optional[float] = None,
    ) -> results.ForwardResult:
        return await self._run(_operations.forward(self.name, self._encoder, x, categories), timeout)

    @_as(_blocking.Model.gradient)
    async def gradient(
        self,
        x: Optional[npt.ArrayLike] = None,
        y: Optional[npt.ArrayLike] = None,
        *,
        output_gradient: Optional[npt.ArrayLike] = None,
        input_gradient: bool = False,
        weights: Optional[npt.ArrayLike] = None,
        training: bool = False,
        categories: Optional[CategoriesByName] = None,
        timeout: Optional[float] = None,
    ) -> results.GradientResult:
        operation = _operations.gradient(
            self.name, self._encoder, x, y, output_gradient, input_gradient, weights, training,
            categories)  # fmt: skip
        return await self._run(operation, timeout)

    @_as(_blocking.Model.step)
    async def step(
        self,
        x: Optional[npt.ArrayLike] = None,
        y: Optional[npt.ArrayLike] = None,
        weights: Optional[npt.ArrayLike] = None,
        *,
        categories: Optional[CategoriesByName] = None,
        gradients: Optional[Gradients] = None,
        base_step: Optional[int] = None,
        max_staleness: Optional[int] = None,
        learning_rate: Optional[float] = None,
        expected_step: Optional[int] = None,
        timeout: Optional[float] = None,
    ) -> results.StepResult:
        operation = _operations.step(
            self.name, self._encoder, x, y, weights, categories, gradients, base_step,
            max_staleness, learning_rate, expected_step)  # fmt: skip
        return await self._run(operation, timeout)

    async def train(
        self,
        batches: Batches,
        session: Optional[str] = None,
        progress: Union[bool, Report, None] = None,
        *,
        expected_step: Optional[int] = None,
    ) -> results.TrainingSummary:
        """Trains on a stream of batches, each one update, applied exactly once.

        Batches are sent ahead, as far as the server's window and 64 MiB go. When the connection breaks or the
        server is started again, training goes on where the server stands, without losing a batch or applying one
        twice; it gives up when the client's `retry.give_up_after` has passed without the server.

        Args:
            batches: any iterable or asynchronous iterable of (x, y), of (x, y, weights) or of dicts with `y` and any of
                `x`, `weights` and `categories`, as of `step`.
            session: names this run, so that another process can go on with it after this one has ended: given
                the same name and the same batches from the first one on, it skips those that were applied.
            progress: True shows a bar (with tqdm); a function is called with a TrainingSummary some times a second.
            expected_step: the model's step before; if it differs AbortedError (`STEP_MISMATCH`).

        Returns:
            Where training stands. Everything is applied by then, and as durable as the model promises.

        Errors about a batch say which in `batch_index`; what came before it is applied. So it is when the iterator
        raises. Cancelling ends the stream at once: the last batches may not be applied.
        """
        with self._encoder.naming(), reporting(progress, batches) as report:
            return await train(self._client._training, self._encoder, self.name, batches, session,
                               expected_step, report)  # fmt: skip

    @_as(_blocking.Model.evaluate)
    async def evaluate(
        self, batches: Batches, *, timeout: Optional[float] = None
    ) -> results.Evaluation:
        with self._encoder.naming():
            return await evaluate(self._client._calls, self._encoder, self.name, batches, timeout)

    # State.

    @_as(_blocking.Model.info)
    async def info(self) -> results.ModelInfo:
        return _operations.model_info(await self._run(_operations.get(self.name)))

    @property
    def step_count(self) -> Coroutine[Any, Any, int]:
        """The number of updates applied so far. Asks the server: `await model.step_count`."""
        return self._number("step")

    @property
    def state_hash(self) -> Coroutine[Any, Any, int]:
        """A hash of parameters and optimizer state: equal bits, equal hash. Asks the server:
        `await model.state_hash`."""
        return self._number("state_hash")

    async def _number(self, field: str) -> int:
        return int(getattr(await self._run(_operations.get(self.name)), field))

    @_as(_blocking.Model.parameters)
    async def parameters(self) -> dict[str, results.Array]:
        return await self._run(_operations.parameters(self.name))

    @_as(_blocking.Model.set_parameters)
    async def set_parameters(
        self,
        parameters: Mapping[str, npt.ArrayLike],
        *,
        expected_step: Optional[int] = None,
        keep_optimizer_state: bool = False,
    ) -> int:
        return await self._run(_operations.set_parameters(
            self.name, parameters, expected_step, keep_optimizer_state))  # fmt: skip

    @_as(_blocking.Model.update)
    async def update(
        self,
        *,
        optimizer: Optional[Optimizer] = None,
        durability: Optional[str] = None,
        labels: Optional[Mapping[str, str]] = None,
        client_data: Optional[str] = None,
    ) -> results.ModelInfo:
        operation = _operations.update(self.name, optimizer, durability, labels, client_data)
        return _operations.model_info(await self._run(operation))

    @_as(_blocking.Model.history)
    async def history(self, after_step: int = 0) -> List[results.HistoryPoint]:
        points = await self._client._all(
            "points", lambda token: _operations.list_history(self.name, after_step, token))  # fmt: skip
        return [_operations.history_point(point) for point in points]

    @_as(_blocking.Model.checkpoint)
    async def checkpoint(self) -> results.Checkpoint:
        return await self._run(_operations.create_checkpoint(self.name))

    @_as(_blocking.Model.checkpoints)
    async def checkpoints(self) -> List[results.Checkpoint]:
        found = await self._client._all(
            "checkpoints", lambda token: _operations.list_checkpoints(self.name, token))  # fmt: skip
        return [_operations.checkpoint(checkpoint) for checkpoint in found]

    @_as(_blocking.Model.restore)
    async def restore(self, step: int, *, expected_step: Optional[int] = None) -> results.ModelInfo:
        operation = _operations.restore_checkpoint(self.name, step, expected_step)
        return _operations.model_info(await self._run(operation))

    @_as(_blocking.Model.delete_checkpoint)
    async def delete_checkpoint(self, step: int) -> None:
        await self._run(_operations.delete_checkpoint(self.name, step))

    @_as(_blocking.Model.export)
    async def export(
        self,
        path: Path,
        *,
        format: Optional[str] = None,
        include_optimizer: bool = False,
        timeout: Optional[float] = None,
    ) -> None:
        request = export_request(self.name, path, format, include_optimizer)
        calls = self._client._calls
        limit = calls.options.timeout if timeout is None else timeout
        with replacing(path) as file:
            try:
                async for part in calls.download("ExportModel", request, limit):
                    file.write(part.chunk)
            except grpc.RpcError as call_error:
                raise failure(call_error) from None

    @_as(_blocking.Model.delete)
    async def delete(self) -> None:
        await self._client.delete(self.name)
