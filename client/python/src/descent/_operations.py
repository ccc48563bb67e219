"""Every call of one request: how its request is made and its answer read. Neither API does more about it
than sending it."""

from __future__ import annotations

import datetime
import functools
import uuid
from typing import Any, Callable, Generic, Mapping, Optional, TypeVar, Union

import numpy as np
import numpy.typing as npt

from . import _arrays, results
from ._batches import BatchEncoder
from ._contract import DURABILITIES, METHODS, message_class
from .categories import CategoriesByName
from .errors import DescentError, invalid
from .network import Network
from .optimizers import Optimizer, as_optimizer

T = TypeVar("T")


class Operation(Generic[T]):
    """A unary call, and what its answer is to its caller."""

    __slots__ = ("method", "request", "read")

    def __init__(self, method: str, request: bytes, read: Callable[[Any], T]) -> None:
        self.method = method
        self.request = request
        self.read = read


def request_id() -> str:
    """Random: by it the server knows a repeat of a call, and gives the first answer again."""
    return uuid.uuid4().hex


def _operation(method: str, read: Callable[[Any], T], parts: Optional[_arrays.Parts] = None,
               **fields: Any) -> Operation[T]:  # fmt: skip
    """Of a request with these fields, and with those that are written in `parts`."""
    if METHODS[method].changes:
        fields.setdefault("request_id", request_id())
    request = message_class(f"{method}Request")(**fields).SerializeToString()
    if parts is not None:
        request = (_arrays.of_bytes(request) + parts).joined()
    return Operation(method, request, read)


# Models.


def create(name: str, network: Network, optimizer: Union[str, Optimizer], durability: Optional[str],
           labels: Optional[Mapping[str, str]], client_data: str) -> Operation[Any]:  # fmt: skip
    model = message_class("Model")(
        name=name,
        network=network.to_message(),
        optimizer=as_optimizer(optimizer).to_message(),
        labels=labels or {},
        client_data=client_data,
        durability=0 if durability is None else DURABILITIES.number(durability),
    )
    return _operation("CreateModel", lambda answer: answer.model, model=model)


def get(name: str) -> Operation[Any]:
    return _operation("GetModel", lambda answer: answer.model, name=name)


def list_models(page_token: str) -> Operation[Any]:
    return _operation("ListModels", lambda answer: answer, page_token=page_token, page_size=1000)


def delete(name: str) -> Operation[None]:
    return _operation("DeleteModel", lambda answer: None, name=name)


def update(name: str, optimizer: Optional[Optimizer], durability: Optional[str],
           labels: Optional[Mapping[str, str]], client_data: Optional[str]) -> Operation[Any]:  # fmt: skip
    model = message_class("Model")(name=name)
    mask = []
    if optimizer is not None:
        model.optimizer.CopyFrom(optimizer.to_message())
        mask.append("optimizer")
    if durability is not None:
        model.durability = DURABILITIES.number(durability)
        mask.append("durability")
    if labels is not None:
        model.labels.update(labels)
        mask.append("labels")
    if client_data is not None:
        model.client_data = client_data
        mask.append("client_data")
    if not mask:
        raise invalid("update", "expected something to change")
    return _operation(
        "UpdateModel", lambda answer: answer.model, model=model, update_mask={"paths": mask}
    )


def model_info(model: Any) -> results.ModelInfo:
    return results.ModelInfo(
        name=model.name,
        network=Network.from_message(model.network),
        optimizer=Optimizer.from_message(model.optimizer),
        step=model.step,
        durable_step=model.durable_step,
        parameter_count=model.parameter_count,
        create_time=_time(model.create_time),
        update_time=_time(model.update_time),
        durability=DURABILITIES.word(model.durability),
        labels=dict(model.labels),
        last_loss=model.last_loss,
        state_hash=model.state_hash,
        client_data=model.client_data,
    )


# Computing.


def predict(model: str, encoder: BatchEncoder, x: Optional[npt.ArrayLike],
            categories: Optional[CategoriesByName], raw_outputs: bool,
            ) -> Operation[results.Array]:  # fmt: skip
    inputs, written, _ = encoder.inputs(x, categories, 2, 10)
    head = _predict_head(model, raw_outputs)
    return Operation("Predict", b"".join((head, *inputs.pieces, *written.pieces)), _outputs)


@functools.lru_cache(maxsize=256)
def _predict_head(model: str, raw_outputs: bool) -> bytes:
    """What a request has besides its inputs: the same for each of a model's."""
    request = message_class("PredictRequest")(model=model, raw_outputs=raw_outputs)
    return request.SerializeToString()  # type: ignore[no-any-return]


def _outputs(answer: Any) -> results.Array:
    return _arrays.to_array(answer.outputs)


def forward(model: str, encoder: BatchEncoder, x: Optional[npt.ArrayLike],
            categories: Optional[CategoriesByName]) -> Operation[results.ForwardResult]:  # fmt: skip
    inputs, written, _ = encoder.inputs(x, categories, 2, 10)

    def read(answer: Any) -> results.ForwardResult:
        return results.ForwardResult(
            step=answer.step,
            outputs=_arrays.to_array(answer.outputs),
            layers={
                layer.name: results.LayerValues(
                    _optional(layer, "pre_activation"), _arrays.to_array(layer.activation)
                )
                for layer in answer.layers
            },
        )

    return _operation("Forward", read, inputs + written, model=model)


def gradient(model: str, encoder: BatchEncoder, x: Optional[npt.ArrayLike],
             y: Optional[npt.ArrayLike], output_gradient: Optional[npt.ArrayLike],
             input_gradient: bool, weights: Optional[npt.ArrayLike], training: bool,
             categories: Optional[CategoriesByName]) -> Operation[results.GradientResult]:  # fmt: skip
    parts, written, _ = encoder.inputs(x, categories, 2, 10)
    if y is not None:
        parts += _arrays.tensor_field(3, encoder.targets(y), "targets")
    if output_gradient is not None:
        if y is not None:
            raise invalid("output_gradient", "expected y or output_gradient, got both")
        parts += _arrays.tensor_field(4, output_gradient, "output_gradient")
    if weights is not None:
        parts += _arrays.tensor_field(5, weights, "weights")
    parts += written

    def read(answer: Any) -> results.GradientResult:
        return results.GradientResult(
            step=answer.step,
            loss=answer.loss,
            gradient_norm=answer.gradient_norm,
            gradients=_arrays.arrays_by_name(answer.gradients),
            input_gradient=_optional(answer, "input_gradient"),
            sparse={item.name: _sparse_rows(item) for item in answer.sparse_gradients},
        )

    return _operation("Gradient", read, parts, model=model, input_gradient=input_gradient,
                      training=training)  # fmt: skip


# What `Model.step` takes in the place of a batch.
Gradients = Union[results.GradientResult, Mapping[str, Union[npt.ArrayLike, results.SparseRows]]]


def step(model: str, encoder: BatchEncoder, x: Optional[npt.ArrayLike], y: Optional[npt.ArrayLike],
         weights: Optional[npt.ArrayLike], categories: Optional[CategoriesByName],
         gradients: Optional[Gradients], base_step: Optional[int], max_staleness: Optional[int],
         learning_rate: Optional[float], expected_step: Optional[int],
         ) -> Operation[results.StepResult]:  # fmt: skip
    if gradients is None:
        if y is None or (x is None and categories is None):
            raise invalid("step", "expected x and y, or gradients and base_step")
        parts = _arrays.field(2, encoder.batch(x, y, weights, categories)[0])
    else:
        if any(given is not None for given in (x, y, weights, categories)):
            raise invalid("gradients", "expected a batch, or gradients, got both")
        if isinstance(gradients, results.GradientResult):
            base_step = gradients.step if base_step is None else base_step
            gradients = {**gradients.gradients, **gradients.sparse}
        if base_step is None:
            raise invalid("base_step", "expected the step that the gradients were computed at")
        limits = message_class("GradientUpdate")(base_step=base_step, max_staleness=max_staleness)
        parts = _arrays.field(
            3, _arrays.of_bytes(limits.SerializeToString()) + _gradients(encoder, gradients)
        )
    return _operation("Step", _step_result, parts, model=model, learning_rate=learning_rate,
                      expected_step=expected_step)  # fmt: skip


def _gradients(encoder: BatchEncoder, given: Mapping[str, Any]) -> _arrays.Parts:
    """Fields of GradientUpdate."""
    dense = {name: value for name, value in given.items() if name not in encoder.tables}
    for name, value in dense.items():
        if isinstance(value, results.SparseRows):
            raise invalid(name, "expected the gradient of every element, got rows of a table")
    parts = _named(3, dense)
    for name in encoder.tables:
        if name in given:
            parts += _arrays.field(4, _sparse_gradient(name, given[name]))
    return parts


def _sparse_gradient(name: str, value: Any) -> _arrays.Parts:
    """The message SparseRows."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise invalid(name, f"expected SparseRows(rows, values) of a table, got {type(value).__name__}")
    rows = _arrays.as_array(value[0], f"{name}.rows")
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise invalid(f"{name}.rows", f"expected integers [k], got {rows.dtype} {list(rows.shape)}")
    numbers = [int(row) for row in rows.tolist()]
    head = message_class("SparseRows")(name=name, rows=numbers).SerializeToString()
    return _arrays.of_bytes(head) + _arrays.tensor_field(3, value[1], f"{name}.values")


def _sparse_rows(message: Any) -> results.SparseRows:
    rows: results.Array = np.array(message.rows, dtype=np.int64)
    return results.SparseRows(rows, _arrays.to_array(message.values))


def _step_result(answer: Any) -> results.StepResult:
    return results.StepResult(
        step=answer.step,
        loss=answer.loss,
        gradient_norm=answer.gradient_norm,
        learning_rate=answer.learning_rate,
        durable_step=answer.durable_step,
        replayed=answer.replayed,
    )


def evaluation(answer: Any) -> results.Evaluation:
    return results.Evaluation(answer.step, answer.rows, answer.loss, dict(sorted(answer.metrics.items())))


# State.


def parameters(model: str) -> Operation[dict[str, results.Array]]:
    return _operation(
        "GetParameters", lambda answer: _arrays.arrays_by_name(answer.parameters), model=model
    )


def set_parameters(model: str, values: Mapping[str, npt.ArrayLike], expected_step: Optional[int],
                   keep_optimizer_state: bool) -> Operation[int]:  # fmt: skip
    return _operation("SetParameters", lambda answer: int(answer.step), _named(2, values),
                      model=model, expected_step=expected_step,
                      keep_optimizer_state=keep_optimizer_state)  # fmt: skip


def create_checkpoint(model: str) -> Operation[results.Checkpoint]:
    return _operation(
        "CreateCheckpoint", lambda answer: checkpoint(answer.checkpoint), model=model
    )


def list_checkpoints(model: str, page_token: str) -> Operation[Any]:
    return _operation("ListCheckpoints", lambda answer: answer, model=model, page_token=page_token,
                      page_size=1000)  # fmt: skip


def restore_checkpoint(model: str, step: int, expected_step: Optional[int]) -> Operation[Any]:
    return _operation("RestoreCheckpoint", lambda answer: answer.model, model=model,
                      step=_arrays.index(step, "step"), expected_step=expected_step)  # fmt: skip


def delete_checkpoint(model: str, step: int) -> Operation[None]:
    return _operation("DeleteCheckpoint", lambda answer: None, model=model,
                      step=_arrays.index(step, "step"))  # fmt: skip


def list_history(model: str, after_step: int, page_token: str) -> Operation[Any]:
    return _operation("ListHistory", lambda answer: answer, model=model, after_step=after_step,
                      page_token=page_token, page_size=1000)  # fmt: skip


def checkpoint(message: Any) -> results.Checkpoint:
    return results.Checkpoint(
        message.step, _time(message.create_time), message.size_bytes, message.state_hash
    )


def history_point(message: Any) -> results.HistoryPoint:
    return results.HistoryPoint(
        step=message.step,
        time=_time(message.time),
        rows=message.rows,
        loss=message.loss,
        gradient_norm=message.gradient_norm,
        learning_rate=message.learning_rate,
        metrics=dict(message.metrics),
    )


def _named(number: int, values: Mapping[str, npt.ArrayLike]) -> _arrays.Parts:
    """Fields that are NamedTensors."""
    parts = _arrays.of_bytes()
    for name, value in values.items():
        text = _arrays.field(1, _arrays.of_bytes(name.encode()))
        parts += _arrays.field(number, text + _arrays.tensor_field(2, value, name))
    return parts


def _optional(message: Any, name: str) -> Optional[results.Array]:
    return _arrays.to_array(getattr(message, name)) if message.HasField(name) else None


def _time(stamp: Any) -> datetime.datetime:
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def check_same_network(wanted: Network, found: Network, taken: DescentError) -> None:
    """Raises `taken` if the networks differ."""
    if wanted.to_message() != found.to_message():
        taken.message += f"; its network is another one: {found}"
        raise taken
