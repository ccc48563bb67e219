"""The HTTP port of descentd: probes through a server's life, encryption, who is let in, and clients
that are of no good will.

    http_test.py DESCENTD DESCENT
"""

import base64
import contextlib
import hashlib
import http.client
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import grpc

from authority import Authority
from live_server import TIMEOUT, LiveServer

CLEAN = {name: value for name, value in os.environ.items()
         if "proxy" not in name.lower() and not name.startswith("DESCENT_")}
ANYWHERE = "0.0.0.0:0"  # encrypted, for other machines reach it
HERE = "127.0.0.1:0"


class Pages:
    """The HTTP port of a server."""

    def __init__(self, url, context=None):
        self._place = urllib.parse.urlsplit(url)
        self._context = context
        self.encrypted = self._place.scheme == "https"

    @property
    def address(self):
        return self._place.hostname, self._place.port

    def connect(self):
        if self.encrypted:
            return http.client.HTTPSConnection(*self.address, timeout=TIMEOUT,
                                               context=self._context)
        return http.client.HTTPConnection(*self.address, timeout=TIMEOUT)

    def get(self, path, method="GET", **headers):
        """(status, headers, body)"""
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def status(self, path, **headers):
        return self.get(path, **headers)[0]

    def socket(self):
        return socket.create_connection(self.address, timeout=TIMEOUT)


def bearer(token):
    return {"Authorization": "Bearer " + token}


def basic(token, user="me"):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


class HttpTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def serve(self, *options, http=HERE, context=None, **arguments):
        """(server, its pages), ended with the test."""
        server = LiveServer(descentd, options=("--http", http, *map(str, options)),
                            environment=CLEAN, **arguments)
        server.start()
        self.addCleanup(server.kill)
        return server, Pages(server.next_pages(), context)

    def token(self, *arguments):
        """A token, whose entry is added to the access file."""
        output = subprocess.run([descent, "token", *arguments], check=True, timeout=TIMEOUT,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        token, entry = output.split("\n", 1)
        with open(self.directory / "access.toml", "a") as file:
            file.write(entry)
        return token

    def test_probes_and_what_is_nowhere(self):
        server, pages = self.serve()
        self.assertFalse(pages.encrypted)
        status, headers, body = pages.get("/livez")
        self.assertEqual((status, body), (200, b"alive\n"))
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(pages.get("/readyz")[::2], (200, b"serving\n"))
        status, headers, body = pages.get("/readyz", method="HEAD")
        self.assertEqual((status, headers["Content-Length"], body), (200, "8", b""))
        for nowhere in ("/nothing", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//livez",
                        "/livez/..", "/models/", "/.git/config"):
            self.assertEqual(pages.status(nowhere), 404, nowhere)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            status, headers, _ = pages.get("/livez", method=method)
            self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(server.stop(), 0)

    def test_a_connection_stays(self):
        _, pages = self.serve()
        with contextlib.closing(pages.connect()) as connection:
            for _ in range(50):
                connection.request("GET", "/readyz")
                first = connection.sock
                self.assertEqual(connection.getresponse().read(), b"serving\n")
                self.assertIs(connection.sock, first)

    def test_a_unix_socket(self):
        path = self.directory / "http.sock"
        server = LiveServer(descentd, options=("--http", f"unix:{path}"), environment=CLEAN)
        with server:
            self.assertEqual(server.next_pages(), f"unix:{path}")
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(str(path))
                connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", connection.recv(4096))
        self.assertFalse(path.exists())

    def test_a_server_that_recovers_is_alive_and_not_ready(self):
        data = self.directory / "data"
        path = self.directory / "http.sock"
        with LiveServer(descentd, data_dir=data, environment=CLEAN,
                        options=("--checkpoint-interval", "86400")) as server:
            subprocess.run([descent, "train", "m", "--server", server.address, "--generate",
                            "friedman1", "--rows", "8000", "--layers", "256,256", "--epochs", "4",
                            "--batch", "64"], check=True, timeout=TIMEOUT, env=CLEAN,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            server.kill()
        starting = LiveServer(descentd, data_dir=data, options=("--http", f"unix:{path}"),
                              environment=CLEAN)
        ready = threading.Thread(target=starting.start)
        ready.start()
        self.addCleanup(starting.kill)
        self.addCleanup(ready.join)
        seen = []
        end = time.monotonic() + TIMEOUT
        while seen[-1:] != [("200", "200")]:
            self.assertLess(time.monotonic(), end)
            try:
                seen.append((self.over_unix(path, "/livez"), self.over_unix(path, "/readyz")))
            except OSError:  # not there yet
                time.sleep(0.001)
        self.assertIn(("200", "503"), seen)

    @staticmethod
    def over_unix(path, target):
        """The status."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(path))
            connection.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
            return connection.recv(4096).decode().split(" ")[1]

    def test_a_server_that_drains_is_alive_and_not_ready(self):
        server, pages = self.serve("--drain-timeout", "60", data_dir=self.directory / "data")
        # Its checkpoint is more than a connection takes ahead of its client.
        for command in (("create", "m", "--inputs", "1024", "--layers", "4096,4096"),
                        ("checkpoint", "create", "m")):
            subprocess.run([descent, *command, "--server", server.address], check=True,
                           timeout=TIMEOUT, env=CLEAN, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        # A call that goes on for as long as nobody takes its answers.
        channel = grpc.insecure_channel(server.address, options=[("grpc.enable_http_proxy", 0)])
        self.addCleanup(channel.close)
        backup = channel.unary_stream("/descent.v1.AdminService/Backup")(b"")
        next(backup)
        ended = []
        stop = threading.Thread(target=lambda: ended.append(server.stop()))
        stop.start()
        end = time.monotonic() + TIMEOUT
        while pages.status("/readyz") != 503:
            self.assertLess(time.monotonic(), end)
        self.assertEqual(pages.status("/livez"), 200)
        self.assertEqual(ended, [])
        for _ in backup:
            pass
        stop.join()
        self.assertEqual(ended, [0])
        with self.assertRaises(OSError):
            pages.status("/livez")

    def test_plaintext_is_refused_where_other_machines_listen_in(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            refused = subprocess.run([descentd, "--in-memory", "--http", address], env=CLEAN,
                                     timeout=TIMEOUT, capture_output=True, text=True)
            self.assertEqual(refused.returncode, 64, refused.stderr)
            self.assertIn(f"--http: {address}: other machines reach it", refused.stderr)
        _, pages = self.serve("--allow-plaintext", http=ANYWHERE)
        self.assertFalse(pages.encrypted)
        self.assertEqual(pages.status("/livez"), 200)

    def test_an_address_that_is_taken_ends_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            ended = subprocess.run([descentd, "--in-memory", "--listen", HERE, "--http", address],
                                   env=CLEAN, timeout=TIMEOUT, capture_output=True, text=True)
            self.assertEqual(ended.returncode, 69, ended.stderr)
            self.assertIn(f"cannot listen on {address}", ended.stderr)

    def test_encryption_is_that_of_the_calls_and_follows_the_files(self):
        authority = Authority(self.directory, "authority")
        certificate, key = authority.issue("server")
        tls = ("--tls-certificate", certificate, "--tls-key", key)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        _, pages = self.serve(*tls, http=ANYWHERE, context=context)
        self.assertTrue(pages.encrypted)
        self.assertEqual(pages.status("/livez"), 200)
        with contextlib.closing(pages.connect()) as connection:
            for _ in range(3):
                connection.request("GET", "/readyz")
                self.assertEqual(connection.getresponse().read(), b"serving\n")
            before = connection.sock.getpeercert(binary_form=True)
            authority.issue("server")  # to the same files, one after the other
            end = time.monotonic() + TIMEOUT
            while self.certificate_of(pages) == before:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.05)
            connection.request("GET", "/readyz")  # goes on
            self.assertEqual(connection.getresponse().read(), b"serving\n")
            self.assertEqual(connection.sock.getpeercert(binary_form=True), before)

        old = ssl.create_default_context(cafile=str(authority.certificate))
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises(OSError):
            Pages(f"https://127.0.0.1:{pages.address[1]}/", old).status("/livez")
        plain = Pages(f"http://127.0.0.1:{pages.address[1]}/")
        with self.assertRaises((OSError, http.client.HTTPException)):
            plain.status("/livez")
        self.assertEqual(pages.status("/livez"), 200)

        _, here = self.serve(*tls)
        self.assertFalse(here.encrypted)

    @staticmethod
    def certificate_of(pages):
        with contextlib.closing(pages.connect()) as connection:
            connection.connect()
            return connection.sock.getpeercert(binary_form=True)

    def test_clients_show_certificates_as_for_calls(self):
        authority = Authority(self.directory, "authority")
        clients = Authority(self.directory, "clients")
        certificate, key = authority.issue("server")
        tls = ("--tls-certificate", certificate, "--tls-key", key,
               "--tls-client-ca", clients.certificate)
        shown, shown_key = clients.issue("grafana", "URI:spiffe://example/grafana")

        def context(chain=None):
            made = ssl.create_default_context(cafile=str(authority.certificate))
            if chain is not None:
                made.load_cert_chain(*map(str, chain))
            return made

        _, pages = self.serve(*tls, http=ANYWHERE, context=context((shown, shown_key)))
        url = f"https://127.0.0.1:{pages.address[1]}/"
        self.assertEqual(pages.status("/livez"), 200)
        for other in (context(), context((certificate, key))):
            with self.assertRaises((OSError, http.client.HTTPException)):
                Pages(url, other).status("/livez")

        # With rules a token will do, and a certificate is looked for in them.
        token = self.token("--name", "me")
        with open(self.directory / "access.toml", "a") as file:
            file.write("[[caller]]\nname = 'grafana'\nrole = 'reader'\n"
                       "certificate = 'spiffe://example/grafana'\n")
        _, pages = self.serve(*tls, "--access", self.directory / "access.toml", http=ANYWHERE,
                              context=context((shown, shown_key)))
        url = f"https://127.0.0.1:{pages.address[1]}/"
        self.assertEqual(pages.status("/nothing"), 404)
        self.assertEqual(Pages(url, context()).status("/nothing"), 401)
        self.assertEqual(Pages(url, context()).status("/livez"), 200)
        self.assertEqual(Pages(url, context()).status("/nothing", **bearer(token)), 404)
        stranger = Pages(url, context(clients.issue("stranger", "URI:spiffe://example/stranger")))
        self.assertEqual(stranger.status("/nothing"), 401)

    def test_access(self):
        token = self.token("--name", "me")
        log = open(self.directory / "log", "w")
        self.addCleanup(log.close)
        server, pages = self.serve("--access", self.directory / "access.toml", errors=log)
        for probe in ("/livez", "/readyz"):
            self.assertEqual(pages.status(probe), 200)
            self.assertEqual(pages.status(probe, **bearer("wrong")), 200)
        status, headers, _ = pages.get("/nothing")
        self.assertEqual(status, 401)
        self.assertEqual([value.split(" ")[0] for value in headers.get_all("WWW-Authenticate")],
                         ["Bearer", "Basic"])
        for good in (bearer(token), basic(token), basic(token, user="")):
            self.assertEqual(pages.status("/nothing", **good), 404)
        for bad in (bearer(token + "x"), basic("wrong"), {"Authorization": "Basic " + token},
                    {"Authorization": token}, {"Authorization": ""}, bearer("x" * 4000)):
            self.assertEqual(pages.status("/nothing", **bad), 401, bad)
        self.assertEqual(server.stop(), 0)
        text = (self.directory / "log").read_text()
        self.assertEqual(text.count("a call was refused"), 7, text)
        self.assertIn("service=http", text)
        self.assertNotIn(token, text)
        self.assertNotIn(base64.b64encode(f"me:{token}".encode()).decode()[8:], text)

    def train(self, server, name, *options):
        subprocess.run([descent, *options, "train", name, "--server", server.address, "--generate",
                        "friedman1", "--rows", "2000", "--layers", "16", "--epochs", "3"],
                       check=True, timeout=TIMEOUT, env=CLEAN, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def test_pages(self):
        server, pages = self.serve("--drain-timeout", "7", data_dir=self.directory / "data")
        status, headers, body = pages.get("/")
        html = body.decode()
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("There are no models yet", html)
        self.assertIn("--drain-timeout 7", html)
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        for tag in ("style", "script"):  # the policy lets in these and no others
            text = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL).group(1)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            self.assertIn(f"{tag}-src 'sha256-{digest}'", policy)
            self.assertEqual(html.count(f"<{tag}"), 1)

        self.train(server, "pricing")
        subprocess.run([descent, "create", "fresh", "--server", server.address, "--inputs", "3",
                        "--label", "note=<script>alert(1)</script>"], check=True, timeout=TIMEOUT,
                       env=CLEAN, stdout=subprocess.DEVNULL)
        subprocess.run([descent, "checkpoint", "create", "pricing", "--server", server.address],
                       check=True, timeout=TIMEOUT, env=CLEAN, stdout=subprocess.DEVNULL)
        html = pages.get("/")[2].decode()
        for text in ('href="/models/pricing"', 'href="/models/fresh"', 'class="spark"',
                     ">keeps changes<", "<dd>6,000</dd>"):
            self.assertIn(text, html)
        html = pages.get("/models/pricing")[2].decode()
        for text in ("10 inputs → dense 16 relu → dense 1", "adam, learning rate 0.001",
                     "<figcaption>Loss", "<figcaption>Gradient norm", "state hash"):
            self.assertIn(text, html)
        html = pages.get("/models/fresh")[2].decode()
        self.assertIn("&lt;script&gt;alert(1)", html)
        self.assertNotIn("<script>alert", html)
        self.assertEqual(pages.get("/models/none")[::2], (404, b"there is no such model\n"))
        self.assertIn("1 of 2 models", pages.get("/?prefix=pri")[2].decode())
        status, headers, body = pages.get("/", method="HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 1000)
        self.assertEqual(server.stop(), 0)

    def test_pages_show_what_their_callers_may_see(self):
        admin = self.token("--name", "ops", "--role", "admin")
        web = self.token("--name", "web", "--models", "pricing-*")
        server, pages = self.serve("--access", self.directory / "access.toml")
        token = self.directory / "admin.token"
        token.write_text(admin)
        for name in ("pricing-eu", "secret-1"):
            self.train(server, name, "--token-file", token)
        self.assertEqual(pages.status("/"), 401)
        self.assertEqual(pages.status("/models/pricing-eu"), 401)
        html = pages.get("/", **basic(web))[2].decode()
        self.assertIn("pricing-eu", html)
        self.assertNotIn("secret-1", html)
        self.assertEqual(pages.status("/models/pricing-eu", **bearer(web)), 200)
        self.assertEqual(pages.get("/models/secret-1", **bearer(web))[::2],
                         pages.get("/models/secret-2", **bearer(web))[::2])
        self.assertEqual(pages.status("/models/secret-1", **bearer(web)), 404)
        self.assertEqual(pages.status("/models/secret-1", **bearer(admin)), 200)
        self.assertEqual(server.stop(), 0)

    def test_clients_that_hold_on_keep_out_no_probe(self):
        server, pages = self.serve()
        held = []
        for sent in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
                     b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"):
            for _ in range(100):
                held.append(pages.socket())
                with contextlib.suppress(OSError):
                    held[-1].sendall(sent)
        stop = threading.Event()

        def drip():
            while not stop.is_set():
                for connection in held:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"x")
                time.sleep(0.01)

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            for _ in range(20):
                self.assertEqual(pages.status("/readyz"), 200)
            files = len(os.listdir(f"/proc/{server.pid}/fd"))
            self.assertLess(files, 400)  # of 256 connections
        finally:
            stop.set()
            dripping.join()
            for connection in held:
                connection.close()
        self.assertEqual(server.stop(), 0)

    def test_what_is_too_much_or_no_sense_is_refused_and_said(self):
        _, pages = self.serve()
        for request, status in (
                (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
                (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
                (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", b"431"),
                (b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" +
                 b"x" * 50_000, b"405"),
                (b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"413"),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"400"),
                (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        ):
            with pages.socket() as connection:
                with contextlib.suppress(OSError):
                    connection.sendall(request)
                answer = b""
                with contextlib.suppress(OSError):
                    while chunk := connection.recv(4096):
                        answer += chunk
            self.assertEqual(answer[9:12], status, (request[:40], answer))
        self.assertEqual(pages.status("/livez"), 200)


if __name__ == "__main__":
    descentd, descent = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
