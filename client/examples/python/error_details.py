"""What the server says about an error besides its code and message."""

from google.rpc import error_details_pb2, status_pb2


def error_details(error):
    """The google.rpc details of a grpc.RpcError, by the name of their message.

    They travel in the trailing metadata. With grpcio-status installed,
    `rpc_status.from_call(error).details` are the same.
    """
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    details = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        message = getattr(error_details_pb2, name)()
        packed.Unpack(message)
        details[name] = message
    return details


def retry_delay(error):
    """Seconds after which the server advises to call again (RetryInfo), or None."""
    info = error_details(error).get("RetryInfo")
    return info and info.retry_delay.ToTimedelta().total_seconds()
