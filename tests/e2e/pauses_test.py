"""A call that comes after a pause is answered as soon as one that comes after another.

    pauses_test.py DESCENTD
"""

import statistics
import sys
import time
import unittest

import grpc
from live_server import TIMEOUT, LiveServer

HEALTH = "/grpc.health.v1.Health/Check"


class PausesTest(unittest.TestCase):
    def test_a_call_after_a_second_of_silence_finds_somebody_awake(self):
        with LiveServer(descentd) as server, grpc.insecure_channel(server.address) as channel:
            check = channel.unary_unary(HEALTH)

            def seconds(pause):
                time.sleep(pause)
                begin = time.monotonic()
                check(b"", timeout=TIMEOUT)
                return time.monotonic() - begin

            seconds(0)
            soon = statistics.median(seconds(0) for _ in range(100))
            # gRPC's threads slept for a tenth of a second after each second without an event.
            late = statistics.median(seconds(1.01 + 0.01 * i) for i in range(9))
        self.assertLess(late, 0.01 + 20 * soon)


if __name__ == "__main__":
    descentd = sys.argv.pop(1)
    unittest.main()
