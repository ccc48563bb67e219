"""The C++ example against a live server: it trains, predicts, and cleans up behind it.

    cpp_example_test.py DESCENTD EXAMPLE
"""

import re
import subprocess
import sys
import unittest

from live_server import TIMEOUT, LiveServer


def run(address):
    return subprocess.run([example, address], timeout=TIMEOUT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


class CppExampleTest(unittest.TestCase):
    def test_runs(self):
        server = self.enterContext(LiveServer(descentd))
        for _ in range(2):  # the second finds nothing of the first
            result = run(server.address)
            self.assertEqual(result.returncode, 0, result.stderr)
            output = result.stdout
            self.assertRegex(output, r"created cpp-example: 4929 parameters")
            self.assertRegex(output, r"update  1260 of 1260  loss ")
            rmse = float(re.search(r"test rmse ([0-9.]+)", output).group(1))
            self.assertLess(rmse, 1.3)  # the noise alone is 1, the data's own deviation 5
            influential = re.search(r"features by influence: (.*)", output).group(1).split()[:5]
            self.assertEqual(set(influential), {"x1", "x2", "x3", "x4", "x5"})
            self.assertRegex(output, r"refused as it should be: INVALID_ARGUMENT: inputs: .*\[n, 10\]")
            self.assertRegex(output, r"(?m)^  reason [A-Z_]+$")
            self.assertRegex(output, r"(?m)^  field inputs: ")

    def test_says_what_is_wrong(self):
        result = run("http://127.0.0.1:1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("descent_example: INVALID_ARGUMENT", result.stderr)


if __name__ == "__main__":
    descentd, example = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
