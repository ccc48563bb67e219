"""A channel to a Descent server."""

import ipaddress

import grpc


def is_loopback(server):
    """Whether HOST:PORT or unix:PATH is on this machine."""
    if server.startswith("unix:"):
        return True
    host = server.removeprefix("dns:///").rpartition(":")[0].strip("[]").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


class Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Tells with every call who asks."""

    def __init__(self, token):
        self._metadata = ("authorization", f"Bearer {token}")

    def _intercept(self, continuation, details, request):
        metadata = [*(details.metadata or ()), self._metadata]
        return continuation(details._replace(metadata=metadata), request)

    intercept_unary_unary = _intercept
    intercept_unary_stream = _intercept
    intercept_stream_unary = _intercept
    intercept_stream_stream = _intercept


def connect(server, tls_ca=None, tls_certificate=None, tls_key=None, token=None):
    """A channel: over TLS if the bytes of a PEM file of authorities are given, plaintext otherwise.

    The client's own certificate and key are for a server that asks for one. A token goes with every
    call, in plaintext to this machine alone.
    """
    # gRPC sends what goes to this machine to the proxy of $http_proxy as well, unless told not to.
    options = [("grpc.enable_http_proxy", 0)] if is_loopback(server) else []
    if tls_ca is not None:
        credentials = grpc.ssl_channel_credentials(tls_ca, tls_key, tls_certificate)
        channel = grpc.secure_channel(server, credentials, options=options)
    elif token is not None and not is_loopback(server):
        raise ValueError(f"a token would go to {server} in plaintext, for others to read")
    else:
        channel = grpc.insecure_channel(server, options=options)
    return channel if token is None else grpc.intercept_channel(channel, Bearer(token))
