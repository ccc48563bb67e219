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


def connect(server):
    # gRPC sends what goes to this machine to the proxy of $http_proxy as well, unless told not to.
    options = [("grpc.enable_http_proxy", 0)] if is_loopback(server) else []
    return grpc.insecure_channel(server, options=options)
