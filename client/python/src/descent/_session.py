"""A training session: which batches are sent, applied and durable, and what to do when the stream breaks.

    first kept        applied          sent           next
 let go     |   to replay    |   in flight   |   to send    |

Decisions alone, without a thread or a wait of their own; the two APIs bring those. Nothing here may be
called by two threads at once.
"""

from __future__ import annotations

import collections
import itertools
import math
import time
import uuid
from typing import Any, Callable, Optional

from . import _arrays
from ._batches import as_more, train_request
from ._contract import message_class
from ._failure import is_transient
from ._retry import Backoff
from .errors import DescentError, error
from .options import Options
from .results import TrainingSummary

# Batches beyond these bytes wait to be taken while some are on their way.
_MOST_BYTES_AHEAD = 64 << 20
# Batches that are applied but not durable are kept up to so many bytes, for a server that comes back
# without them. Only models whose durability is not "journal" have such batches for long.
_MOST_BYTES_TO_REPLAY = 256 << 20
# Acknowledgements cost both ends about as much as a small batch does.
_BATCHES_OF_AN_ACK = 16
_LARGE_BATCH = 256 << 10
# A message costs more than a small batch does: those that wait go together.
_SMALL_BATCH = 16 << 10
_MOST_BYTES_TOGETHER = 128 << 10

# Seconds between two looks of whoever shows progress.
GLANCE = 0.1
# Seconds that an interrupted run waits for what it has sent to be applied.
PATIENCE = 10.0

_TrainRequest = message_class("TrainRequest")


class Session:
    """Of one call of `train`."""

    def __init__(self, model: str, session: Optional[str], expected_step: Optional[int],
                 options: Options, batch_bytes: int,
                 on_ack: Optional[Callable[[Any], None]] = None) -> None:  # fmt: skip
        """`batch_bytes`: of the first batch, if there is one. `on_ack` hears of each batch's own loss."""
        self.name = session or uuid.uuid4().hex
        self._model = model
        self._expected_step = expected_step
        self._options = options
        self._backoff = Backoff(options.retry)
        self._on_ack = on_ack
        each = batch_bytes >= _LARGE_BATCH or on_ack is not None
        self._ack_every = 1 if each else _BATCHES_OF_AN_ACK

        self._kept: collections.deque[bytes] = collections.deque()
        self._first_kept = 0  # 0: the server was never ready
        self._sent = 0
        self._applied = 0
        self._durable = 0
        self._bytes_ahead = 0  # of the batches that are kept and not applied
        self._bytes_to_replay = 0  # of those that are

        self._first = 0  # the first batch of this run
        self._window = 0
        self._most_batches = 1  # of one message
        self._step = 0
        self._rows = 0
        self._loss = 0.0
        self._loss_times_rows = 0.0
        self._breaks = 0
        self._trouble_since = math.inf

    # Before and on each stream.

    def start(self) -> bytes:
        """The first message of a stream."""
        request = _TrainRequest()
        request.start.model = self._model
        request.start.session_id = self.name
        request.start.ack_every = self._ack_every
        # Once the session has begun, its own batches move the model on.
        if self._expected_step is not None and not self.begun:
            request.start.expected_step = self._expected_step
        return request.SerializeToString()  # type: ignore[no-any-return]

    def hear(self, response: Any, first: bool) -> None:
        """Takes what the server says. Raises an error if it broke the contract."""
        expected = "ready" if first else "ack"
        if response.WhichOneof("message") != expected:
            raise error("INTERNAL", f"the server was to send `{expected}`, and did not")
        if first:
            self._hear_ready(response.ready)
        else:
            self._hear_ack(response.ack)

    def _hear_ready(self, ready: Any) -> None:
        wanted = ready.next_sequence
        if not 1 <= wanted <= 1 << 62:
            raise error("INTERNAL", f"the server wants batch {wanted}")
        if not self.begun:
            self._first = self._first_kept = wanted
            self._durable = wanted - 1
        else:
            self._breaks += 1
        if wanted < self._first_kept:
            raise error("DATA_LOSS", f"the server came back wanting batch {wanted}, but those before "
                        f"{self._first_kept} are no longer kept")  # fmt: skip
        if wanted > self.last + 1:
            raise error("ABORTED", f"the server wants batch {wanted} after {self.last}: another client "
                        "goes on with this session")  # fmt: skip
        self._applied = self._sent = wanted - 1
        self._window = max(ready.window, 1)
        self._most_batches = max(ready.most_batches, 1)
        self._step = ready.step
        sizes = [len(batch) for batch in self._kept]
        self._bytes_to_replay = sum(sizes[: wanted - self._first_kept])
        self._bytes_ahead = sum(sizes) - self._bytes_to_replay
        self._let_go()
        if self._applied == self.last:
            self._trouble_since = math.inf

    def _hear_ack(self, ack: Any) -> None:
        if ack.sequence > self._sent or ack.durable_sequence > max(ack.sequence, self._applied):
            raise error("INTERNAL", f"the server acknowledges batch {ack.sequence} and calls "
                        f"{ack.durable_sequence} durable, but only {self._sent} were sent")  # fmt: skip
        if ack.sequence > self._applied:
            begin = self._applied + 1 - self._first_kept
            end = ack.sequence + 1 - self._first_kept
            moved = sum(map(len, itertools.islice(self._kept, begin, end)))
            self._bytes_ahead -= moved
            self._bytes_to_replay += moved
            self._applied = ack.sequence
            self._trouble_since = math.inf
        self._durable = max(self._durable, ack.durable_sequence)
        self._step = ack.step
        self._loss = ack.loss
        self._rows += ack.rows
        self._loss_times_rows += ack.loss * ack.rows
        if self._on_ack is not None:
            self._on_ack(ack)
        self._let_go()

    def _let_go(self) -> None:
        while self._first_kept <= self._applied and (
            self._first_kept <= self._durable or self._bytes_to_replay > _MOST_BYTES_TO_REPLAY
        ):
            self._bytes_to_replay -= len(self._kept.popleft())
            self._first_kept += 1

    def pause_after(self, failed: DescentError) -> float:
        """How long to wait before the next stream, after one that ended so. Raises what is to be raised if
        there is to be none."""
        now = time.monotonic()
        if math.isinf(self._trouble_since):
            self._trouble_since = now
            self._backoff.reset()
        pause = self._backoff.next(failed)
        if not is_transient(failed) or now + pause > (
            self._trouble_since + self._options.retry.give_up_after
        ):
            raise self._with_batch(failed)
        if self._options.on_retry is not None:
            self._options.on_retry(failed, now - self._trouble_since)
        return pause

    def _with_batch(self, failed: DescentError) -> DescentError:
        sequence = failed.details.get("sequence", "")
        if sequence.isdecimal() and self.begun and int(sequence) >= 1:
            failed.batch_index = int(sequence) - 1
        return failed

    # Batches.

    @property
    def begun(self) -> bool:
        """Whether the server was ready once."""
        return self._first_kept > 0

    @property
    def last(self) -> int:
        """The last batch that was taken."""
        return self._first_kept + len(self._kept) - 1

    @property
    def skipped(self) -> int:
        """Of the batches from the first on: how many an earlier run has applied."""
        return max(self._first - 1, 0)

    @property
    def has_room(self) -> bool:
        """Whether another batch may be taken now. Requires `begun`."""
        ahead = self.last - self._applied
        return ahead < self._window and (
            self._bytes_ahead < _MOST_BYTES_AHEAD or ahead < 2 * self._ack_every
        )

    @property
    def has_much_room(self) -> bool:
        """Whether it is worth waking somebody who waits for room."""
        return self.last - self._applied <= self._window - self._window // 4 and self.has_room

    @property
    def all_applied(self) -> bool:
        return self._applied == self.last

    def take(self, batch: _arrays.Parts) -> None:
        request = train_request(self.last + 1, batch)
        self._kept.append(request)
        self._bytes_ahead += len(request)

    def next_to_send(self) -> Optional[bytes]:
        """A message of what waits: one batch, or several small ones. They count as sent from now on. None if
        there is nothing."""
        if self._sent >= self.last:
            return None
        begin = self._sent + 1 - self._first_kept
        self._sent += 1
        request = self._kept[begin]
        if self._sent == self.last or self._most_batches == 1 or len(request) > _SMALL_BATCH:
            return request
        together = [request]
        room = _MOST_BYTES_TOGETHER - len(request)
        for another in itertools.islice(self._kept, begin + 1, begin + self._most_batches):
            room -= len(another)
            if room < 0:
                break
            together.append(as_more(another))
        self._sent += len(together) - 1
        return b"".join(together)

    def summary(self) -> TrainingSummary:
        return TrainingSummary(
            session=self.name,
            step=self._step,
            batches=max(self._applied - self.skipped, 0),
            skipped=self.skipped,
            rows=self._rows,
            loss=self._loss,
            mean_loss=self._loss_times_rows / self._rows if self._rows else 0.0,
            breaks=self._breaks,
        )
