"""The blocking client.

    with descent.Client("127.0.0.1:50051") as client:
        model = client.create("house", Network(13, [Dense(64, "relu"), Dense(1)]))
        model.train(batches)
        model.predict(x)

Shapes are numpy's: n is the number of rows of a batch, `inputs` of features, `outputs` of outputs. Anything that
numpy takes for an array will do where an array is asked for: lists, data frames, tensors of PyTorch on the CPU.
"""

from __future__ import annotations

import itertools
from typing import Any, Callable, Iterable, List, Mapping, Optional, TypeVar, Union

import grpc
import numpy.typing as npt

from . import _operations, results
from ._batches import BatchEncoder
from ._connection import Connection
from ._evaluation import evaluate
from ._failure import failure
from ._files import export_request, import_chunks, import_start, replacing
from ._operations import Gradients, Operation
from ._paging import Pages
from ._progress import Report, reporting
from ._training import train
from .categories import CategoriesByName
from .errors import AlreadyExistsError, DescentError, error
from .network import Network
from .optimizers import Adam, Optimizer
from .options import Options, Path, RetryPolicy, from_environment

T = TypeVar("T")


class Client:
    """A connection to a descentd, made with the first call. Thread-safe; a context manager.

    Every call has a timeout, and is tried again with growing pauses when the server can't be reached or asks to
    be called later, so that calls ride out a server that is started again. That is safe: reads change nothing, and
    calls that change something carry an id by which the server knows a repeat. Errors are `descent.DescentError`.

    Args:
        target: HOST:PORT, or what else gRPC resolves: "dns:///descent.example:50051",
            "unix:/run/descent.socket". This machine's own addresses are reached without a proxy.
        token: who this is, to a server that asks. Goes in plaintext to this machine alone.
        tls: encrypt, and check who the server is. The other options of TLS imply it.
        tls_ca: a PEM file of the authorities that the server's certificate may be of; else the system's.
        tls_certificate: your own certificate in PEM, for a server that asks for one.
        tls_key: its private key in PEM.
        timeout: seconds that a call may take, all its attempts and pauses together. Of training it is no limit.
        retry: how often and how long to try again.
        max_message_bytes: the largest message sent or received; the server has a limit of its own.
        keepalive: seconds after which a silent connection that carries a call is probed.
        on_retry: told before each pause why something is tried again, and for how many seconds it has been.
    """

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
        self._calls = Connection(options, credentials)
        # Other calls would wait behind the batches of a training stream.
        self._training = Connection(options, credentials)

    @classmethod
    def from_environment(cls, **given: Any) -> Client:
        """A client as the command `descent` would be one: of $DESCENT_SERVER, $DESCENT_TOKEN or $DESCENT_TOKEN_FILE,
        $DESCENT_TLS, $DESCENT_TLS_CA, $DESCENT_TLS_CERTIFICATE and $DESCENT_TLS_KEY. Arguments that are given come
        before them."""
        return cls(**from_environment(given))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.target!r})"

    @property
    def target(self) -> str:
        return self._calls.options.target

    def close(self) -> None:
        """Ends the connections, and with them the calls that are on their way."""
        self._calls.close()
        self._training.close()

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Waits until there is a connection. UnavailableError if there is none after `timeout` seconds."""
        if not self._calls.wait_until_ready(timeout):
            raise error("UNAVAILABLE", f"no connection to {self.target} within {timeout:g} s")

    def create(
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
        """Makes a model, with initial parameters and at step 0.

        Args:
            name: lower-case letters, digits, `.`, `_`, `-`, beginning with a letter; at most 63.
            network: what it computes.
            optimizer: how it learns, or a word for it: "adam", "sgd", …
            exist_ok: whether a model of that name is taken instead, if its network is this one.
            durability: what a crash of the server may take back: "journal" (nothing that was acknowledged, unless
                said otherwise), "checkpoint" or "memory".
            labels: the owner's notes.
            client_data: any text to be kept with it.

        AlreadyExistsError if there is a model of that name, or with `exist_ok` one of another network.
        """
        operation = _operations.create(name, network, optimizer, durability, labels, client_data)
        try:
            return Model(self, self._calls.run(operation))
        except AlreadyExistsError as taken:
            if not exist_ok:
                raise
            return self._existing(name, network, taken)

    def _existing(self, name: str, network: Network, taken: DescentError) -> Model:
        model = self.model(name)
        _operations.check_same_network(network, model.network, taken)
        return model

    def import_model(
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
        """Makes a model from a file of a standard format: all of it, or none.

        Args:
            path: what `Model.export` wrote, which says all of the model, or a file from elsewhere, such as
                safetensors of a PyTorch `state_dict`, or ONNX.
            name: the new model's.
            network: for a file that does not say it; goes before what the file says.
            optimizer: the same. Of another kind than the file's it begins afresh.
            durability: as of `create`; never the file's.
            labels: in the place of the file's.
            client_data: the same.
            format: "safetensors" or "onnx"; else by the file's ending.
            timeout: seconds; else the client's.

        AlreadyExistsError if there is a model of that name. ValueError (INVALID_ARGUMENT) names what is wrong with
        a file. Not tried again: an answer that is lost may be of a model that is there.
        """
        start = import_start(path, name, network, optimizer, durability, labels, client_data, format)  # fmt: skip
        limit = self._calls.options.timeout if timeout is None else timeout
        with open(path, "rb") as file:
            requests = itertools.chain((start,), import_chunks(file))
            try:
                answer = self._calls.upload("ImportModel", requests, limit).result()
            except grpc.RpcError as call_error:
                raise failure(call_error) from None
        return Model(self, answer.model)

    def model(self, name: str) -> Model:
        """The model of that name. NotFoundError if there is none."""
        return Model(self, self._calls.run(_operations.get(name)))

    def models(self) -> List[results.ModelInfo]:
        """All models that you may use, ordered by name."""
        models = self._all("models", _operations.list_models)
        return [_operations.model_info(model) for model in models]

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """Removes a model with everything that belongs to it.

        NotFoundError if there is none, unless `missing_ok`.
        """
        try:
            self._calls.run(_operations.delete(name))
        except LookupError:
            if not missing_ok:
                raise

    def _all(self, field: str, page: Callable[[str], Operation[Any]]) -> List[Any]:
        pages = Pages(field)
        while pages.take(self._calls.run(page(pages.token))):
            pass
        return pages.items


class Model:
    """A model on a server: made by `Client.create` and `Client.model`. Thread-safe.

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

    def _run(self, operation: Operation[T], timeout: Optional[float] = None) -> T:
        with self._encoder.naming():
            return self._client._calls.run(operation, timeout)

    # Computing.

    def predict(
        self,
        x: Optional[npt.ArrayLike] = None,
        *,
        categories: Optional[CategoriesByName] = None,
        raw_outputs: bool = False,
        timeout: Optional[float] = None,
    ) -> results.Array:
        """Answers for inputs.

        Args:
            x: `[n, inputs]`; None for a network without numeric inputs.
            categories: what the rows have for each categorical input, by its name: an array or list of ids, or of texts
                where the network hashes; for any number of them a row a list of lists, or `descent.Categories`.
            raw_outputs: whether to answer with the network's outputs as they are.
            timeout: seconds; else the client's.

        Returns:
            `[n, outputs]`, in the targets' terms: probabilities for losses of classes, rates for poisson.
        """
        operation = _operations.predict(self.name, self._encoder, x, categories, raw_outputs)
        return self._run(operation, timeout)

    def forward(
        self,
        x: Optional[npt.ArrayLike] = None,
        *,
        categories: Optional[CategoriesByName] = None,
        timeout: Optional[float] = None,
    ) -> results.ForwardResult:
        """Every layer's values for inputs `[n, inputs]` and `categories` as of `predict`."""
        return self._run(_operations.forward(self.name, self._encoder, x, categories), timeout)

    def gradient(
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
        """The gradient of the loss by back-propagation. Changes nothing.

        Args:
            x: `[n, inputs]`; None for a network without numeric inputs.
            y: targets, as of `step`; or else
            output_gradient: dL/dw `[n, outputs]` of a loss L computed elsewhere, as by a network downstream.
            input_gradient: whether to answer with dL/dx `[n, inputs]`, for a network upstream.
            weights: of the rows, `[n]`, >= 0.
            training: whether it is the gradient that `step` would apply at this step, with its dropout.
            categories: as of `predict`. Gradients of their tables are rows, in the result's `sparse`.
            timeout: seconds; else the client's.
        """
        operation = _operations.gradient(
            self.name, self._encoder, x, y, output_gradient, input_gradient, weights, training,
            categories)  # fmt: skip
        return self._run(operation, timeout)

    def step(
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
        """One update, from a batch or from gradients computed elsewhere. For many of them use `train`.

        Args:
            x: `[n, inputs]`; None for a network without numeric inputs.
            y: targets `[n, outputs]`, or `[n]` where there is one output. For losses of classes also integers
                `[n]`, each the number of a class.
            weights: of the rows, `[n]`, >= 0.
            categories: as of `predict`.
            gradients: instead of a batch, what `gradient` gave; or the gradient of every parameter by name, of tables of
                categorical inputs as `descent.SparseRows`.
            base_step: the step of the parameters that they were computed at. What `gradient` gave knows its own.
            max_staleness: how many updates may have come since then; else AbortedError (`STALE_GRADIENTS`).
            learning_rate: in the place of the schedule's.
            expected_step: the model's step before; if it differs AbortedError (`STEP_MISMATCH`).
            timeout: seconds; else the client's.

        FailedPreconditionError (`NON_FINITE_UPDATE`) if it would not stay finite: nothing is changed.
        """
        operation = _operations.step(
            self.name, self._encoder, x, y, weights, categories, gradients, base_step,
            max_staleness, learning_rate, expected_step)  # fmt: skip
        return self._run(operation, timeout)

    def train(
        self,
        batches: Iterable[Any],
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
            batches: any iterable of (x, y), of (x, y, weights) or of dicts with `y` and any of `x`, `weights` and
                `categories`, as of `step`: a list, a generator, a DataLoader. Taken on the calling thread.
            session: names this run, so that another process can go on with it after this one has ended: given
                the same name and the same batches from the first one on, it skips those that were applied.
            progress: True shows a bar (with tqdm); a function is called with a TrainingSummary some times a second.
            expected_step: the model's step before; if it differs AbortedError (`STEP_MISMATCH`).

        Returns:
            Where training stands. Everything is applied by then, and as durable as the model promises.

        Errors about a batch say which in `batch_index`; what came before it is applied. So it is when the iterator
        raises, and on Ctrl-C, which raises `descent.TrainingInterrupted` with a summary.
        """
        with self._encoder.naming(), reporting(progress, batches) as report:
            return train(self._client._training, self._encoder, self.name, batches, session,
                         expected_step, report)  # fmt: skip

    def evaluate(
        self, batches: Iterable[Any], *, timeout: Optional[float] = None
    ) -> results.Evaluation:
        """Loss and metrics over batches, as of `train`, all at one step."""
        with self._encoder.naming():
            return evaluate(self._client._calls, self._encoder, self.name, batches, timeout)

    # State.

    def info(self) -> results.ModelInfo:
        """The model as it is now."""
        return _operations.model_info(self._run(_operations.get(self.name)))

    @property
    def step_count(self) -> int:
        """The number of updates applied so far. Asks the server."""
        return int(self._run(_operations.get(self.name)).step)

    @property
    def state_hash(self) -> int:
        """A hash of parameters and optimizer state: equal bits, equal hash. Asks the server."""
        return int(self._run(_operations.get(self.name)).state_hash)

    def parameters(self) -> dict[str, results.Array]:
        """All parameters by name: `layers.<i>.kernel` `[inputs, units]`, `layers.<i>.bias` `[units]`, …, and
        of categorical inputs `embeddings.<name>` `[buckets, dimension]`."""
        return self._run(_operations.parameters(self.name))

    def set_parameters(
        self,
        parameters: Mapping[str, npt.ArrayLike],
        *,
        expected_step: Optional[int] = None,
        keep_optimizer_state: bool = False,
    ) -> int:
        """Replaces parameters, those that are named, each in its shape. Counts as one update.

        Args:
            parameters: values by name, as of `parameters`.
            expected_step: the model's step before; if it differs AbortedError (`STEP_MISMATCH`).
            keep_optimizer_state: whether momentum and the like stay; else they start afresh.

        Returns:
            The step after it.
        """
        return self._run(_operations.set_parameters(
            self.name, parameters, expected_step, keep_optimizer_state))  # fmt: skip

    def update(
        self,
        *,
        optimizer: Optional[Optimizer] = None,
        durability: Optional[str] = None,
        labels: Optional[Mapping[str, str]] = None,
        client_data: Optional[str] = None,
    ) -> results.ModelInfo:
        """Changes what is given of the model; never its network. Does not count as an update.

        An optimizer of the same kind goes on with its state, another starts afresh.
        """
        return _operations.model_info(self._run(
            _operations.update(self.name, optimizer, durability, labels, client_data)))  # fmt: skip

    def history(self, after_step: int = 0) -> List[results.HistoryPoint]:
        """How training went: some hundred points, of later steps than `after_step`, in their order."""
        points = self._client._all(
            "points", lambda token: _operations.list_history(self.name, after_step, token))  # fmt: skip
        return [_operations.history_point(point) for point in points]

    def checkpoint(self) -> results.Checkpoint:
        """Saves all of the model's state under its step, until it is deleted."""
        return self._run(_operations.create_checkpoint(self.name))

    def checkpoints(self) -> List[results.Checkpoint]:
        """The checkpoints that there are, newest first."""
        found = self._client._all(
            "checkpoints", lambda token: _operations.list_checkpoints(self.name, token))  # fmt: skip
        return [_operations.checkpoint(checkpoint) for checkpoint in found]

    def restore(self, step: int, *, expected_step: Optional[int] = None) -> results.ModelInfo:
        """Goes back to the checkpoint of that step, to the bit. NotFoundError if there is none."""
        operation = _operations.restore_checkpoint(self.name, step, expected_step)
        return _operations.model_info(self._run(operation))

    def delete_checkpoint(self, step: int) -> None:
        """Removes the checkpoint of that step. NotFoundError if there is none."""
        self._run(_operations.delete_checkpoint(self.name, step))

    def export(
        self,
        path: Path,
        *,
        format: Optional[str] = None,
        include_optimizer: bool = False,
        timeout: Optional[float] = None,
    ) -> None:
        """Writes the model as a file of a standard format: a whole one, or none.

        Args:
            path: where to.
            format: "safetensors" or "onnx"; else by the file's ending.
            include_optimizer: whether the optimizer's state goes into it; safetensors only.
            timeout: seconds; else the client's.
        """
        request = export_request(self.name, path, format, include_optimizer)
        calls = self._client._calls
        limit = calls.options.timeout if timeout is None else timeout
        with replacing(path) as file:
            try:
                for part in calls.download("ExportModel", request, limit):
                    file.write(part.chunk)
            except grpc.RpcError as call_error:
                raise failure(call_error) from None

    def delete(self) -> None:
        """Removes the model with everything that belongs to it."""
        self._client.delete(self.name)
