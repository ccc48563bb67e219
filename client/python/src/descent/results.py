"""What calls answer with. Arrays are numpy's, of the network's type, and may be written to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy.typing as npt

from .network import Network
from .optimizers import Optimizer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ModelInfo:
    """A model, as it was when it was asked for.

    Attributes:
        step: the number of updates applied since it was made.
        durable_step: the last step that a crash can no longer take back.
        parameter_count: of numbers in all its parameters.
        durability: "journal", "checkpoint" or "memory".
        last_loss: of the last batch before its update; 0 if there was none.
        state_hash: of parameters and optimizer state: equal bits, equal hash. 0 in lists.
        client_data: what clients keep with it; "" in lists.
    """

    name: str
    network: Network
    optimizer: Optimizer
    step: int
    durable_step: int
    parameter_count: int
    create_time: datetime
    update_time: datetime
    durability: str
    labels: Mapping[str, str]
    last_loss: float
    state_hash: int
    client_data: str


@dataclass(frozen=True)
class LayerValues:
    """What one layer computed.

    Attributes:
        pre_activation: z of a dense layer, `[n, units]`; else None.
        activation: what it gives the next layer, `[n, units]`.
    """

    pre_activation: Optional[Array]
    activation: Array


@dataclass(frozen=True)
class ForwardResult:
    """Every layer's values.

    Attributes:
        step: of the parameters that were used.
        outputs: w, the last layer's activation, `[n, outputs]`.
        layers: by name (`layers.<i>`), from the inputs to the outputs.
    """

    step: int
    outputs: Array
    layers: Dict[str, LayerValues]


class SparseRows(NamedTuple):
    """Some rows of a table; all others are zero.

    Attributes:
        rows: which, `[k]`, each once and rising.
        values: theirs, `[k, dimension]`.
    """

    rows: Array
    values: Array


@dataclass(frozen=True)
class GradientResult:
    """A gradient. `Model.step` takes it as it is.

    Attributes:
        step: of the parameters that were used.
        loss: the batch's; 0 if an output gradient was given.
        gradient_norm: the 2-norm of the gradient of all parameters together.
        gradients: by the parameters' names, each in its shape; all but those of tables.
        input_gradient: dL/dx, `[n, inputs]`, if it was asked for.
        sparse: those of the tables of categorical inputs (`embeddings.<name>`): of the rows that the batch names.
    """

    step: int
    loss: float
    gradient_norm: float
    gradients: Dict[str, Array]
    input_gradient: Optional[Array]
    sparse: Dict[str, SparseRows] = field(default_factory=dict)


@dataclass(frozen=True)
class StepResult:
    """One update.

    Attributes:
        step: after the update.
        loss: of the batch before the update; 0 if gradients were given.
        gradient_norm: the 2-norm of the gradient before clipping.
        learning_rate: that was used.
        durable_step: the last step that a crash can no longer take back.
        replayed: whether this answer was given before, and the call changed nothing.
    """

    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    durable_step: int
    replayed: bool


@dataclass(frozen=True)
class Evaluation:
    """Loss and metrics over batches.

    Attributes:
        step: of the parameters that were used.
        rows: of all batches together.
        loss: over all of them.
        metrics: rmse, mae and r2 for regression; accuracy and log_loss for classes, and where there are
            two of them roc_auc, precision, recall and f1.
    """

    step: int
    rows: int
    loss: float
    metrics: Dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A saved state, by the step that it holds."""

    step: int
    create_time: datetime
    size_bytes: int
    state_hash: int


@dataclass(frozen=True)
class HistoryPoint:
    """Some updates that came one after another.

    Attributes:
        step: after the last of them.
        time: of the last of them.
        rows: of their batches.
        loss: of each batch before its update, the mean over the rows.
        gradient_norm: the mean over the updates.
        learning_rate: of the last of them.
        metrics: of each batch before its update, the mean over the rows: "rmse" and "mae", or
            "accuracy" and "log_loss". Empty where the server kept none.
    """

    step: int
    time: datetime
    rows: int
    loss: float
    gradient_norm: float
    learning_rate: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingSummary:
    """Where a training run stands, or how it ended.

    Attributes:
        session: its name; the same one again goes on with it.
        step: the model's, as last heard of.
        batches: that this run sent and the server applied.
        skipped: batches that an earlier run of the session had applied.
        rows: of the batches that acknowledgements told of.
        loss: mean of the last acknowledged batches, each before its update.
        mean_loss: over all rows.
        breaks: times that the connection broke and was made again.
    """

    session: str
    step: int
    batches: int
    skipped: int
    rows: int
    loss: float
    mean_loss: float
    breaks: int
