"""Training on a stream of batches."""

import queue
import time
import uuid

import grpc

from descent.v1 import network_service_pb2 as networks
from descent.v1 import tensor_pb2
from error_details import retry_delay
from tensors import to_tensor

RETRIES = 8
FIRST_DELAY = 0.05  # seconds; it doubles with each failure, to six seconds in all


def train(stub, model, batches, session_id=None, ack_every=0):
    """Streams (inputs, targets) pairs and yields the server's acks.

    `batches` is a sequence; batch i of it is the update with the sequence number i + 1. Each is
    applied exactly once: a stream that breaks, or ends with the advice to call again, is opened
    again with the same `session_id`, and goes on where the server says. It gives up when `RETRIES`
    streams in a row have brought no ack.
    """
    session_id = session_id or uuid.uuid4().hex
    acked = 0
    failures = 0
    while True:
        try:
            for ack in _stream(stub, model, batches, session_id, ack_every, acked):
                acked = ack.sequence
                failures = 0
                yield ack
            return
        except grpc.RpcError as error:
            advice = retry_delay(error)
            may_pass = error.code() is grpc.StatusCode.UNAVAILABLE or advice is not None
            if not may_pass or failures == RETRIES:
                raise
            delay = FIRST_DELAY * 2 ** (failures - 1) if failures > 0 else 0
            time.sleep(max(delay, advice or 0))
            failures += 1


def _stream(stub, model, batches, session_id, ack_every, acked):
    # gRPC takes requests from an iterator on a thread of its own. The first batch has to wait for
    # the server's `ready`, and later ones for room in its window, so that a long data set does not
    # pile up: `turns` has one item for each batch that may be sent.
    turns = queue.SimpleQueue()

    def requests():
        start = networks.TrainStart(model=model, session_id=session_id, ack_every=ack_every)
        yield networks.TrainRequest(start=start)
        sequence = turns.get()
        while sequence is not None and sequence <= len(batches):
            inputs, targets = batches[sequence - 1]
            batch = tensor_pb2.Batch(inputs=to_tensor(inputs), targets=to_tensor(targets))
            yield networks.TrainRequest(batch=networks.TrainBatch(sequence=sequence, batch=batch))
            sequence = turns.get()

    responses = stub.Train(requests())
    try:
        ready = next(responses).ready
        # Where the last stream broke, batches may have been applied whose acks were lost. Sent
        # again, the server acknowledges them without applying them.
        first = min(ready.next_sequence, acked + 1) if acked else ready.next_sequence
        granted = first + ready.window
        for sequence in range(first, granted):
            turns.put(sequence)
        for response in responses:
            while granted <= response.ack.sequence + ready.window:
                turns.put(granted)
                granted += 1
            yield response.ack
    finally:
        turns.put(None)
        responses.cancel()
