"""The Open Inference Protocol over HTTP: how requests may be sent, who is let in, and what is refused.

    inference_http_test.py DESCENTD DESCENT
"""

import contextlib
import hashlib
import http.client
import json
import pathlib
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

from authority import Authority
from http_test import ANYWHERE, CLEAN, HERE, Pages, bearer
from live_server import TIMEOUT, LiveServer

ROW = {"name": "inputs", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "client/examples/python"
NO_PROXY = [("grpc.enable_http_proxy", 0)]
INFER = "/v2/models/line/infer"


def started(case, *options, http=HERE, access_log=None):
    """(server, its HTTP port)"""
    directory = pathlib.Path(case.enterContext(tempfile.TemporaryDirectory()))
    more = () if access_log is None else ("--access-log", access_log)
    server = LiveServer(DESCENTD, options=("--http", http, *map(str, (*options, *more))),
                        errors=subprocess.DEVNULL)
    case.enterContext(server)
    return server, directory, server.next_pages()


def train(server, directory, *options, name="line"):
    table = directory / "line.csv"
    table.write_text("a,b,y\n" + "".join(f"{a},{b},{a + 2 * b}\n" for a in range(8) for b in range(8)))
    subprocess.run([DESCENT, "--server", server.address, *map(str, options), "train", name, "--csv", table,
                    "--target", "y"], check=True, env=CLEAN, timeout=TIMEOUT, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Asking(unittest.TestCase):
    def post(self, body, path=INFER, **headers):
        """(status, headers, body)"""
        with contextlib.closing(self.pages.connect()) as connection:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def infer(self, *inputs, path=INFER, headers=None, **members):
        status, _, body = self.post(json.dumps({"inputs": inputs, **members}), path,
                                    **{"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(body)

    def refused(self, status, body, path=INFER, **headers):
        """The error that a request is refused with."""
        got, _, answer = self.post(body, path, **headers)
        self.assertEqual(got, status, answer)
        return json.loads(answer)["error"]

    def raw(self, text):
        """What comes back for the bytes of a connection, to its end."""
        with socket.create_connection(self.pages.address, timeout=TIMEOUT) as connection:
            connection.sendall(text)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received


class InferenceHttpTest(Asking):
    @classmethod
    def setUpClass(cls):
        log = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory())) / "access.log"
        cls.access_log = log
        cls.enterContext = cls.enterClassContext
        cls.server, directory, url = started(cls, "--max-message-mib", "1", access_log=log)
        del cls.enterContext
        cls.pages = Pages(url)
        train(cls.server, directory)

    def test_probes_and_descriptions(self):
        for path, expected in (
            ("/v2/health/live", {"live": True}), ("/v2/health/ready", {"ready": True}),
            ("/v2/models/line/ready", {"name": "line", "ready": True}),
        ):
            status, headers, body = self.pages.get(path)
            self.assertEqual((status, json.loads(body)), (200, expected))
            self.assertEqual(headers["Content-Type"], "application/json")
        server = json.loads(self.pages.get("/v2")[2])
        self.assertEqual((server["name"], server["extensions"]), ("descent", ["binary_tensor_data"]))
        model = json.loads(self.pages.get("/v2/models/line")[2])
        self.assertEqual(model["inputs"], [{"name": "inputs", "datatype": "FP32", "shape": [-1, 2]}])
        self.assertEqual(self.pages.get("/v2/models/nobody/ready")[0], 503)
        for path in ("/v2/models/nobody", "/v2/models/line/versions/7", "/v2/models/line/versions/x/ready/y",
                     "/v2/models/line/config", "/v2/models/", "/v2/models/line/", "/v2/nothing"):
            status, _, body = self.pages.get(path)
            self.assertEqual((status, list(json.loads(body))), (404, ["error"]), path)

    def test_a_prediction_is_the_same_however_it_is_sent_and_answered(self):
        status, answer = self.infer(ROW, id="one")
        self.assertEqual(status, 200)
        self.assertEqual((answer["model_name"], answer["id"]), ("line", "one"))
        (output,) = answer["outputs"]
        self.assertEqual((output["name"], output["datatype"], output["shape"]), ("outputs", "FP32", [1, 1]))
        (value,) = output["data"]

        values = struct.pack("<2f", 1, 2)
        head = json.dumps({"inputs": [{"name": "inputs", "shape": [1, 2], "datatype": "FP32",
                                       "parameters": {"binary_data_size": len(values)}}],
                           "outputs": [{"name": "outputs", "parameters": {"binary_data": True}}]}).encode()
        status, headers, body = self.post(head + values, **{"Inference-Header-Content-Length": str(len(head))})
        self.assertEqual(status, 200)
        length = int(headers["Inference-Header-Content-Length"])
        self.assertEqual(json.loads(body[:length])["outputs"][0]["parameters"], {"binary_data_size": 4})
        self.assertEqual(body[length:], struct.pack("<f", value))

    def test_one_connection_has_many_requests(self):
        with contextlib.closing(self.pages.connect()) as connection:
            for i in range(5):
                connection.request("POST", INFER, json.dumps({"inputs": [ROW], "id": str(i)}))
                self.assertEqual(json.loads(connection.getresponse().read())["id"], str(i))
                connection.request("GET", "/v2/models/line")
                self.assertEqual(json.loads(connection.getresponse().read())["name"], "line")

    def test_a_body_may_come_in_chunks(self):
        body = json.dumps({"inputs": [ROW]}).encode()
        pieces = (body[i : i + 7] for i in range(0, len(body), 7))
        with contextlib.closing(self.pages.connect()) as connection:
            connection.request("POST", INFER, pieces, {"Content-Type": "application/json"}, encode_chunked=True)
            answer = connection.getresponse()
            self.assertEqual((answer.status, "outputs" in json.loads(answer.read())), (200, True))
            connection.request("GET", "/livez")  # on goes the connection
            self.assertEqual(connection.getresponse().status, 200)

    def test_who_asks_first_is_told_to_go_on(self):
        body = json.dumps({"inputs": [ROW]}).encode()
        head = (f"POST {INFER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
                "Expect: 100-continue\r\n\r\n").encode()
        with socket.create_connection(self.pages.address, timeout=TIMEOUT) as connection:
            connection.sendall(head)
            received = b""
            while not received.endswith(b"\r\n\r\n"):
                received += connection.recv(1)
            self.assertEqual(received, b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(body)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        self.assertTrue(received.startswith(b"HTTP/1.1 200 "), received)

    def test_who_asks_first_is_told_not_to(self):
        for headers, status in ((f"Content-Length: {1 << 30}\r\nExpect: 100-continue", b"413"),
                                ("Content-Length: 5\r\nExpect: a-miracle", b"417"),
                                ("Content-Length: 5\r\nContent-Encoding: gzip", b"415")):
            received = self.raw(f"POST {INFER} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode())
            self.assertTrue(received.startswith(b"HTTP/1.1 " + status), received)
            self.assertIn(b'{"error":"', received)
            self.assertIn(b"Connection: close", received)

    def test_a_body_is_bounded_however_it_comes(self):
        large = b"x" * ((1 << 20) + 1)
        self.refused(413, large)
        with contextlib.closing(self.pages.connect()) as connection:
            with contextlib.suppress(ConnectionError):  # it does not hear it to the end
                connection.request("POST", INFER, (large[i : i + 65536] for i in range(0, len(large), 65536)),
                                   encode_chunked=True)
            self.assertEqual(connection.getresponse().status, 413)

    def test_each_refusal_is_json_with_its_reason(self):
        row = json.dumps({"inputs": [ROW]})
        self.assertIn("body", self.refused(400, "{"))
        self.assertIn("body", self.refused(400, ""))
        self.assertIn('"inputs" is missing', self.refused(400, "{}"))
        self.assertIn("shape", self.refused(400, json.dumps({"inputs": [{**ROW, "shape": [2, 1]}]})))
        self.assertIn("no model", self.refused(404, row, "/v2/models/nobody/infer"))
        self.assertIn("model_name", self.refused(400, row, "/v2/models/No%FFbody/infer"))
        self.assertIn("version", self.refused(404, row, "/v2/models/line/versions/999/infer"))
        self.assertIn("version", self.refused(404, row, "/v2/models/line/versions/%FF/infer"))
        self.assertIn("application/json", self.refused(415, row, **{"Content-Type": "text/plain"}))
        self.assertIn("number", self.refused(400, row, **{"Inference-Header-Content-Length": "999999"}))
        self.assertIn("number", self.refused(400, row, **{"Inference-Header-Content-Length": "-1"}))
        self.assertIn("GET", self.refused(405, row, "/v2/models/line"))
        self.assertIn("nothing", self.refused(404, row, "/v2/models/line/explain"))
        self.assertEqual(self.pages.get(INFER)[0], 405)
        self.assertEqual(self.pages.get(INFER)[1]["Allow"], "POST")
        self.assertEqual(self.pages.get("/v2", method="DELETE")[0], 405)
        self.assertEqual(self.post(row, "/livez")[0], 405)  # whose text is for people

    def test_the_access_log_has_the_caller_and_the_trace(self):
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        with contextlib.closing(self.pages.connect()) as connection:
            connection.connect()
            port = connection.sock.getsockname()[1]
            connection.request("POST", INFER, json.dumps({"inputs": [ROW], "id": "logged"}),
                               {"traceparent": trace})
            connection.getresponse().read()
        for _ in range(100):
            lines = [json.loads(line) for line in self.access_log.read_text().splitlines()]
            found = [line for line in lines if line.get("request_id") == "logged"]
            if found:
                break
            time.sleep(0.05)
        self.assertEqual(found[0]["method"], "/inference.GRPCInferenceService/ModelInfer")
        self.assertEqual((found[0]["model"], found[0]["code"], found[0]["peer"]),
                         ("line", "OK", f"ipv4:127.0.0.1:{port}"))
        self.assertEqual(found[0]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736")

    def test_headers_that_are_no_metadata_do_no_harm(self):
        body = json.dumps({"inputs": [ROW]})
        for value in ("\xff\xfe", "x" * 300, "00-\t-00"):
            head = (f"POST {INFER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: {value}\r\n"
                    f"descent-visitor: {value}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
            self.assertIn(b" 200 ", self.raw(head.encode("latin-1"))[:16])

    def test_it_is_counted_as_calls_are(self):
        self.infer(ROW)
        metrics = self.pages.get("/metrics")[2].decode()
        self.assertRegex(metrics, r'grpc_server_handled_total\{[^}]*grpc_method="ModelInfer"[^}]*\} [1-9]')
        self.assertRegex(metrics, r'descent_model_predictions_total\{model="line"\} [1-9]')


class CategoriesTest(Asking):
    """Ids and texts, against what the server's own Predict makes of them."""

    IDS = [-1, (1 << 53) + 1, (1 << 63) - 1]
    TEXTS = ["CH", "", "Cura\u00e7ao \U0001f600 \""]

    def setUp(self):
        stubs = self.enterContext(tempfile.TemporaryDirectory())
        subprocess.run([EXAMPLE / "generate_stubs", stubs], check=True, timeout=TIMEOUT,
                       env={**CLEAN, "PYTHON": sys.executable})
        sys.path.append(stubs)
        from descent.v1 import model_service_pb2, model_service_pb2_grpc, network_service_pb2, network_service_pb2_grpc
        from google.protobuf import json_format

        server, _, url = started(self)
        self.pages = Pages(url)
        channel = self.enterContext(grpc.insecure_channel(server.address, options=NO_PROXY))
        self.parse, self.messages = json_format.ParseDict, network_service_pb2
        self.networks = network_service_pb2_grpc.NetworkServiceStub(channel)
        model_service_pb2_grpc.ModelServiceStub(channel).CreateModel(self.parse({"model": {
            "name": "line",
            "network": {
                "input_features": 2,
                "categorical_inputs": [{"name": "shop", "buckets": 50, "dimension": 3},
                                       {"name": "country", "buckets": 1000, "dimension": 2,
                                        "hashing": "HASHING_XXH64"}],
                "layers": [{"dense": {"units": 1}}], "loss": {"kind": "LOSS_KIND_MEAN_SQUARED_ERROR"}},
            "optimizer": {"learning_rate": 0.1, "sgd": {}}}}, model_service_pb2.CreateModelRequest()))

    def predicted(self, countries, shops=None):
        """Of shops 49, 0 and 7."""
        shops = shops or {"ids": {"data_type": "DATA_TYPE_INT64", "shape": [3], "ints": {"values": [49, 0, 7]}}}
        answer = self.networks.Predict(self.parse({
            "model": "line",
            "inputs": {"data_type": "DATA_TYPE_FLOAT32", "shape": [3, 2], "floats": {"values": [1, 2, 3, 4, 5, 6]}},
            "categories": [
                {"name": "shop", **shops},
                {"name": "country", **countries}]}, self.messages.PredictRequest()))
        return list(answer.outputs.floats.values)

    def inferred(self, *countries, binary=b"", shops=([49], [0], [7]), **members):
        """(status, the predictions in JSON or the error) for tensors beside those of numbers and shops."""
        body = json.dumps({"inputs": [
            *countries,
            {"data": shops, "name": "shop", "shape": [3, len(shops[0])], "datatype": "INT64"},
            {"name": "inputs", "shape": [3, 2], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}],
            **members}).encode()
        length = {"Inference-Header-Content-Length": str(len(body))} if binary else {}
        status, _, answer = self.post(body + binary, **length)
        answer = json.loads(answer)
        return status, answer["outputs"][0]["data"] if status == 200 else answer["error"]

    def check(self, expected, *countries, **more):
        status, data = self.inferred(*countries, **more)
        self.assertEqual(status, 200, data)
        self.assertEqual([struct.pack("<f", value) for value in data],
                         [struct.pack("<f", value) for value in expected])

    def test_ids_and_texts_in_json_and_in_bytes(self):
        country = {"name": "country", "shape": [3]}
        of_texts = self.predicted({"strings": {"values": self.TEXTS}})
        of_ids = self.predicted({"ids": {"data_type": "DATA_TYPE_INT64", "shape": [3], "ints": {"values": self.IDS}}})
        self.assertNotEqual(of_texts, of_ids)
        self.check(of_texts, {**country, "datatype": "BYTES", "data": self.TEXTS})
        self.check(of_ids, {**country, "datatype": "INT64", "data": self.IDS})
        texts = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in self.TEXTS)
        self.check(of_texts, {**country, "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
                   binary=texts)
        self.check(of_ids, {**country, "datatype": "INT64", "parameters": {"binary_data_size": 24}},
                   binary=struct.pack("<3q", *self.IDS))
        model = json.loads(self.pages.get("/v2/models/line")[2])
        self.assertEqual(model["inputs"], [{"name": "inputs", "datatype": "FP32", "shape": [-1, 2]},
                                           {"name": "shop", "datatype": "INT64", "shape": [-1]},
                                           {"name": "country", "datatype": "BYTES", "shape": [-1]}])

    def test_several_a_row_and_padding_in_json_and_in_bytes(self):
        def ints(*values):
            return {"data_type": "DATA_TYPE_INT64", "shape": [len(values)], "ints": {"values": list(values)}}

        texts = ["CH", "", "FR", "CH", "IT", ""]
        shops = [[49, -1], [-1, -1], [0, 7]]
        of_shops = {"ids": ints(49, 0, 7), "row_splits": ints(0, 1, 1, 3)}
        of_all = self.predicted({"strings": {"values": texts}, "row_splits": ints(0, 2, 4, 6)}, of_shops)
        of_padded = self.predicted({"strings": {"values": [text for text in texts if text]},
                                    "row_splits": ints(0, 1, 3, 4)}, of_shops)
        self.assertNotEqual(of_all, of_padded)
        country = {"name": "country", "shape": [3, 2], "datatype": "BYTES"}
        raw = b"".join(struct.pack("<I", len(text)) + text.encode() for text in texts)
        for expected, members in ((of_all, {}), (of_padded, {"parameters": {"padded_categories": True}})):
            for data in (texts, [texts[:2], texts[2:4], texts[4:]]):
                self.check(expected, {**country, "data": data}, shops=shops, **members)
            self.check(expected, {**country, "parameters": {"binary_data_size": len(raw)}}, binary=raw, shops=shops,
                       **members)
        for wrong in ([[49, -2], [0, 0], [7, 7]], [[49, 50], [0, 0], [7, 7]], [[], [], []]):
            status, error = self.inferred({**country, "data": texts}, shops=wrong)
            self.assertEqual((status, "inputs[1]" in error), (400, True), error)

    def test_each_refusal_says_where(self):
        country = {"name": "country", "shape": [3], "datatype": "BYTES", "data": ["a", "b", "c"]}
        for expected, *countries in (
            ('"country" is missing',),
            ("inputs[1].name", country, country),
            ("inputs[0].name", {**country, "name": "land"}),
            ("inputs[0].data", {**country, "data": ["a", "b"]}),
            ("inputs[0].data", {**country, "data": [1, 2, 3]}),
            ("inputs[0].data", {**country, "datatype": "INT64"}),
            ("inputs[1]", {**country, "shape": [2], "data": ["a", "b"]}),
            ("inputs[0].data", {**country, "datatype": "INT64", "data": [1.5, 2, 3]}),
            ("2^53", {**country, "datatype": "INT64", "data": [1.0, 2, (1 << 53) + 1]}),
            ("64 bits", {**country, "datatype": "UINT64", "data": [1, 2, 1 << 63]}),
            ("inputs[0].datatype", {**country, "datatype": "FP32", "data": [1, 2, 3]}),
        ):
            status, error = self.inferred(*countries)
            self.assertEqual(status, 400, error)
            self.assertIn(expected, error)
        status, error = self.inferred({"name": "country", "shape": [3], "datatype": "BYTES",
                                       "parameters": {"binary_data_size": 13}}, binary=b"\1\0\0\0a\7\0\0\0b\0\0\0")
        self.assertEqual((status, "raw_input_contents[0]" in error), (400, True), error)


class AccessTest(Asking):
    def test_what_holds_for_calls_holds_here(self):
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        authority = Authority(directory, "authority")
        certificate, key = authority.issue("server")
        access = directory / "access.toml"

        def caller(name, role, models, more=""):
            digest = hashlib.sha256(f"of-{name}".encode()).hexdigest()
            return (f'[[caller]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nrole = "{role}"\n'
                    f'models = ["{models}"]\n{more}')

        access.write_text(caller("admin", "admin", "*") + caller("web", "reader", "line")
                          + caller("slow", "reader", "line", "calls_per_second = 1\n"))
        token = directory / "token"
        token.write_text("of-admin\n")
        server, _, url = started(self, "--tls-certificate", certificate, "--tls-key", key, "--access", access,
                                 http=ANYWHERE)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        context.check_hostname = False
        self.pages = Pages(url, context)
        for name in ("line", "other"):
            train(server, directory, "--tls-ca", authority.certificate, "--token-file", token, name=name)

        for path in ("/v2/health/live", "/v2/health/ready"):
            self.assertEqual(self.pages.status(path), 200)
        for path in ("/v2", "/v2/models/line", "/v2/models/nobody", "/v2/nothing"):
            self.assertEqual(self.pages.status(path), 401)
            self.assertEqual(self.pages.status(path, **bearer("wrong")), 401)
        self.assertIn("token", self.refused(401, json.dumps({"inputs": [ROW]})))
        self.assertEqual(self.infer(ROW, headers=bearer("of-web"))[0], 200)
        self.assertEqual(self.pages.status("/v2/models/line", **bearer("of-web")), 200)
        # Nobody learns whether there is a model that they may not use.
        for model in ("other", "nobody"):
            for path in (f"/v2/models/{model}", f"/v2/models/{model}/ready"):
                self.assertEqual(self.pages.status(path, **bearer("of-web")), 403)
            status, answer = self.infer(ROW, path=f"/v2/models/{model}/infer", headers=bearer("of-web"))
            self.assertEqual((status, "may not use" in answer["error"]), (403, True))
        self.assertEqual(self.infer(ROW, path="/v2/models/other/infer", headers=bearer("of-admin"))[0], 200)

        answers = [self.post(json.dumps({"inputs": [ROW]}), **bearer("of-slow")) for _ in range(10)]
        over = [headers for status, headers, _ in answers if status == 429]
        self.assertTrue(over)
        self.assertTrue(all(int(headers["Retry-After"]) >= 1 for headers in over))


class BusyTest(Asking):
    def test_predictions_that_take_long_hold_up_no_probe(self):
        server, directory, url = started(self, "--threads", "1")
        self.pages = Pages(url)
        table = directory / "wide.csv"
        table.write_text("a,b,y\n" + "".join(f"{a},{a * a},{a}\n" for a in range(20)))
        subprocess.run([DESCENT, "--server", server.address, "train", "line", "--csv", table, "--target", "y",
                        "--layers", "1024,1024", "--epochs", "1"], check=True, env=CLEAN, timeout=TIMEOUT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        rows = 4096
        values = struct.pack("<2f", 1, 2) * rows
        head = json.dumps({"inputs": [{"name": "inputs", "shape": [rows, 2], "datatype": "FP32",
                                       "parameters": {"binary_data_size": len(values)}}]}).encode()
        length = {"Inference-Header-Content-Length": str(len(head))}
        statuses = []
        callers = [threading.Thread(target=lambda: statuses.append(self.post(head + values, **length)[0]))
                   for _ in range(6)]
        begin = time.monotonic()
        for caller in callers:
            caller.start()
        probes = []
        while any(caller.is_alive() for caller in callers):
            before = time.monotonic()
            self.assertEqual(self.pages.status("/v2/health/ready"), 200)
            probes.append(time.monotonic() - before)
        whole = time.monotonic() - begin
        self.assertEqual(statuses, [200] * len(callers))
        # Where probes wait for predictions there is hardly more than one to each of them. A single probe may be late
        # on a machine that others use as well.
        self.assertGreater(len(probes), 2 * len(callers), "probes waited for predictions")
        self.assertLess(statistics.median(probes), whole / (2 * len(callers)), "probes waited for predictions")


class EndTest(Asking):
    def test_a_server_that_ends_answers_what_it_has(self):
        server, directory, url = started(self)
        self.pages = Pages(url)
        train(server, directory)
        stop = threading.Event()
        seen = set()

        def ask():
            while not stop.is_set():
                try:
                    seen.add(self.infer(ROW)[0])
                except (OSError, http.client.HTTPException):
                    return

        callers = [threading.Thread(target=ask) for _ in range(8)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        code = server.stop()
        stop.set()
        for caller in callers:
            caller.join(TIMEOUT)
        self.assertEqual(code, 0)
        self.assertLessEqual(seen, {200, 503})
        self.assertIn(200, seen)


if __name__ == "__main__":
    DESCENTD, DESCENT = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
