"""A server of one's own, for a notebook or a test."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
from typing import Any, List, Optional, Sequence, Union

from .errors import error

# Seconds that a server has to drain before it is killed.
_PATIENCE = 30.0
# How often a process is begun that does not come to run the server.
_ATTEMPTS = 20
# Runs the server until the pipe to this process closes, as it does however this process ends.
_UNTIL_CLOSED = """
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
exec >&- 2>&-
read -r _ <&3
kill -TERM "$server"
wait "$server"
"""


def program() -> str:
    """The descentd to start: that of $DESCENTD, of the package descent-server, or on $PATH.

    FileNotFoundError if there is none.
    """
    given = os.environ.get("DESCENTD")
    if given:
        return given
    try:
        import descent_server
    except ImportError:
        found = shutil.which("descentd")
        if found is None:
            raise FileNotFoundError(
                "there is no descentd: install the wheel descent-server (scripts/wheel makes it), or name one in "
                "$DESCENTD"
            ) from None
        return found
    return str(descent_server.program("descentd"))


class Server:
    """Starts a descentd on a free port of this machine alone, and stops it in order. A context manager.

    It ends with this process, however that ends.

        with descent.Server() as server, descent.Client(server.target) as client: ...

    Args:
        data_dir: where it keeps models; None: in memory alone.
        options: further options of descentd, such as ["--threads", "1"].

    Attributes:
        target: where it listens, for `Client`; "" while it does not run.
    """

    def __init__(
        self, data_dir: Union[str, pathlib.Path, None] = None, options: Sequence[str] = ()
    ) -> None:
        self._keeping = ["--in-memory"] if data_dir is None else ["--data-dir", str(data_dir)]
        self._options = list(options)
        self._process: Optional[subprocess.Popen[str]] = None
        self._log: List[str] = []
        self.target = ""

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.target or 'that does not run'}>"

    def start(self) -> None:
        """Returns when it takes calls. UnavailableError, with what it said, if it ends instead."""
        if self._process is not None:
            return
        for _ in range(_ATTEMPTS):
            line = self._begin()
            ready = re.fullmatch(r"listening on (\S+)\n", line)
            if ready is not None:
                self.target = ready.group(1)
                return
            code = self.stop()
            self._reader.join(_PATIENCE)
            # Not the server's own end, which would be the shell's status, but that of the process in which the shell
            # was to run. Before Python 3.10 that is a fork of this one, which gRPC's handlers of forks may abort while
            # other threads make calls.
            if code != -signal.SIGABRT:
                break
        said = "".join(self._log[-20:]).strip()
        raise error("UNAVAILABLE", f"descentd ended with status {code}: {said}")

    def _begin(self) -> str:
        """Starts the process. The first line that it says; "" if it ends instead."""
        # A new session, so that Ctrl-C in a terminal stops the program that uses the server, and not the server.
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _UNTIL_CLOSED, "sh", program(), "--listen", "127.0.0.1:0", *self._keeping,
             *self._options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)  # fmt: skip
        assert self._process.stdout is not None and self._process.stderr is not None
        self._log = []
        self._reader = threading.Thread(
            target=self._read_log, args=(self._process.stderr,), name="descentd-log", daemon=True)  # fmt: skip
        self._reader.start()
        return self._process.stdout.readline()

    def stop(self) -> Optional[int]:
        """Lets it finish what it does and write what is to last. Its exit status; None if it did not run."""
        process, self._process = self._process, None
        self.target = ""
        if process is None:
            return None
        with process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                return process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return process.wait()

    def _read_log(self, lines: Any) -> None:
        for line in lines:
            self._log.append(line)
            del self._log[:-1000]
