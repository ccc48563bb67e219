"""A descentd that has something to tell at /metrics, for tests that are scripts."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import urllib.request

from authority import Authority
from live_server import TIMEOUT, LiveServer

CLEAN = {name: value for name, value in os.environ.items()
         if "proxy" not in name.lower() and not name.startswith("DESCENT_")}


class MonitoredServer:
    """Has a certificate, a data directory, and a model "prices" with a checkpoint and updates since."""

    def __init__(self, server, descent, directory, authority):
        self._server = server
        self._descent = descent
        self._directory = directory
        self._authority = authority
        self.pages = server.next_pages().rstrip("/")

    def run(self, *arguments):
        """The output of the command `descent`."""
        return subprocess.run(
            [self._descent, *arguments, "--server", self._server.address,
             "--tls-ca", str(self._authority.certificate)],
            check=True, stdout=subprocess.PIPE, text=True, env=CLEAN, timeout=TIMEOUT).stdout

    def train(self, model="prices", rows=500):
        self.run("train", model, "--generate", "friedman1", "--rows", str(rows), "--epochs", "1",
                 "--layers", "8")

    def predict(self):
        self.run("predict", "prices", "--row", ",".join(["0.5"] * 10))

    def metrics(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.pages + "/metrics", timeout=TIMEOUT) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            return answer.read().decode()


@contextlib.contextmanager
def monitored_server(descentd, descent):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        authority = Authority(directory, "authority")
        certificate, key = authority.issue("server")
        options = ["--tls-certificate", str(certificate), "--tls-key", str(key),
                   "--http", "127.0.0.1:0"]
        with LiveServer(descentd, data_dir=directory / "data", options=options,
                        environment=CLEAN) as server:
            monitored = MonitoredServer(server, descent, directory, authority)
            monitored.train()
            monitored.run("checkpoint", "create", "prices")
            monitored.predict()
            monitored.train("other")
            yield monitored
