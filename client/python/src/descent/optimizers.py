"""Optimizers and schedules of the learning rate, as dataclasses.

    optimizer = AdamW(learning_rate=1e-3, weight_decay=0.1, schedule=Cosine(10_000), clip_norm=1.0)

Definitions are PyTorch's, and the defaults too; each is written out in docs/api.md. None is always the
default that is named there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Optional, Union

from ._contract import message_class
from ._specs import field_value, fill, read


@dataclass(frozen=True)
class Schedule:
    """A learning rate that varies: it rises over `warmup_steps` updates, and then does as the kind says.

    By itself, it stays. s counts the updates from the end of the warm-up, rate is the optimizer's.
    """

    warmup_steps: int = 0

    _MESSAGE: ClassVar[str] = "constant"


@dataclass(frozen=True)
class Stairs(Schedule):
    """rate gamma^floor(s / step_size); gamma is 0.1 unless given."""

    step_size: int = 1
    gamma: Optional[float] = None

    _MESSAGE: ClassVar[str] = "step"


@dataclass(frozen=True)
class Exponential(Schedule):
    """rate gamma^s, with gamma in (0, 1]."""

    gamma: float = 1.0

    _MESSAGE: ClassVar[str] = "exponential"


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half cosine waves with warm restarts, the first over `period` updates, each `period_multiplier` times
    as long as the one before, down to `minimum_learning_rate`."""

    period: int = 1
    period_multiplier: Optional[int] = None
    minimum_learning_rate: Optional[float] = None

    _MESSAGE: ClassVar[str] = "cosine"


@dataclass(frozen=True)
class InverseTime(Schedule):
    """rate / (1 + decay_rate s / decay_steps)."""

    decay_steps: int = 1
    decay_rate: float = 1.0

    _MESSAGE: ClassVar[str] = "inverse_time"


_SCHEDULES = {kind._MESSAGE: kind for kind in (Schedule, Stairs, Exponential, Cosine, InverseTime)}


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers have. Use one of those below it.

    Args:
        learning_rate: > 0.
        schedule: how it varies with the model's step; None: not at all.
        clip_norm: the gradient of all parameters is scaled down to this 2-norm.
        clip_value: each of its elements is clamped to so much, after that.
        exclude_bias_from_weight_decay: whether weight decay leaves biases and gains alone.
    """

    learning_rate: float = 1e-3
    schedule: Optional[Schedule] = None
    clip_norm: Optional[float] = None
    clip_value: Optional[float] = None
    exclude_bias_from_weight_decay: bool = False

    _MESSAGE: ClassVar[str] = ""

    def to_message(self) -> Any:
        """The contract's OptimizerSpec."""
        if not self._MESSAGE:
            known = ", ".join(kind.__name__ for kind in _ALGORITHMS.values())
            raise TypeError(f"optimizer: expected {known}; got {type(self).__name__}")
        message = message_class("OptimizerSpec")()
        shared = {item.name for item in fields(Optimizer)}
        own = {item.name for item in fields(self)} - shared
        fill(message, self, leave_out=("schedule", *own))
        fill(getattr(message, self._MESSAGE), self, leave_out=tuple(shared))
        if self.schedule is not None:
            _fill_schedule(message.schedule, self.schedule)
        return message

    @staticmethod
    def from_message(message: Any) -> Optimizer:
        """Of an OptimizerSpec."""
        algorithm = message.WhichOneof("algorithm")
        shared = {
            item.name: field_value(message, item.name)
            for item in fields(Optimizer)
            if item.name != "schedule"
        }
        schedule = field_value(message, "schedule")
        shared["schedule"] = None if schedule is None else _read_schedule(schedule)
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"this version of descent does not know the optimizer {algorithm}")
        found: Optimizer = read(_ALGORITHMS[algorithm], getattr(message, algorithm), **shared)
        return found


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent."""

    momentum: Optional[float] = None
    nesterov: Optional[bool] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "sgd"


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam. Kingma and Ba 2015."""

    beta1: Optional[float] = None
    beta2: Optional[float] = None
    epsilon: Optional[float] = None
    weight_decay: Optional[float] = None
    amsgrad: Optional[bool] = None

    _MESSAGE: ClassVar[str] = "adam"


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, of 0.01 unless given. Loshchilov and Hutter 2019."""

    _MESSAGE: ClassVar[str] = "adamw"


@dataclass(frozen=True)
class RmsProp(Optimizer):
    """RMSprop. Tieleman and Hinton 2012."""

    alpha: Optional[float] = None
    epsilon: Optional[float] = None
    momentum: Optional[float] = None
    centered: Optional[bool] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "rmsprop"


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad. Duchi et al. 2011."""

    epsilon: Optional[float] = None
    initial_accumulator_value: Optional[float] = None
    lr_decay: Optional[float] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "adagrad"


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta, whose own learning rate is 1. Zeiler 2012."""

    learning_rate: float = 1.0
    rho: Optional[float] = None
    epsilon: Optional[float] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "adadelta"


@dataclass(frozen=True)
class Nadam(Optimizer):
    """Adam with Nesterov momentum. Dozat 2016."""

    beta1: Optional[float] = None
    beta2: Optional[float] = None
    epsilon: Optional[float] = None
    momentum_decay: Optional[float] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "nadam"


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion. Chen et al. 2023."""

    learning_rate: float = 1e-4
    beta1: Optional[float] = None
    beta2: Optional[float] = None
    weight_decay: Optional[float] = None

    _MESSAGE: ClassVar[str] = "lion"


@dataclass(frozen=True)
class Ftrl(Optimizer):
    """Follow the regularised leader, proximal. McMahan et al. 2013."""

    beta: Optional[float] = None
    l1: Optional[float] = None
    l2: Optional[float] = None

    _MESSAGE: ClassVar[str] = "ftrl"


_ALGORITHMS: dict[str, Any] = {
    kind._MESSAGE: kind
    for kind in (Sgd, Adam, AdamW, RmsProp, Adagrad, Adadelta, Nadam, Lion, Ftrl)
}


def as_optimizer(value: Union[str, Optimizer]) -> Optimizer:
    """The optimizer that a word names, with its defaults."""
    if isinstance(value, Optimizer):
        return value
    if value not in _ALGORITHMS:
        known = ", ".join(_ALGORITHMS)
        raise ValueError(f"optimizer: expected one of {known}; got {value!r}")
    return _ALGORITHMS[value]()  # type: ignore[no-any-return]


def _fill_schedule(message: Any, schedule: Schedule) -> None:
    message.SetInParent()
    message.warmup_steps = schedule.warmup_steps
    if schedule._MESSAGE not in _SCHEDULES:
        raise TypeError(f"schedule: got {schedule!r}")
    fill(getattr(message, schedule._MESSAGE), schedule, leave_out=("warmup_steps",))


def _read_schedule(message: Any) -> Schedule:
    decay = message.WhichOneof("decay") or "constant"
    kind = _SCHEDULES[decay]
    return read(kind, getattr(message, decay), warmup_steps=message.warmup_steps)
