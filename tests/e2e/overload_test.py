"""Ten times the load that a server sustains: whatever is not answered is refused as it should be, memory keeps
to its budget, and it goes on afterwards.

    overload_test.py DESCENTD OVERLOAD_BENCH [SECONDS]

Times are printed and not judged: a machine that has other work to do has no times.
"""

import json
import re
import subprocess
import sys
import unittest

from live_server import TIMEOUT, LiveServer

MEMORY_MIB = 512


def overload(*options):
    """The phases and ratios of a server with these options, and the most MiB that it took."""
    with LiveServer(descentd, options=["--memory-mib", str(MEMORY_MIB), *options]) as server:
        measured = subprocess.run([overload_bench, server.address, seconds], check=True,
                                  stdout=subprocess.PIPE, text=True, timeout=TIMEOUT + 5 * float(seconds))
        with open(f"/proc/{server.pid}/status", encoding="ascii") as status:
            highest = int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1)) / 1024
    print(measured.stdout)
    lines = [json.loads(line) for line in measured.stdout.splitlines()]
    return {line.get("phase", "ratios"): line for line in lines}, highest


class OverloadTest(unittest.TestCase):
    def check(self, lines, highest):
        for phase in "unloaded", "overloaded":
            self.assertEqual(lines[phase]["other"], 0, phase)
            self.assertGreater(lines[phase]["ok"], 0, phase)
        self.assertGreater(lines["overloaded"]["exhausted"] + lines["overloaded"]["late"], 0)
        self.assertGreater(lines["ratios"]["recovered"], 0)
        self.assertLess(highest, 1.25 * MEMORY_MIB)

    def test_queues_are_filled_and_the_rest_is_refused(self):
        self.check(*overload())

    def test_who_would_wait_too_long_is_refused(self):
        lines, highest = overload("--max-read-wait-ms", "5")
        self.check(lines, highest)
        self.assertGreater(lines["overloaded"]["exhausted"], lines["overloaded"]["ok"])


if __name__ == "__main__":
    seconds = sys.argv.pop(3) if len(sys.argv) > 3 else "1"
    overload_bench, descentd = sys.argv.pop(2), sys.argv.pop(1)
    unittest.main()
