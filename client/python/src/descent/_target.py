"""Where a server is, as people write it. The same rules as of the command `descent`."""

from __future__ import annotations

import ipaddress
import os
import re

from .errors import DescentError, invalid

_SCHEMES = ("unix", "unix-abstract", "dns", "ipv4", "ipv6", "xds")


def _wrong(text: str, what: str) -> DescentError:
    return invalid("target", f"{text!r}: {what}")


def _ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text.split("%")[0])
    except ValueError:
        return False
    return True


def _host_of(whole: str, text: str) -> str:
    form = "expected HOST:PORT with a port from 1 to 65535"
    if not text or re.search(r"\s", text):
        raise _wrong(whole, f"{form}, such as 127.0.0.1:50051")
    if _ipv6(text):
        raise _wrong(whole, f"an IPv6 address goes in brackets: [{text}]:50051")
    host, colon, digits = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise _wrong(whole, f"the port is missing; {form}: {text}:50051")
    if _ipv6(host):
        raise _wrong(whole, f"an IPv6 address goes in brackets: [{host}]:{digits}")
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 1 <= int(digits) <= 65535:
        raise _wrong(whole, f"{form}, got port {digits!r}")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare != host and not _ipv6(bare):
        raise _wrong(whole, "there is no IPv6 address between the brackets")
    if bare == host and not re.fullmatch(r"[\w-][\w.-]*", host):
        raise _wrong(whole, f"{host!r} is no host; {form}")
    return bare


def _is_loopback_host(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name in ("localhost", "ip6-localhost", "ip6-loopback") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or address.is_unspecified


def is_local(target: str) -> bool:
    """Whether a target is on this machine. InvalidArgumentError for what gRPC could not use, which it
    would say late or not at all."""
    scheme, separator, rest = target.partition("://")
    if not separator:
        scheme, separator, rest = target.partition(":")
        if scheme not in _SCHEMES or not separator or rest.isdigit():
            return _is_loopback_host(_host_of(target, target))  # HOST:PORT
    elif scheme not in _SCHEMES:
        raise _wrong(target, f"expected HOST:PORT without {scheme}://")
    elif scheme == "dns":
        rest = rest.partition("/")[2]
    if scheme == "unix" and not rest:
        raise _wrong(target, "expected unix:PATH or unix:///PATH")
    if scheme in ("unix", "unix-abstract"):
        return True
    if scheme == "xds":
        return False
    hosts = [_host_of(target, name) for name in rest.lstrip("/").split(",")]
    return all(map(_is_loopback_host, hosts))


def proxy_of(target: str) -> str:
    """What to say of the proxy that gRPC would go through to `target`; "" for none."""
    if is_local(target):
        return ""
    host = target.rpartition("/")[2].rpartition(":")[0].strip("[]")
    excluded = os.environ.get("no_grpc_proxy", os.environ.get("no_proxy", ""))
    if any(host.endswith(name.strip()) for name in excluded.split(",") if name.strip()):
        return ""
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        value = os.environ.get(name)
        if value is None:
            continue
        if not value.startswith("http://"):
            return ""  # gRPC knows no other
        place = value[len("http://") :].partition("/")[0].rpartition("@")[2]
        return f" through the proxy http://{place} of ${name}" if place else ""
    return ""
