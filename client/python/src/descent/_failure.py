"""From gRPC's errors to ours."""

from __future__ import annotations

import contextlib
import re
from typing import Any, Iterable

from ._contract import message_class
from .errors import DescentError, FieldViolation, error

_DETAILS = "grpc-status-details-bin"
# How a request names what the caller gave as the batch: `batch.batch.inputs` is the inputs, and so is
# `more[3].batch.inputs` of a message with several batches.
_PATH = re.compile(r"^(more\[[0-9]+\]\.)?(batch\.)+")
_Status = message_class("google.rpc.Status")
_KINDS = {
    f"type.googleapis.com/google.rpc.{name}": message_class(f"google.rpc.{name}")
    for name in ("ErrorInfo", "BadRequest", "RetryInfo")
}


def failure(call_error: Any) -> DescentError:
    """The error that a grpc.RpcError, of a call of either API, stands for."""
    code, message = call_error.code(), _PATH.sub("", call_error.details() or "")
    facts: dict[str, Any] = {}
    for detail in _details(call_error.trailing_metadata() or ()):
        name = detail.DESCRIPTOR.name
        if name == "ErrorInfo":
            facts.update(reason=detail.reason, details=dict(detail.metadata))
        elif name == "BadRequest":
            facts["violations"] = [
                FieldViolation(_PATH.sub("", violation.field), violation.description)
                for violation in detail.field_violations
            ]
        else:
            delay = detail.retry_delay
            facts["retry_after"] = max(0.0, delay.seconds + delay.nanos / 1e9)
    return error("UNKNOWN" if code is None else code.name, message, **facts)


def _details(metadata: Iterable[Any]) -> Iterable[Any]:
    for key, value in metadata:
        if key != _DETAILS:
            continue
        # Whatever a stranger between us and the server may have put there.
        with contextlib.suppress(Exception):
            for packed in _Status.FromString(value).details:
                if packed.type_url in _KINDS:
                    yield _KINDS[packed.type_url].FromString(packed.value)


def is_transient(failed: DescentError) -> bool:
    """Whether a later attempt may succeed, provided that it is safe to repeat.

    The server is away, asks to be called later, or went away during the call, which a server that
    stops in a hurry reports as CANCELLED.
    """
    return failed.code in ("UNAVAILABLE", "CANCELLED") or failed.retry_after is not None
