"""A descentd for tests that are scripts."""

import re
import signal
import subprocess

TIMEOUT = 120  # seconds, of anything that a test waits for


class LiveServer:
    """A running descentd on a free port. A context manager, which at its end expects it to drain.

    It keeps models in memory, or in `data_dir`, and takes `options` and variables as given. It may be stopped in between, and started again on
    the same port.
    """

    def __init__(self, descentd, data_dir=None, listen="127.0.0.1:0", options=(), environment=None,
                 errors=None):
        self._command = [descentd, "--in-memory"] if data_dir is None else [
            descentd, "--data-dir", data_dir]
        self._command += options
        self._environment = environment
        self._errors = errors
        self._process = None
        self.address = listen

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            code = self.stop()
            assert code == 0, code

    def start(self):
        """Returns when it takes calls."""
        self._process = subprocess.Popen(
            [*self._command, "--listen", self.address], stdout=subprocess.PIPE, text=True,
            stderr=self._errors, env=self._environment)
        self.address = self.next_address()

    def next_address(self):
        """The next that it says to listen on: with several --listen options, one a line."""
        line = self._process.stdout.readline()
        return re.fullmatch(r"listening on (\S+)\n", line).group(1)

    def next_pages(self):
        """Where it answers HTTP, once the addresses have been read: the URL."""
        line = self._process.stdout.readline()
        return re.fullmatch(r"pages at (\S+)\n", line).group(1)

    @property
    def pid(self):
        return self._process.pid

    @property
    def errors(self):
        """What it writes to stderr, where that was asked for as a pipe."""
        return self._process.stderr

    def send(self, number):
        """Sends it a signal that does not end it."""
        self._process.send_signal(number)

    def kill(self):
        """Ends it at once, if it is running."""
        if self._process is not None:
            self.stop(signal.SIGKILL)

    def stop(self, number=signal.SIGTERM):
        """Ends it by a signal, and returns how it ended."""
        process, self._process = self._process, None
        with process:  # closes its output and waits
            process.send_signal(number)
        return process.returncode
