"""Trying again what failed for the moment: decisions alone, which both APIs wait by in their own way."""

from __future__ import annotations

import math
import random
import time

from ._failure import is_transient
from .errors import DescentError
from .options import Options, RetryPolicy


class Backoff:
    """Growing pauses."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self.reset()

    def reset(self) -> None:
        self._ceiling = self._policy.initial_backoff

    def next(self, failed: DescentError) -> float:
        ceiling = min(self._ceiling, self._policy.max_backoff)
        self._ceiling = min(ceiling * self._policy.multiplier, self._policy.max_backoff)
        return max(ceiling * random.uniform(0.5, 1.0), failed.retry_after or 0.0)


class Attempts:
    """One call's attempts, which must be safe to repeat."""

    def __init__(self, options: Options, timeout: float, begin: float) -> None:
        """`begin`: of the first attempt, by time.monotonic()."""
        self._options = options
        self._backoff = Backoff(options.retry)
        self._deadline = begin + timeout
        self._first_failure = math.inf

    def left(self) -> float:
        """Seconds that the next attempt may take."""
        return max(self._deadline - time.monotonic(), 0.001)

    def pause_after(self, failed: DescentError) -> float:
        """How long to wait before the next attempt. Raises `failed` if there is to be none: it failed
        for good, or the pause would not end in time."""
        if not is_transient(failed):
            raise failed
        now = time.monotonic()
        self._first_failure = min(self._first_failure, now)
        pause = self._backoff.next(failed)
        end = min(self._deadline, self._first_failure + self._options.retry.give_up_after)
        if now + pause >= end:
            raise failed
        if self._options.on_retry is not None:
            self._options.on_retry(failed, now - self._first_failure)
        return pause
