"""The Python of README.md and of the package's own runs as it is written.

    readme_test.py DESCENTD
"""

import asyncio
import contextlib
import re
import subprocess
import textwrap
import unittest

import package
import descent
import numpy as np
from live_server import LiveServer
from problems import batches, network


def blocks(path):
    return re.findall(r"(?ms)^```python\n(.*?)^```$", path.read_text())


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(LiveServer(package.descentd, errors=subprocess.DEVNULL))

    def run_block(self, block, **names):
        names["print"] = lambda *_: None
        exec(block.replace("127.0.0.1:50051", self.server.address), names)

    def test_the_project_s(self):
        found = [block for block in blocks(package.ROOT / "README.md") if "descent" in block]
        self.assertGreaterEqual(len(found), 1)
        for block in found:
            self.run_block(block)

    def test_the_package_s(self):
        first, resuming, estimating, tabular, embedding, categorical, awaiting = blocks(package.SOURCES / "README.md")
        self.run_block(first)
        with contextlib.suppress(ImportError):  # environments_test.py has scikit-learn
            self.run_block(estimating, x=np.ones((20, 3)), y=np.ones(20))
        main = "async def main():\n" + textwrap.indent(awaiting, "    ") + "\nasyncio.run(main())"
        self.run_block(main, asyncio=asyncio, descent=descent, x=np.ones((20, 3)))
        with descent.Client(self.server.address) as client:
            self.run_block(resuming.replace(", progress=True", ""), model=client.create("m", network()),
                           batches=batches(10))
            self.run_block(tabular, client=client, descent=descent,
                           frame={"area": np.arange(50.0), "price": np.arange(50.0)})
            self.run_block("from descent.frames import Recipe\n" + embedding, client=client, descent=descent,
                           sales={"shop": list("abcde") * 10, "article": range(50), "amount": np.arange(50.0)})
            self.run_block(categorical, client=client, descent=descent)

    def test_the_module_s(self):
        example = textwrap.dedent(descent.__doc__.split("\n\n", 2)[1] + "\n" + "\n\n".join(
            descent.__doc__.split("\n\n")[2:3]))
        x = np.ones((40, 13), np.float32)
        self.run_block(example, x=x, y=x[:, 0])


if __name__ == "__main__":
    package.main()
