"""A TCP proxy whose connections can be cut at any moment, as networks do."""

import contextlib
import socket
import threading


class CuttingProxy:
    """Forwards connections to HOST:PORT. A context manager."""

    def __init__(self, target):
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = []
        self._lock = threading.Lock()
        self._living = []  # connections: pairs of sockets
        self._past = []
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.cuts = 0  # of living connections

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *exception):
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *(end for connection in self._past for end in connection)):
            end.close()

    def cut(self):
        """Ends every connection that there is; what is on its way is lost. New ones are welcome."""
        with self._lock:
            connections, self._living = self._living, []
            self._past += connections
            self.cuts += len(connections)
        for connection in connections:
            self._shut(connection)

    @staticmethod
    def _shut(connection):
        for end in connection:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener was shut down
            while True:
                client, _ = self._listener.accept()
                connection = (client, socket.create_connection(self._target))
                with self._lock:
                    self._living.append(connection)
                self._start(self._forward, connection, 0, 1)
                self._start(self._forward, connection, 1, 0)

    def _forward(self, connection, source, sink):
        with contextlib.suppress(OSError):
            while data := connection[source].recv(1 << 16):
                connection[sink].sendall(data)
        # The end of one direction is the connection's.
        with self._lock:
            if connection in self._living:
                self._living.remove(connection)
                self._past.append(connection)
        self._shut(connection)
