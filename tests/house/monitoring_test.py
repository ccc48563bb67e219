"""docs/monitoring.md and what a server exposes are the same metrics, and the alerts and the
dashboard ask for no others.

    monitoring_test.py DESCENTD DESCENT
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from monitored_server import monitored_server  # pylint: disable=wrong-import-position

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|[^|]*[^| ][^|]*\|[^|]*\|$", re.MULTILINE)
NAME = re.compile(r"\b(?:descent|grpc_server|process)_[a-z_]+\b")
SUFFIXES = ("_bucket", "_count", "_sum")


def documented(text):
    """{name: (type, labels)} of the tables."""
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
            for name, kind, labels in ROW.findall(text)}


def exposed(text):
    """The same of what Prometheus would read."""
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    labels = {}
    for name, listed in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        for suffix in SUFFIXES:
            if types.get(name.removesuffix(suffix)) == "histogram":
                name = name.removesuffix(suffix)
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', listed))
    return {name: (types[name], frozenset(found - {"le"})) for name, found in labels.items()}


class MonitoringTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = (ROOT / "docs" / "monitoring.md").read_text()
        cls.documented = documented(cls.text)

    def test_the_document_has_what_a_server_exposes_and_nothing_else(self):
        with monitored_server(*ARGUMENTS) as server:
            found = exposed(server.metrics())
        self.assertGreater(len(found), 50)
        self.assertEqual(self.documented, found)

    def test_reads_rows_and_series_as_they_are(self):
        self.assertEqual(documented("| `a_total` | counter | `x` `y` | what | |\n"),
                         {"a_total": ("counter", frozenset("xy"))})
        text = '# HELP h s.\n# TYPE h histogram\nh_bucket{x="1",le="2"} 3\nh_count{x="1"} 3\n'
        self.assertEqual(exposed(text), {"h": ("histogram", frozenset("x"))})

    def test_alerts_and_dashboard_ask_for_documented_metrics(self):
        monitoring = ROOT / "docker" / "monitoring"
        for path in (monitoring / "alerts.yml", monitoring / "alerts_test.yml",
                     monitoring / "grafana" / "dashboards" / "descent.json"):
            names = set(NAME.findall(path.read_text()))
            self.assertTrue(names)
            for name in names:
                histogram = re.sub("_(bucket|count|sum)$", "", name)
                self.assertTrue(name in self.documented or histogram in self.documented,
                                f"{path.name}: {name}")

    def test_the_document_names_every_alert_and_no_other(self):
        alerts = (ROOT / "docker" / "monitoring" / "alerts.yml").read_text()
        self.assertEqual(set(re.findall(r"`(Descent[A-Z]\w+)`", self.text)),
                         set(re.findall(r"alert: (\w+)", alerts)))


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
