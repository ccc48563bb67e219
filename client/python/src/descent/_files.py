"""Writing what a server exports, a whole file or none, and reading what it imports."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from typing import IO, Any, Iterator, Mapping, Optional, Union

from ._contract import DURABILITIES, EXPORT_FORMATS, message_class
from .errors import invalid
from .network import Network
from .optimizers import Optimizer, as_optimizer
from .options import Path

_CHUNK_BYTES = 256 << 10

_ENDINGS = {f".{word}": word for word in EXPORT_FORMATS}


def export_request(model: str, path: Path, format: Optional[str], include_optimizer: bool) -> bytes:
    """By the file's ending, unless a format is said."""
    request: Any = message_class("ExportModelRequest")(
        model=model, format=_format(path, format), include_optimizer=include_optimizer
    )
    return request.SerializeToString()  # type: ignore[no-any-return]


def _format(path: Path, format: Optional[str]) -> int:
    word = format or _ENDINGS.get(pathlib.Path(path).suffix.lower())
    if word is None:
        raise invalid("format", f"expected a file ending in {' or '.join(_ENDINGS)}, got {path}")
    return EXPORT_FORMATS.number(word)


def import_start(path: Path, name: str, network: Optional[Network],
                 optimizer: Union[str, Optimizer, None], durability: Optional[str],
                 labels: Optional[Mapping[str, str]], client_data: str,
                 format: Optional[str]) -> bytes:  # fmt: skip
    """The first message: what is known beside the file."""
    model = message_class("Model")(
        network=None if network is None else network.to_message(),
        optimizer=None if optimizer is None else as_optimizer(optimizer).to_message(),
        labels=labels or {},
        client_data=client_data,
        durability=0 if durability is None else DURABILITIES.number(durability),
    )
    request: Any = message_class("ImportModelRequest")(
        start={"name": name, "format": _format(path, format), "model": model}
    )
    return request.SerializeToString()  # type: ignore[no-any-return]


def import_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The other messages."""
    make = message_class("ImportModelRequest")
    while chunk := file.read(_CHUNK_BYTES):
        yield make(chunk=chunk).SerializeToString()


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place once it is whole and on the disk."""
    target = pathlib.Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        _sync_directory(target.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # it has taken its place
            os.unlink(temporary)
        raise


def _sync_directory(directory: pathlib.Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
