"""The C++ example against a live server: it trains, predicts, and cleans up behind it.

    cpp_example_test.py DESCENTD EXAMPLE
"""

import re
import subprocess
import sys
import unittest

from live_server import TIMEOUT, LiveServer


def run(*arguments):
    return subprocess.run([example, *arguments], timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


class CppExampleTest(unittest.TestCase):
    """More is tried by tests/interop/run cpp."""

    def test_runs(self):
        server = self.enterContext(LiveServer(descentd))
        for _ in range(2):  # the second finds nothing of the first
            result = run(server.address)
            self.assertEqual(result.returncode, 0, result.stderr)
            output = result.stdout
            self.assertRegex(output, r"created cpp-example: 321 parameters")
            self.assertRegex(output, r"update  1000 of 1000  loss ")
            rmse = float(re.search(r"test rmse ([0-9.]+)", output).group(1))
            self.assertLess(rmse, 1)  # the data's own deviation is 4

    def test_says_what_is_wrong(self):
        for arguments, problem in (
                (["http://127.0.0.1:1"], "INVALID_ARGUMENT"),
                (["--tls-ca"], "--tls-ca: it needs a file"),
                (["--tls-ca", "/nowhere.pem"], "/nowhere.pem"),
                (["--token-file", "/nowhere"], "/nowhere: there is no token"),
                (["--tls", "yes"], "--tls: no such option"),
        ):
            result = run(*arguments)
            self.assertEqual(result.returncode, 1)
            self.assertIn("descent_example: INVALID_ARGUMENT", result.stderr)
            self.assertIn(problem, result.stderr)


if __name__ == "__main__":
    descentd, example = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
