"""What breaks under a program: its server is started again, or answers are lost on their way."""

import collections
import concurrent.futures
import contextlib
import datetime
import pathlib
import socket
import sys
import threading
import time

import grpc

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from live_server import TIMEOUT

LOOPBACK = [("grpc.enable_http_proxy", 0)]


class RestartingProxy:
    """Forwards connections to a LiveServer, and ends and restarts it each time that a part of a run has passed.

    A context manager. When `part` bytes have gone to the server, no more do until `applied(restarts)` is true,
    which asks how far the server is; then `end` ends it. So it is struck in the same part of a run on any
    machine.
    """

    def __init__(self, server, end, times, part, applied):
        self._server = server
        self._end = end
        self._left = times
        self._part = part
        self._applied = applied
        self._sent = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends = []
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.restarts = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                client, _ = self._listener.accept()
                host, _, port = self._server.address.rpartition(":")
                with self._lock:  # nobody is let in while the server is being started again
                    server = socket.create_connection((host, int(port)))
                self._ends += [client, server]
                for arguments in ((client, server, self._count), (server, client, None)):
                    threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(self, source, sink, count):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 12):
                sink.sendall(data)
                if count:
                    count(len(data))
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size):
        with self._lock:
            self._sent += size
            if self._left == 0 or self._sent < self._part:
                return
            limit = time.monotonic() + TIMEOUT
            while not self._applied(self.restarts) and time.monotonic() < limit:
                time.sleep(0.01)
            self._end()
            self._server.start()
            self._sent = 0
            self._left -= 1
            self.restarts += 1


class LosingAnswers(grpc.GenericRpcHandler):
    """A gRPC server before another, which loses the first answer of each unary method.

    The caller is told RESOURCE_EXHAUSTED instead, with RetryInfo. A context manager.
    """

    DELAY = 0.2  # seconds, that callers are told to wait
    STREAMS = ("/descent.v1.NetworkService/Train",)

    def __init__(self, target):
        self._channel = grpc.insecure_channel(target, options=LOOPBACK)
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[self])
        self.address = "127.0.0.1:%d" % self._server.add_insecure_port("127.0.0.1:0")
        self.requests = collections.defaultdict(list)  # of each unary method: (time, bytes)
        self.deadlines = collections.defaultdict(list)  # of each: seconds that were left, or None

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *exception):
        self._server.stop(None)
        self._channel.close()

    def service(self, details):
        if details.method in self.STREAMS:
            forward = self._channel.stream_stream(details.method)
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, _: forward(requests, timeout=TIMEOUT))

        def unary(request, context):
            seen = self.requests[details.method]
            seen.append((time.monotonic(), request))
            self.deadlines[details.method].append(context.time_remaining())
            try:
                answer = self._channel.unary_unary(details.method)(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                context.set_trailing_metadata(error.trailing_metadata())
                context.abort(error.code(), error.details())
            if len(seen) > 1:
                return answer
            context.set_trailing_metadata([("grpc-status-details-bin", self._try_again())])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the answer was lost")

        return grpc.unary_unary_rpc_method_handler(unary)

    def _try_again(self):
        from google.rpc import error_details_pb2, status_pb2

        status = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromTimedelta(datetime.timedelta(seconds=self.DELAY))
        status.details.add().Pack(info)
        return status.SerializeToString()

