"""Errors of the server, with what it says about them.

Every error of a call is a `DescentError`. The more usual ones are classes of their own, which are also
what Python calls such things: `except ValueError` catches what the server calls INVALID_ARGUMENT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Sequence

if TYPE_CHECKING:
    from .results import TrainingSummary


class FieldViolation(NamedTuple):
    """A field of a request that is at fault."""

    field: str  # "inputs"
    description: str  # "expected shape [n, 13], got [32, 12]"


class DescentError(Exception):
    """An error of a call.

    Attributes:
        code: the gRPC status, such as "INVALID_ARGUMENT" or "UNAVAILABLE".
        reason: what exactly it is, such as "STEP_MISMATCH"; "" where the error did not come from the
            server, as when it can't be reached.
        field: the first field at fault, such as "inputs", or None.
        violations: all fields at fault.
        details: further facts by name, such as {"row": "3", "column": "0"}.
        retry_after: seconds after which another attempt may succeed, or None.
        batch_index: where the error is about one of several batches, which one, counted from 0 as
            `enumerate(batches)` does; else None.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        reason: str = "",
        details: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
        batch_index: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.details = dict(details or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.batch_index = batch_index

    @property
    def field(self) -> str | None:
        return self.violations[0].field if self.violations else None

    def __str__(self) -> str:
        where = "" if self.batch_index is None else f"batch {self.batch_index}: "
        return f"{where}{self.message}"

    def __reduce__(self) -> Any:
        return _make, (type(self), self.message, {
            name: getattr(self, name)
            for name in ("code", "reason", "details", "violations", "retry_after", "batch_index")
        })  # fmt: skip


def _make(kind: type[DescentError], message: str, facts: dict[str, Any]) -> DescentError:
    return kind(message, **facts)


class InvalidArgumentError(DescentError, ValueError):
    """INVALID_ARGUMENT: a shape, type, value or name that can't be right."""


class NotFoundError(DescentError, LookupError):
    """NOT_FOUND: no such model, checkpoint or parameter."""


class AlreadyExistsError(DescentError):
    """ALREADY_EXISTS: a model of that name."""


class FailedPreconditionError(DescentError):
    """FAILED_PRECONDITION: an update or answer that would not be finite (`NON_FINITE_UPDATE`)."""


class AbortedError(DescentError):
    """ABORTED: another step than expected (`STEP_MISMATCH`), gradients that are too stale."""


class ResourceExhaustedError(DescentError):
    """RESOURCE_EXHAUSTED: a limit of sizes or memory."""


class UnavailableError(DescentError, ConnectionError):
    """UNAVAILABLE: the server can't be reached, or is not ready yet."""


class DeadlineExceededError(DescentError, TimeoutError):
    """DEADLINE_EXCEEDED: the call took longer than it may."""


class UnauthenticatedError(DescentError):
    """UNAUTHENTICATED: no credentials, or wrong ones."""


class PermissionDeniedError(DescentError, PermissionError):
    """PERMISSION_DENIED: not with this role, or not this model."""


class DataLossError(DescentError):
    """DATA_LOSS: stored state that fails its checks, or batches that are not kept any more."""


_CLASSES: dict[str, type[DescentError]] = {
    "INVALID_ARGUMENT": InvalidArgumentError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "FAILED_PRECONDITION": FailedPreconditionError,
    "ABORTED": AbortedError,
    "RESOURCE_EXHAUSTED": ResourceExhaustedError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
    "UNAUTHENTICATED": UnauthenticatedError,
    "PERMISSION_DENIED": PermissionDeniedError,
    "DATA_LOSS": DataLossError,
}


def error(code: str, message: str, **facts: Any) -> DescentError:
    """The error of that code, of its own class where it has one."""
    return _CLASSES.get(code, DescentError)(message, code=code, **facts)


def invalid(field: str, description: str) -> DescentError:
    """What the server would say of `field`, said before anything is sent."""
    return error(
        "INVALID_ARGUMENT",
        f"{field}: {description}",
        violations=[FieldViolation(field, description)],
    )


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during `Model.train`.

    What was sent is applied and durable, and nothing is on its way: `summary` says where training
    stands. Without one the server did not answer in time, and the last batches may not be applied.
    """

    def __init__(self, summary: Optional[TrainingSummary] = None) -> None:
        super().__init__("training was interrupted")
        self.summary = summary
