"""Debian's Prometheus scrapes a server: what it reads is in order, the dashboard's queries and the
alerts' find their series, and no alert is raised by a server that is well.

    prometheus_test.py DESCENTD DESCENT
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from live_server import TIMEOUT
from monitored_server import CLEAN, monitored_server

ROOT = pathlib.Path(__file__).parents[2] / "docker" / "monitoring"
DASHBOARD = ROOT / "grafana" / "dashboards" / "descent.json"
SCRAPE_SECONDS = 1
# A metric by its name, and what its labels are compared with.
SELECTOR = re.compile(r"\b(?:(?:descent|grpc|process)_[a-z_]+|up)\b(?:\{[^}]*\})?")
LABELS_OF_AGGREGATIONS = re.compile(r"\b(?:by|on|group_left)\s*\([^)]*\)")


def promtool(*arguments, **options):
    """Its output, of both kinds: a remark is no success."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, check=False, **options)
    return done.returncode, done.stdout + done.stderr


class Prometheus:
    """Debian's Prometheus with a directory of its own, on loopback. A context manager."""

    def __init__(self, target):
        self._directory = tempfile.TemporaryDirectory()
        directory = pathlib.Path(self._directory.name)
        # What is shipped, but for where the server is and how long one waits in a test.
        config = (ROOT / "prometheus.yml").read_text()
        assert config.count('"server:8080"') == 1 and config.count(": 15s") == 2, config
        config = config.replace("server:8080", target).replace(": 15s", f": {SCRAPE_SECONDS}s")
        (directory / "prometheus.yml").write_text(config)
        shutil.copy(ROOT / "alerts.yml", directory)
        self._log = directory / "log"
        self._command = [
            "prometheus", f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data", "--web.listen-address=127.0.0.1:0",
            "--log.format=logfmt"]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self):
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=CLEAN)
        try:
            self._await("it says where it listens", lambda: self._address() is not None)
            self._await("it is ready", lambda: self._get("/-/ready") is not None)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        self._process.terminate()
        self._process.wait(TIMEOUT)
        self._directory.cleanup()

    def _await(self, what, holds):
        end = time.monotonic() + TIMEOUT
        while not holds():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{what}: not so; its log:\n{self._log.read_text()}")
            time.sleep(0.1)

    def _address(self):
        found = re.search(r'msg="Listening on".* address=(\S+)', self._log.read_text())
        return None if found is None else found.group(1)

    def _get(self, path):
        try:
            with self._opener.open(f"http://{self._address()}{path}", timeout=TIMEOUT) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def query(self, expression):
        """The series that the expression has now."""
        answer = json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})))
        return answer["data"]["result"]

    def await_scrapes(self, count):
        self._await(f"{count} scrapes", lambda: any(
            float(series["value"][1]) >= count
            for series in self.query('count_over_time(descent_serving[1h])')))

    def alerts(self):
        return json.loads(self._get("/api/v1/alerts"))["data"]["alerts"]

    def rules(self):
        groups = json.loads(self._get("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


def dashboard_queries():
    """(title, expression) of every panel and annotation, as Grafana would ask with all selected."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [(panel["title"], target["expr"]) for panel in dashboard["panels"]
             for target in panel.get("targets", ())]
    for title, expression in found:
        for variable, value in {"$job": "descent", "$instance": ".+", "$model": ".+",
                                "$__rate_interval": "1h"}.items():
            expression = expression.replace(variable, value)
        assert "$" not in expression, expression
        yield title, expression


class PrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in ("prometheus", "promtool"):
            if shutil.which(program) is None:
                raise AssertionError(f"there is no {program}; scripts/setup installs it")

    def test_promtool_has_nothing_to_say(self):
        with monitored_server(*ARGUMENTS) as server:
            self.assertEqual(promtool("check", "metrics", input=server.metrics()), (0, ""))

    def test_the_rules_do_what_their_tests_say(self):
        for command in (["check", "config", ROOT / "prometheus.yml"],
                        ["check", "rules", ROOT / "alerts.yml"],
                        ["test", "rules", ROOT / "alerts_test.yml"]):
            code, output = promtool(*command)
            self.assertEqual(code, 0, output)

    def test_every_alert_is_tested_both_ways(self):
        alerts = set(re.findall(r"alert: (\w+)", (ROOT / "alerts.yml").read_text()))
        well, *rest = (ROOT / "alerts_test.yml").read_text().split("\n  - name: ")[1:]
        self.assertEqual(set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", well)), alerts)
        self.assertEqual(set(re.findall(r'alertname="(\w+)"', "".join(rest))), alerts)

    def test_the_dashboard_and_the_alerts_find_their_series(self):
        with (monitored_server(*ARGUMENTS) as server,
              Prometheus(server.pages.removeprefix("http://")) as prometheus):
            prometheus.await_scrapes(2)
            server.train()
            server.predict()
            server.run("checkpoint", "create", "prices")
            prometheus.await_scrapes(8)
            for title, expression in dashboard_queries():
                with self.subTest(panel=title):
                    self.assertTrue(prometheus.query(expression), expression)
            rules = prometheus.rules()
            self.assertGreater(len(rules), 15)
            for rule in rules:
                with self.subTest(alert=rule["name"]):
                    self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                    query = LABELS_OF_AGGREGATIONS.sub("", rule["query"])
                    selectors = SELECTOR.findall(query)
                    self.assertTrue(selectors)
                    for selector in selectors:
                        self.assertTrue(prometheus.query(selector), selector)
            # Its certificate is a test's, and good for two days.
            names = {alert["labels"]["alertname"] for alert in prometheus.alerts()}
            self.assertLessEqual(names, {"DescentCertificateExpires",
                                         "DescentCertificateExpiresNow", "DescentDiskFillsUp"})
            self.assertIn("DescentCertificateExpires", names)


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
