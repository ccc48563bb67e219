"""Between settings as dataclasses and the contract's messages of the same fields.

A setting is a frozen dataclass whose fields have the names of its message's; None is an unset field.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

T = TypeVar("T")


def fill(message: Any, settings: Any, leave_out: tuple[str, ...] = ()) -> Any:
    """Sets the message's fields, of numbers and booleans, as the dataclass has them."""
    message.SetInParent()
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if item.name in leave_out or value is None:
            continue
        try:
            setattr(message, item.name, value)
        except (TypeError, ValueError) as error:
            name = type(settings).__name__
            raise type(error)(f"{name}.{item.name}: {value!r}: {error}") from None
    return message


def read(kind: type[T], message: Any, /, **given: Any) -> T:
    """The dataclass of a message; `given` are the fields that are read elsewhere."""
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]
        if item.name not in given:
            given[item.name] = field_value(message, item.name)
    return kind(**given)


def field_value(message: Any, name: str) -> Any:
    """None where the field can be unset, and is."""
    if message.DESCRIPTOR.fields_by_name[name].has_presence and not message.HasField(name):
        return None
    return getattr(message, name)
