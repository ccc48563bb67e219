"""A descentd for tests that are scripts."""

import re
import subprocess

TIMEOUT = 120  # seconds, of anything that a test waits for


class LiveServer:
    """A running descentd on a free port. A context manager, which at its end expects it to drain."""

    def __init__(self, descentd):
        command = [descentd, "--listen", "127.0.0.1:0", "--in-memory"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        line = self._process.stdout.readline()
        self.address = re.fullmatch(r"listening on (\S+)\n", line).group(1)
        return self

    def __exit__(self, *exception):
        with self._process:  # closes its output and waits
            self._process.terminate()
        assert self._process.returncode == 0, self._process.returncode
