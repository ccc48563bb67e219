"""As much of HTTP/2 as it takes to misuse it: frames over a socket, written by hand.

Header blocks are literals without Huffman's code and without the table, so nothing has to be
decoded. A connection may read, or leave everything that comes in the socket.
"""

import socket
import struct
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
CONTINUATION = 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4

MAX_FRAME = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def hpack_integer(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    encoded = [first | limit]
    value -= limit
    while value >= 128:
        encoded.append(value % 128 | 128)
        value //= 128
    return bytes([*encoded, value])


def hpack_string(text):
    return hpack_integer(len(text), 7) + text


def literal(name, value):
    """A header field that enters no table."""
    return b"\0" + hpack_string(name) + hpack_string(value)


def call_headers(path, *more):
    return b"".join([literal(b":method", b"POST"), literal(b":scheme", b"http"),
                     literal(b":path", path.encode()), literal(b":authority", b"hostile"),
                     literal(b"te", b"trailers"), literal(b"content-type", b"application/grpc"),
                     *(literal(name, value) for name, value in more)])


def grpc_message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class Closed(Exception):
    """The server has closed the connection."""


class Connection:
    """One connection. Reads, if it does, on a thread of its own, and drops what it has read."""

    def __init__(self, address, reads=True, window=(1 << 31) - 1):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.next_stream = 1
        self.received = 0  # bytes of DATA
        self.ended = 0  # streams that the server has ended
        self.closed = False
        self.goodbye = ""  # what the server said as it closed the connection
        self._condition = threading.Condition()
        self._connection_window = 65535
        self._initial_window = 65535
        self._stream_windows = {}
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        if reads:
            if window > 65535:
                grant = struct.pack(">I", window - 65535)
                self.send(frame(WINDOW_UPDATE, 0, 0, grant))
            threading.Thread(target=self._read, daemon=True).start()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.closed = True
            raise Closed(str(error)) from error

    def start(self, path, flags=END_HEADERS, headers=()):
        """Begins a call and returns its stream."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(frame(HEADERS, flags, stream, call_headers(path, *headers)))
        return stream

    def message(self, stream, payload, end=False):
        """Sends a message as the windows allow."""
        data = grpc_message(payload)
        at = 0
        while at < len(data):
            # A window may shrink: what was taken of it has gone before that is acknowledged.
            with self._condition:
                size = self._take_window(stream, min(MAX_FRAME, len(data) - at))
                last = end and at + size == len(data)
                self.send(frame(DATA, END_STREAM if last else 0, stream, data[at : at + size]))
            at += size

    def small_message(self, stream, payload, end=False):
        """Sends a message that is smaller than any window, without waiting for one."""
        with self._condition:
            self._connection_window -= len(payload) + 5
            self._stream_windows[stream] = self._stream_windows.get(stream, 0) - len(payload) - 5
        self.send(frame(DATA, END_STREAM if end else 0, stream, grpc_message(payload)))

    def reset(self, stream, code=8):
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _take_window(self, stream, wanted):
        while True:
            if self.closed:
                raise Closed(f"while sending: {self.goodbye}")
            left = self._stream_windows.get(stream, 0) + self._initial_window
            size = min(wanted, self._connection_window, left)
            if size > 0:
                break
            if not self._condition.wait(timeout=30):
                raise Closed("no window for 30 s")
        self._connection_window -= size
        self._stream_windows[stream] = self._stream_windows.get(stream, 0) - size
        return size

    def _read(self):
        try:
            stream = self.socket.makefile("rb", buffering=1 << 16)
            self.socket.settimeout(None)
            while header := stream.read(9):
                if len(header) < 9:
                    break
                size = int.from_bytes(header[:3], "big")
                kind, flags = header[3], header[4]
                number = int.from_bytes(header[5:9], "big") & 0x7FFFFFFF
                payload = stream.read(size)
                self._take(kind, flags, number, payload)
        except OSError as error:
            self.goodbye = self.goodbye or str(error)
        with self._condition:
            self.closed = True
            self._condition.notify_all()

    def _take(self, kind, flags, number, payload):
        with self._condition:
            if kind == WINDOW_UPDATE:
                grant = int.from_bytes(payload, "big")
                if number == 0:
                    self._connection_window += grant
                else:
                    self._stream_windows[number] = self._stream_windows.get(number, 0) + grant
            elif kind == SETTINGS and not flags & ACK:
                for at in range(0, len(payload), 6):
                    name, value = struct.unpack_from(">HI", payload, at)
                    if name == INITIAL_WINDOW_SIZE:
                        self._initial_window = value
            elif kind == GOAWAY:
                self.goodbye = payload[8:].decode(errors="replace")
            elif kind == DATA:
                self.received += len(payload)
            if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                self.ended += 1
            if kind == SETTINGS and not flags & ACK:
                self._answer(frame(SETTINGS, ACK, 0))
            self._condition.notify_all()
        if kind == PING and not flags & ACK:
            self._answer(frame(PING, ACK, 0, payload))

    def _answer(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass
