"""The README's commands do what it says, against a live server.

    readme_test.py DIRECTORY_OF_PROGRAMS

Runs the `descent` lines of its shell blocks in order, on a small table of houses, and makes the calls
of its `grpcurl` lines (which is not in Debian) from their JSON.
"""

import importlib
import json
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

import grpc
from google.protobuf import json_format

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TIMEOUT = 120


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(program):
    """The commands of the shell blocks that call `program`, as lists of arguments."""
    pattern = rf"^{program} (?:'[^']*'|[^'\n])*$"
    return [
        shlex.split(match.group(0), comments=True)
        for block in blocks("sh")
        for match in re.finditer(pattern, block, re.MULTILINE)
    ]


def write_houses(path):
    draw = random.Random(0)
    lines = ["longitude,median_income,ocean_proximity,median_house_value"]
    for _ in range(200):
        income = draw.uniform(1, 10)
        near = draw.choice(["INLAND", "NEAR BAY"])
        value = 40000 * income + (50000 if near == "NEAR BAY" else 0)
        lines.append(f"{draw.uniform(-124, -114):.2f},{income:.4f},{near},{value:.0f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class ReadmeTest(unittest.TestCase):
    programs = None  # the directory of descentd and descent, from the command line

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.server = subprocess.Popen(
            [self.programs / "descentd", "--listen", "127.0.0.1:0",
             "--data-dir", self.directory / "data"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        line = self.server.stdout.readline()
        self.address = re.fullmatch(r"listening on (\S+)\n", line).group(1)

    def test_commands(self):
        write_houses(self.directory / "housing.csv")
        lines = commands("descent")
        self.assertGreaterEqual(len(lines), 5)
        for line in lines:
            with self.subTest(command=shlex.join(line)):
                subprocess.run(
                    [self.programs / "descent", *line[1:]],
                    cwd=self.directory,
                    env=dict(os.environ, DESCENT_SERVER=self.address),
                    check=True,
                    timeout=TIMEOUT,
                    stdout=subprocess.DEVNULL,
                )
        self.assertTrue((self.directory / "loss.svg").is_file())
        self.assertTrue((self.directory / "descent-backup.db").is_file())

    def test_grpcurl_calls(self):
        subprocess.run(
            [ROOT / "client/examples/python/generate_stubs", self.directory],
            env=dict(os.environ, PYTHON=sys.executable),
            check=True,
            timeout=TIMEOUT,
        )
        sys.path.insert(0, str(self.directory))
        calls = [line for line in commands("grpcurl") if "-d" in line]
        self.assertGreaterEqual(len(calls), 3)
        with grpc.insecure_channel(
                self.address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            for line in calls:
                answer = self.call(channel, line[-1], line[line.index("-d") + 1])
        shown = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        promised = json.loads(blocks("json")[0])
        [value] = shown["outputs"]["floats"].pop("values")
        [promised_value] = promised["outputs"]["floats"].pop("values")
        self.assertEqual(promised, shown)
        # Instruction sets round differently.
        self.assertAlmostEqual(promised_value, value, places=5)

    def call(self, channel, method, request):
        """Calls "package.Service/Method" with a request in JSON."""
        service, name = method.split("/")
        file = re.sub(r"(?<!^)(?=[A-Z])", "_", service.rpartition(".")[2]).lower()
        messages = importlib.import_module(f"descent.v1.{file}_pb2")
        descriptor = messages.DESCRIPTOR.services_by_name[service.rpartition(".")[2]]
        call = channel.unary_unary(
            f"/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=getattr(
                messages, descriptor.methods_by_name[name].output_type.name
            ).FromString,
        )
        input_type = getattr(messages, descriptor.methods_by_name[name].input_type.name)
        return call(json_format.Parse(request, input_type()), timeout=TIMEOUT)


if __name__ == "__main__":
    ReadmeTest.programs = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
