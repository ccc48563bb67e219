"""How a client reaches its server, how long it waits and how often it tries again."""

from __future__ import annotations

import os
import pathlib
import ssl
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, Union

import grpc

from ._target import is_local
from .errors import DescentError, invalid

Path = Union[str, "pathlib.Path"]

_KEEPALIVE_TIMEOUT_MS = 20_000
# How often a server that is away is looked for, at least.
_MAX_RECONNECT_PAUSE = 1.0


@dataclass(frozen=True)
class RetryPolicy:
    """The pause before attempt n + 1 is drawn from [1/2, 1] times min(max_backoff, initial_backoff
    multiplier^(n-1)), and at least what the server asks for. All times are seconds.

    Args:
        give_up_after: how long to go on trying from the first failure on, besides the call's own timeout;
            0: never try again. The default rides out a server that is started again.
        initial_backoff: > 0.
        max_backoff: at least initial_backoff.
        multiplier: at least 1.
    """

    give_up_after: float = 120.0
    initial_backoff: float = 0.1
    max_backoff: float = 5.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        _check(self.give_up_after >= 0, "retry.give_up_after", "at least 0")
        _check(self.initial_backoff > 0, "retry.initial_backoff", "positive")
        _check(self.max_backoff >= self.initial_backoff, "retry.max_backoff",
               "at least retry.initial_backoff")  # fmt: skip
        _check(self.multiplier >= 1, "retry.multiplier", "at least 1")


@dataclass(frozen=True)
class Options:
    """What `Client` documents."""

    target: str
    token: Optional[str] = field(default=None, repr=False)
    tls: bool = False
    tls_ca: Optional[Path] = None
    tls_certificate: Optional[Path] = None
    tls_key: Optional[Path] = None
    timeout: float = 60.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_message_bytes: int = 64 << 20
    keepalive: float = 360.0
    on_retry: Optional[Callable[[DescentError, float], None]] = None

    def __post_init__(self) -> None:
        local = is_local(self.target)
        _check(self.timeout > 0, "timeout", "positive")
        _check(self.keepalive > 0, "keepalive", "positive")
        _check(self.max_message_bytes > 0, "max_message_bytes", "positive")
        if not self.token:
            return
        printable = all("!" <= character <= "~" for character in self.token)
        _check(printable, "token", "printable characters without spaces")
        if not local and not self.encrypted:
            raise invalid(
                "token",
                f"it would go to {self.target} in plaintext, for others to read; a token needs TLS "
                "but on this machine itself",
            )

    @property
    def encrypted(self) -> bool:
        return self.tls or any((self.tls_ca, self.tls_certificate, self.tls_key))

    def metadata(self) -> Optional[tuple[tuple[str, str], ...]]:
        """What goes with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else None

    def channel_arguments(self) -> list[tuple[str, Any]]:
        arguments: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.keepalive_time_ms", _milliseconds(self.keepalive)),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            # By default a channel that failed to connect waits up to two minutes before it looks
            # again, and calls fail meanwhile though the server may be back.
            ("grpc.initial_reconnect_backoff_ms", _milliseconds(self.retry.initial_backoff)),
            ("grpc.max_reconnect_backoff_ms",
             _milliseconds(min(self.retry.max_backoff, _MAX_RECONNECT_PAUSE))),
            # Channels to the same server would share one connection.
            ("grpc.use_local_subchannel_pool", 1),
        ]  # fmt: skip
        if is_local(self.target):
            # gRPC sends what goes to this machine to the proxy of $http_proxy as well.
            arguments.append(("grpc.enable_http_proxy", 0))
        return arguments

    def credentials(self) -> Any:
        """None for plaintext. InvalidArgumentError naming the file that can't be read."""
        if not self.encrypted:
            return None
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise invalid(missing, "a certificate and its private key go together")
        authorities = self.tls_ca or ssl.get_default_verify_paths().cafile
        return grpc.ssl_channel_credentials(
            _contents("tls_ca", authorities),
            _contents("tls_key", self.tls_key),
            _contents("tls_certificate", self.tls_certificate),
        )


def from_environment(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a client as the command `descent` takes them from the environment, with those that are given in
    their place."""
    found: dict[str, Any] = {"target": os.environ.get("DESCENT_SERVER") or "127.0.0.1:50051"}
    for name in ("tls_ca", "tls_certificate", "tls_key"):
        found[name] = os.environ.get(f"DESCENT_{name.upper()}") or None
    switch = os.environ.get("DESCENT_TLS", "").lower()
    if switch not in ("", "0", "false", "no", "off", "1", "true", "yes", "on"):
        raise invalid("$DESCENT_TLS", f"expected true or false, got {switch!r}")
    found["tls"] = switch in ("1", "true", "yes", "on")
    file = os.environ.get("DESCENT_TOKEN_FILE")
    token = os.environ.get("DESCENT_TOKEN", "").strip()
    if file and not token:
        contents = _contents("$DESCENT_TOKEN_FILE", file) or b""
        token = contents.decode(errors="replace").partition("\n")[0].strip()
        if not token:
            raise invalid("$DESCENT_TOKEN_FILE", f"{file}: there is no token in its first line")
    found["token"] = token or None
    return {**found, **given}


def _contents(name: str, path: Optional[Path]) -> Optional[bytes]:
    if path is None:
        return None
    try:
        contents = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise invalid(name, f"{path}: {error.strerror}") from None
    if not contents:
        raise invalid(name, f"{path}: it is empty")
    return contents


def _check(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise invalid(name, f"must be {rule}")


def _milliseconds(seconds: float) -> int:
    return int(min(seconds, 86_400.0) * 1000)
