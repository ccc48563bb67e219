"""What is decided without a server: when to try again, and what a training session does with what it is told.

    session_test.py DESCENTD
"""

import time
import unittest

import package
import descent
from descent import _session
from descent._arrays import of_bytes
from descent._contract import message_class
from descent._failure import failure, is_transient
from descent._retry import Attempts, Backoff
from descent._session import Session
from descent.errors import error
from descent.options import Options

TrainRequest, TrainResponse = message_class("TrainRequest"), message_class("TrainResponse")
POLICY = descent.RetryPolicy(give_up_after=10, initial_backoff=0.1, max_backoff=1, multiplier=2)
AWAY = error("UNAVAILABLE", "away")


def ready(next_sequence, window=4, step=0, most_batches=0):
    return TrainResponse(ready={"next_sequence": next_sequence, "window": window, "step": step,
                                "most_batches": most_batches})


def ack(sequence, durable=None, rows=4, loss=1.0):
    durable = sequence if durable is None else durable
    return TrainResponse(ack={"sequence": sequence, "durable_sequence": durable, "step": sequence, "rows": rows,
                              "loss": loss})


def make(session="s", batch_bytes=0, **settings):
    return Session("m", session, None, Options("127.0.0.1:1", retry=POLICY), batch_bytes, **settings)


def begun(next_sequence=1, **settings):
    session = make(**settings)
    session.hear(ready(next_sequence), first=True)
    return session


def sent(session):
    """The sequence numbers of what there is to send."""
    numbers = []
    while (request := session.next_to_send()) is not None:
        numbers.append(TrainRequest.FromString(request).batch.sequence)
    return numbers


def sent_together(session):
    """The same for each message."""
    messages = []
    while (request := session.next_to_send()) is not None:
        message = TrainRequest.FromString(request)
        messages.append([message.batch.sequence, *(batch.sequence for batch in message.more)])
    return messages


def fill(session, count, batch=b""):
    for _ in range(count):
        session.take(of_bytes(batch))


def large(size):
    """A batch of so many bytes, and some more."""
    return message_class("Batch")(inputs={"raw": bytes(size)}).SerializeToString()


class RetryTest(unittest.TestCase):
    def test_what_may_pass_is_tried_again(self):
        for code in ("UNAVAILABLE", "CANCELLED"):
            self.assertTrue(is_transient(error(code, "")))
        self.assertTrue(is_transient(error("RESOURCE_EXHAUSTED", "", retry_after=1.0)))
        for code in ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "INTERNAL", "NOT_FOUND"):
            self.assertFalse(is_transient(error(code, "")))

    def test_pauses_grow_and_are_as_long_as_the_server_asks(self):
        backoff = Backoff(POLICY)
        for ceiling in (0.1, 0.2, 0.4, 0.8, 1, 1):
            pause = backoff.next(AWAY)
            self.assertTrue(ceiling / 2 <= pause <= ceiling, pause)
        self.assertEqual(backoff.next(error("UNAVAILABLE", "", retry_after=7.0)), 7.0)

    def test_a_pause_that_would_not_end_in_time_is_not_begun(self):
        told = []
        options = Options("127.0.0.1:1", retry=POLICY, on_retry=lambda cause, since: told.append(cause))
        attempts = Attempts(options, 5.0, time.monotonic())
        self.assertLess(attempts.pause_after(AWAY), 0.2)
        self.assertEqual(told, [AWAY])
        late = error("UNAVAILABLE", "", retry_after=6.0)
        with self.assertRaises(descent.UnavailableError) as caught:
            attempts.pause_after(late)
        self.assertIs(caught.exception, late)
        patient = Attempts(options, 100.0, time.monotonic())
        with self.assertRaises(descent.UnavailableError):
            patient.pause_after(error("UNAVAILABLE", "", retry_after=11.0))  # beyond give_up_after

    def test_details_that_make_no_sense_are_left_out(self):
        class CallError:
            def __init__(self, metadata):
                self._metadata = metadata

            def code(self):
                return None

            def details(self):
                return None

            def trailing_metadata(self):
                return self._metadata

        for metadata in (None, [("grpc-status-details-bin", b"\xff\xff")], [("other", "x")]):
            failed = failure(CallError(metadata))
            self.assertEqual((failed.code, failed.reason, failed.message), ("UNKNOWN", "", ""))


class SessionTest(unittest.TestCase):
    def test_small_batches_that_wait_go_together_if_the_server_takes_them(self):
        for most_batches, expected in [(0, [[1], [2], [3], [4], [5]]), (1, [[1], [2], [3], [4], [5]]),
                                       (2, [[1, 2], [3, 4], [5]]), (64, [[1, 2, 3, 4, 5]])]:
            session = make()
            session.hear(ready(1, window=8, most_batches=most_batches), first=True)
            fill(session, 5)
            self.assertEqual(sent_together(session), expected)
            self.assertEqual(sent_together(session), [])
            fill(session, 1)
            self.assertEqual(sent_together(session), [[6]])

    def test_batches_that_go_together_are_what_they_are_alone(self):
        session = make()
        session.hear(ready(1, window=8, most_batches=64), first=True)
        tensor = {"inputs": {"raw": b"12345678", "shape": [1, 2]}}
        fill(session, 3, message_class("Batch")(**tensor).SerializeToString())
        message = TrainRequest.FromString(session.next_to_send())
        self.assertEqual(message, TrainRequest(
            batch={"sequence": 1, "batch": tensor},
            more=[{"sequence": 2, "batch": tensor}, {"sequence": 3, "batch": tensor}]))

    def test_large_batches_go_alone(self):
        session = make()
        session.hear(ready(1, window=64, most_batches=64), first=True)
        fill(session, 2, large(17 << 10))
        self.assertEqual(sent_together(session), [[1], [2]])
        fill(session, 1)
        fill(session, 1, large(128 << 10))
        fill(session, 20, large(15 << 10))
        self.assertEqual(sent_together(session), [[3], [4], [*range(5, 13)], [*range(13, 21)], [*range(21, 25)]])

    def test_batches_are_numbered_from_where_the_server_wants_them(self):
        session = begun(next_sequence=8)
        self.assertEqual(session.skipped, 7)
        fill(session, 3)
        self.assertEqual(sent(session), [8, 9, 10])

    def test_there_is_room_as_far_as_the_window_goes(self):
        session = begun()
        fill(session, 4)
        self.assertFalse(session.has_room)
        self.assertEqual(sent(session), [1, 2, 3, 4])
        session.hear(ack(1), first=False)
        self.assertTrue(session.has_room)

    def test_there_is_room_as_far_as_the_bytes_go(self):
        large = of_bytes(bytes(_session._MOST_BYTES_AHEAD // 2))
        session = make(batch_bytes=large.size)
        session.hear(ready(1, window=512), first=True)
        taken = 0
        while session.has_room:
            session.take(large)
            taken += 1
        self.assertEqual(taken, 2)

    def test_after_a_break_what_the_server_does_not_have_is_sent_again(self):
        session = begun()
        fill(session, 4)
        sent(session)
        session.hear(ack(3, durable=1), first=False)
        session.hear(ready(3), first=True)
        self.assertEqual(sent(session), [3, 4])
        session.hear(ready(2), first=True)
        self.assertEqual(sent(session), [2, 3, 4])
        session.hear(ack(4), first=False)
        self.assertTrue(session.all_applied)
        self.assertEqual(session.summary().breaks, 2)

    def test_a_server_that_wants_what_is_not_kept_is_told_so(self):
        session = begun()
        fill(session, 3)
        sent(session)
        session.hear(ack(2), first=False)
        with self.assertRaises(descent.DataLossError):
            session.hear(ready(1), first=True)

    def test_a_server_that_is_further_than_we_are_was_served_by_another(self):
        session = begun()
        fill(session, 2)
        sent(session)
        with self.assertRaisesRegex(descent.AbortedError, "another client"):
            session.hear(ready(4), first=True)

    def test_what_breaks_the_contract_is_an_error_and_no_crash(self):
        for session, response, first in (
            (make(), ack(1), True),
            (make(), ready(0), True),
            (make(), ready(-5), True),
            (make(), ready((1 << 62) + 1), True),
            (make(), TrainResponse(), True),
            (begun(), ready(1), False),
            (begun(), ack(1), False),
            (begun(), ack(0, durable=1), False),
        ):
            with self.assertRaises(descent.DescentError) as caught:
                session.hear(response, first)
            self.assertEqual(caught.exception.code, "INTERNAL")

    def test_the_expected_step_is_asked_for_once(self):
        session = Session("m", None, 7, Options("127.0.0.1:1"), 0)
        self.assertEqual(TrainRequest.FromString(session.start()).start.expected_step, 7)
        session.hear(ready(1), first=True)
        self.assertFalse(TrainRequest.FromString(session.start()).start.HasField("expected_step"))

    def test_trouble_is_over_with_the_first_batch_that_is_applied(self):
        session = begun()
        fill(session, 2)
        sent(session)
        for _ in range(3):
            session.pause_after(AWAY)
        session.hear(ack(1), first=False)
        self.assertLessEqual(session.pause_after(AWAY), 0.1)
        with self.assertRaises(descent.UnavailableError):
            session.pause_after(error("UNAVAILABLE", "", retry_after=11.0))
        with self.assertRaises(ValueError) as caught:
            session.pause_after(error("INVALID_ARGUMENT", "", details={"sequence": "2"}))
        self.assertEqual(caught.exception.batch_index, 1)

    def test_the_loss_is_weighted_by_rows(self):
        session = begun()
        fill(session, 2)
        sent(session)
        session.hear(ack(1, rows=1, loss=4.0), first=False)
        session.hear(ack(2, rows=3, loss=0.0), first=False)
        self.assertEqual((session.summary().mean_loss, session.summary().loss), (1.0, 0.0))


if __name__ == "__main__":
    package.main()
