"""Writing what a server exports: a whole file or none."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from typing import IO, Any, Iterator, Optional

from ._contract import EXPORT_FORMATS, message_class
from .errors import invalid
from .options import Path

_ENDINGS = {f".{word}": word for word in EXPORT_FORMATS}


def export_request(model: str, path: Path, format: Optional[str], include_optimizer: bool) -> bytes:
    """By the file's ending, unless a format is said."""
    ending = pathlib.Path(path).suffix.lower()
    word = format or _ENDINGS.get(ending)
    if word is None:
        raise invalid("format", f"expected a file ending in {' or '.join(_ENDINGS)}, got {path}")
    request: Any = message_class("ExportModelRequest")(
        model=model, format=EXPORT_FORMATS.number(word), include_optimizer=include_optimizer
    )
    return request.SerializeToString()  # type: ignore[no-any-return]


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
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
