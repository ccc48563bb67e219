"""Four workers train one model by gradients, of which the server refuses those that are too old.

    parameter_server_test.py DESCENTD
"""

import re
import unittest

import examples
import parameter_server


class ParameterServerTest(unittest.TestCase):
    def test_the_example(self):
        with examples.server() as server:
            output = examples.run("parameter_server.py", server.address)
        workers = [tuple(map(int, numbers)) for numbers in re.findall(
            r"worker \d: (\d+) applied, the stalest by (\d+), (\d+) refused", output)]
        self.assertEqual(len(workers), parameter_server.WORKERS)
        step = int(re.search(r"the model is at step (\d+)", output).group(1))
        self.assertGreaterEqual(step, parameter_server.UPDATES)
        # Each update was a worker's, and none was applied twice.
        self.assertEqual(sum(applied for applied, _, _ in workers), step)
        for _, stalest, _ in workers:
            self.assertLessEqual(stalest, parameter_server.MAX_STALENESS)
        self.assertGreater(workers[-1][2], 0)  # the slow one
        rmse = float(re.search(r"test rmse ([\d.]+)", output).group(1))
        self.assertLess(rmse, 0.2)  # the targets' own deviation is 0.41


if __name__ == "__main__":
    examples.package.main()
