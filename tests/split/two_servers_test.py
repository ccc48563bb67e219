"""A network whose halves are on two servers learns what the whole does.

    two_servers_test.py DESCENTD SPLIT_EXAMPLE
"""

import re
import sys
import unittest

import examples
import descent
import numpy as np
import two_servers

README = (examples.ROOT / "README.md").read_text(encoding="utf-8")


class TwoServersTest(unittest.TestCase):
    def setUp(self):
        self.below = self.enterContext(examples.server())
        self.above = self.enterContext(examples.server())

    def check(self, output):
        losses = re.findall(r"loss ([\d.]+), of the whole ([\d.]+)", output)
        self.assertEqual(len(losses), 4)
        for halves, whole in losses:
            self.assertAlmostEqual(float(halves), float(whole), places=5)
        self.assertLess(float(losses[-1][0]), 0.02)  # the targets' variance is 0.17
        difference = float(re.search(r"largest difference of a parameter (\S+)", output).group(1))
        self.assertLess(difference, 1e-5)

    def test_the_python_example(self):
        for _ in range(2):  # the second finds nothing of the first
            output = examples.run("two_servers.py", self.below.address, self.above.address)
            self.check(output)
            rmse = float(re.search(r"test rmse ([\d.]+)", output).group(1))
            self.assertLess(rmse, 0.15)

    def test_the_cpp_example(self):
        for _ in range(2):
            self.check(examples.run(CPP_EXAMPLE, self.below.address, self.above.address))

    def test_the_readme_shows_its_lines(self):
        section = re.search(r"^### Across services\n(.*?)^##", README, re.M | re.S).group(1)
        shown = re.search(r"^```python\n(.*?)^```$", section, re.M | re.S).group(1)
        example = (examples.EXAMPLES / "two_servers.py").read_text(encoding="utf-8")
        for line in shown.splitlines():
            self.assertIn(f"    {line}\n", example)

    def test_an_update_in_between_is_noticed(self):
        """What one half's gradient was computed for is then no more, and nothing is applied to it."""
        first, last = descent.Dense(8, "tanh"), descent.Dense(1)
        with descent.Client(self.below.address) as below, descent.Client(self.above.address) as above:
            lower = below.create("lower", descent.Network(4, [first]))
            upper = above.create("upper", descent.Network(8, [last]))
            x, y = two_servers.samples(np.random.default_rng(0), 16)
            gradient = upper.gradient

            def while_others_train(*arguments, **named):
                answer = gradient(*arguments, **named)
                upper.step(lower.predict(x), y)
                return answer

            upper.gradient = while_others_train
            with self.assertRaises(descent.AbortedError) as raised:
                two_servers.train_step(lower, upper, x, y)
            self.assertEqual(raised.exception.reason, "STALE_GRADIENTS")
            self.assertEqual((lower.step_count, upper.step_count), (0, 1))


if __name__ == "__main__":
    CPP_EXAMPLE = sys.argv.pop(1)
    examples.package.main()
