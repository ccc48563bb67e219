"""The wire contract: message classes and methods, made from its descriptors when imported.

Code that protoc generates is bound to a range of Protobuf's releases; descriptors are bound to none.
They live in a pool of their own, so that stubs of the same contract, or other copies of google.rpc,
may be in the process as well.
"""

from __future__ import annotations

import functools
import pkgutil
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "descent.v1"

# A Protobuf message: of a class that exists at run time alone.
Message = Any


def _load() -> tuple[Any, list[Any]]:
    packed = pkgutil.get_data("descent", "contract.binpb")
    assert packed is not None
    files = list(descriptor_pb2.FileDescriptorSet.FromString(packed).file)
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool, files


def _class_maker() -> Callable[[Any], Any]:
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass  # type: ignore[no-any-return]
    return message_factory.MessageFactory(_pool).GetPrototype  # type: ignore[no-any-return]


_pool, _files = _load()
_make_class = _class_maker()


@functools.lru_cache(maxsize=None)
def message_class(name: str) -> Any:
    """The class of a message, by its name in the contract (`Model`) or in full."""
    full_name = name if "." in name else f"{PACKAGE}.{name}"
    return _make_class(_pool.FindMessageTypeByName(full_name))


@dataclass(frozen=True)
class Method:
    """A method of a service."""

    path: str  # as gRPC names it
    response: Callable[[bytes], Message]  # reads an answer
    changes: bool  # whether its request carries a request id


def _methods() -> Iterator[tuple[str, Method]]:
    for file in _files:
        for service in file.service:
            for method in service.method:
                request = message_class(method.input_type.lstrip("."))
                response = message_class(method.output_type.lstrip("."))
                yield method.name, Method(
                    path=f"/{file.package}.{service.name}/{method.name}",
                    response=response.FromString,
                    changes="request_id" in request.DESCRIPTOR.fields_by_name,
                )


# By their names alone, which no two services of the contract share.
METHODS: dict[str, Method] = dict(_methods())


class Names:
    """The words for an enum's values: `ACTIVATION_KIND_RELU` is "relu"."""

    def __init__(self, enum: str, what: str) -> None:
        self._what = what
        descriptor = _pool.FindEnumTypeByName(f"{PACKAGE}.{enum}")
        prefix = next(v.name for v in descriptor.values if v.number == 0)[: -len("UNSPECIFIED")]
        self._numbers: dict[str, int] = {
            value.name[len(prefix) :].lower(): value.number
            for value in descriptor.values
            if value.number != 0
        }
        self._words: dict[int, str] = {number: word for word, number in self._numbers.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def number(self, word: str) -> int:
        """ValueError, with the words that there are, for any other."""
        try:
            return self._numbers[word]
        except (KeyError, TypeError):
            known = ", ".join(self._numbers)
            raise ValueError(f"{self._what}: expected one of {known}; got {word!r}") from None

    def word(self, number: int) -> str:
        return self._words.get(number, f"unknown ({number})")


ACTIVATIONS = Names("ActivationKind", "activation")
INITIALIZERS = Names("InitializerKind", "initializer")
LOSSES = Names("LossKind", "loss")
HASHINGS = Names("Hashing", "hashing")
COMBINERS = Names("Combiner", "combiner")
DATA_TYPES = Names("DataType", "dtype")
DURABILITIES = Names("Durability", "durability")
EXPORT_FORMATS = Names("ExportFormat", "format")
