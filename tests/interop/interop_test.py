"""The example program of a language against real servers: restarted ones, ones behind TLS, ones that lose answers."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import grpc

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from authority import Authority
from breaking import LOOPBACK, RestartingProxy, LosingAnswers
from languages import EXAMPLES, REFERENCE
from live_server import TIMEOUT, LiveServer
from secured import secured_server

# Of which no part decides where a program connects to.
CLEAN = {name: value for name, value in os.environ.items()
         if "proxy" not in name.lower() and not name.startswith("DESCENT_")}
TRAINED = re.compile(r"^trained to step 1000, state (\d+)$", re.MULTILINE)
A_THIRD = 280_000  # bytes that go to the server, of 860,000 in all


class Example(unittest.TestCase):
    """What any language's program does. ExampleLane says which."""

    descentd = None
    language = None

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.directory = pathlib.Path(temporary.name)
        stubs = cls.directory / "stubs"
        subprocess.run([EXAMPLES / "python/generate_stubs", stubs], check=True, timeout=TIMEOUT,
                       env={**CLEAN, "PYTHON": sys.executable})
        sys.path.append(str(stubs))
        cls.environment = {**CLEAN, "DESCENT_STUBS": str(stubs)}

    def start(self, address, *options, language=None):
        command = [*(language or self.language).command, *map(str, options), address]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        output, errors = process.communicate(timeout=TIMEOUT)
        return process.returncode, output, errors

    def run_example(self, address, *options, language=None):
        code, output, errors = self.finish(self.start(address, *options, language=language))
        self.assertEqual(code, 0, output + errors)
        return output, errors

    def state(self, output):
        self.assertRegex(output, TRAINED)
        return TRAINED.search(output).group(1)

    def expected_state(self):
        """The end state of a training by Python that nobody disturbed."""
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            return self.state(self.run_example(server.address, language=REFERENCE)[0])

    def restart_twice(self, end):
        """Runs the program while `end(server)` ends its server, and it is started again: when it has applied a
        hundred batches, and two hundred."""
        from descent.v1 import model_service_pb2, model_service_pb2_grpc

        data = tempfile.mkdtemp(dir=self.directory)
        server = LiveServer(self.descentd, data_dir=data, errors=subprocess.DEVNULL)

        def applied(restarts):
            request = model_service_pb2.GetModelRequest(name=self.language.model)
            with grpc.insecure_channel(server.address, options=LOOPBACK) as channel:
                stub = model_service_pb2_grpc.ModelServiceStub(channel)
                model = stub.GetModel(request, timeout=TIMEOUT, wait_for_ready=True).model
            return model.step >= 100 * (restarts + 1)

        with server, RestartingProxy(server, lambda: end(server), times=2, part=A_THIRD,
                                     applied=applied) as proxy:
            output, errors = self.run_example(proxy.address)
            self.assertEqual(proxy.restarts, 2)
        return output, errors


class RestartedServer(Example):
    def test_training_ends_as_if_the_server_had_not_been_killed(self):
        output, _ = self.restart_twice(LiveServer.kill)
        self.assertEqual(self.state(output), self.expected_state())


class Program(Example):
    def test_the_readme_shows_its_lines(self):
        sources = list(self.language.sources())
        pieces = [piece.splitlines() for excerpt in self.language.excerpts
                  for piece in "\n".join(excerpt).split("\n\n")]
        self.assertGreaterEqual(len(pieces), 2)
        for piece in pieces:
            shown = [line.strip() for line in piece]
            self.assertTrue(any(source[i : i + len(shown)] == shown
                                for source in sources for i in range(len(source))),
                            "not in the example: " + "\n".join(piece))

    def test_trains_as_every_language_does(self):
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            for _ in range(2):  # the second finds nothing of the first
                output, _ = self.run_example(server.address)
                self.assertIn(f"created {self.language.model}: 321 parameters\n", output)
                self.assertEqual(self.state(output), self.expected_state())
                self.assertEqual(len(re.findall(r"(?m)^update +\d+ of 1000  loss +[\d.]+$", output)), 5)
                for predicted, expected in re.findall(
                        r"predicted +([\d.]+), expected +([\d.]+)", output):
                    self.assertAlmostEqual(float(predicted), float(expected), delta=2)
                self.assertIn("gradient at step 1000: norm 2.0742\n", output)
                influential = re.search(r"features by influence: (.*)", output).group(1).split()
                self.assertEqual(set(influential[:5]), {"x1", "x2", "x3", "x4", "x5"})

    def test_says_what_an_error_tells(self):
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server:
            output, _ = self.run_example(server.address)
        self.assertRegex(
            output.replace("_", "").lower(),  # each language spells codes in its own way
            r"refused as it should be: invalidargument: inputs: expected shape \[n, 8\], got \[1, 3\]\n"
            r"  reason wrongshape\n"
            r"  field inputs: ")

    def test_training_ends_as_if_the_server_had_not_been_killed(self):
        output, errors = self.restart_twice(LiveServer.kill)
        self.assertEqual(self.state(output), self.expected_state())
        self.check_that_it_went_on(errors)

    def test_training_goes_on_when_the_server_is_started_again_in_order(self):
        """It drains: what it has is applied, and clients are told to come back."""
        output, errors = self.restart_twice(LiveServer.stop)
        self.assertEqual(self.state(output), self.expected_state())
        self.check_that_it_went_on(errors)

    def check_that_it_went_on(self, errors):
        again = [int(batch) for batch in
                 re.findall(r"connected again: going on with batch (\d+)", errors)]
        self.assertEqual(len(again), 2, errors)
        # What was applied is not sent again.
        self.assertTrue(100 < again[0] < again[1] < 1000, again)

    def test_encrypts_and_says_who_it_is(self):
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        token = directory / "token"
        token.write_text("secret-of-the-trainer\n")
        server, authority = secured_server(self.descentd, directory, "secret-of-the-trainer", "admin",
                                           f"{self.language.name}-*")
        with server:
            # It gives up on a server that it can't believe, and shows it no token.
            stranger = Authority(directory, "stranger").certificate
            distrustful = self.start(server.address, "--tls-ca", stranger, "--token-file", token)

            encrypted = ("--tls-ca", authority)
            output, _ = self.run_example(server.address, *encrypted, "--token-file", token)
            self.assertEqual(self.state(output), self.expected_state())

            code, output, errors = self.finish(self.start(server.address, *encrypted))
            self.assertNotEqual(code, 0)
            self.assertRegex(errors.replace("_", "").lower(), "unauthenticated|no token|credential")

            code, output, errors = self.finish(distrustful)
            self.assertNotEqual(code, 0)
            self.assertNotIn("created", output)

    def test_repeats_calls_whose_answers_were_lost(self):
        with LiveServer(self.descentd, errors=subprocess.DEVNULL) as server, \
                LosingAnswers(server.address) as front:
            output, _ = self.run_example(front.address)
            self.assertEqual(self.state(output), self.expected_state())
            create = front.requests["/descent.v1.ModelService/CreateModel"]
            self.assertIn("/descent.v1.ModelService/DeleteModel", front.requests)
            for method, calls in front.requests.items():
                with self.subTest(method=method):
                    (first, request), (second, repeated) = calls[:2]
                    self.assertEqual(repeated, request)  # with the same request id
                    self.assertGreaterEqual(second - first, front.DELAY)
                    self.assertTrue(all(limit is not None and limit <= 60
                                        for limit in front.deadlines[method]), front.deadlines)
            self.assertEqual(len(create), 2)


class CppProgram(Program):
    def check_that_it_went_on(self, errors):
        self.assertGreaterEqual(errors.count("going on after: "), 2)


class ForeignProgram(Program):
    """One that is built by its language's own tools."""

    FORMATTERS = {"go": ("gofmt", "-l", "."), "rust": ("cargo", "fmt", "--check")}

    def test_is_formatted_as_its_language_is(self):
        formatter = self.FORMATTERS.get(self.language.name)
        if formatter is None or shutil.which(formatter[0]) is None:
            self.skipTest("there is no formatter that all agree on, or not here")
        done = subprocess.run(formatter, cwd=EXAMPLES / self.language.name, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class ExampleLane:
    """The tests of one language's program."""

    def __init__(self, language):
        self._language = language
        self.name = language.name

    def build(self):
        self._language.build()

    def suite(self, descentd):
        case = {"python": RestartedServer, "cpp": CppProgram}.get(self.name, ForeignProgram)
        if self.name == "cpp":
            self._language.command = [str(pathlib.Path(descentd).with_name("descent_example"))]
        named = type(f"{self.name.capitalize()}Example", (case,), dict(
            descentd=descentd, language=self._language))
        return unittest.defaultTestLoader.loadTestsFromTestCase(named)
