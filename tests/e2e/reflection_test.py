"""A client that knows nothing of Descent learns its services from the running server.

    reflection_test.py DESCENTD

It speaks grpc.reflection.v1 and v1alpha, whose few fields are written out here: of a request, 7 asks for
the list of services and 4 for the file that defines a symbol; of an answer, 6 holds the services by
name (1) and 4 the serialised files (1).
"""

import sys
import threading
import unittest

import grpc
from google.protobuf import descriptor_pb2

from live_server import TIMEOUT, LiveServer


def text_field(number, text):
    """A length-delimited field on the wire, of a short text."""
    return bytes([number << 3 | 2, len(text)]) + text.encode()


def fields(message, number):
    """Yields the contents of the length-delimited fields `number` of a serialised message."""
    def varint(at):
        value = shift = 0
        while message[at] & 0x80:
            value |= (message[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
        return value | message[at] << shift, at + 1

    at = 0
    while at < len(message):
        tag, at = varint(at)
        assert tag & 7 == 2, "all fields of the answers are length-delimited"
        size, at = varint(at)
        if tag >> 3 == number:
            yield message[at : at + size]
        at += size


V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
V1_ALPHA = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
OPTIONS = [("grpc.enable_http_proxy", 0)]


class ReflectionTest(unittest.TestCase):
    def ask(self, request, method=V1_ALPHA):
        with LiveServer(DESCENTD) as server, grpc.insecure_channel(
                server.address, options=OPTIONS) as channel:
            return next(channel.stream_stream(method)(iter([request]), timeout=TIMEOUT))

    def test_speaks_both_versions(self):
        question = text_field(4, "descent.v1.NetworkService")
        self.assertEqual(self.ask(question, V1), self.ask(question, V1_ALPHA))

    def test_says_what_there_is_not(self):
        for question in (text_field(3, "no/such.proto"), text_field(4, "no.such.Symbol")):
            (error,) = fields(self.ask(question), 7)
            self.assertEqual(error[:2], b"\x08\x05")  # its code is NOT_FOUND

    def test_silent_streams_keep_it_from_nobody(self):
        with LiveServer(DESCENTD) as server, grpc.insecure_channel(
                server.address, options=OPTIONS) as channel:
            method = channel.stream_stream(V1)
            more = threading.Event()

            def silence():
                more.wait()
                yield from ()

            silent = [method(silence()) for _ in range(100)]
            answer = next(method(iter([text_field(7, "")]), timeout=TIMEOUT))
            self.assertTrue(list(fields(answer, 6)))
            more.set()
            for stream in silent:
                self.assertEqual(list(stream), [])

    def test_lists_the_services(self):
        (services,) = fields(self.ask(text_field(7, "")), 6)
        names = {next(fields(service, 1)).decode() for service in fields(services, 1)}
        self.assertLessEqual(
            {"descent.v1.ModelService", "descent.v1.NetworkService", "descent.v1.AdminService",
             "inference.GRPCInferenceService", "grpc.health.v1.Health"},
            names)

    def test_describes_every_service_that_it_lists(self):
        with LiveServer(DESCENTD) as server, grpc.insecure_channel(
                server.address, options=OPTIONS) as channel:
            method = channel.stream_stream(V1)
            (services,) = fields(next(method(iter([text_field(7, "")]), timeout=TIMEOUT)), 6)
            names = [next(fields(service, 1)).decode() for service in fields(services, 1)]
            answers = method(iter([text_field(4, name) for name in names]), timeout=TIMEOUT)
            for name, answer in zip(names, answers, strict=True):
                self.assertTrue(list(fields(answer, 4)), f"there is no file of {name}")

    def test_describes_a_service(self):
        (answer,) = fields(self.ask(text_field(4, "descent.v1.NetworkService")), 4)
        files = [descriptor_pb2.FileDescriptorProto.FromString(file) for file in fields(answer, 1)]
        services = {service.name: service for file in files for service in file.service}
        methods = {method.name: method for method in services["NetworkService"].method}
        self.assertEqual(
            set(methods), {"Forward", "Gradient", "Step", "Train", "Predict", "Evaluate"})
        self.assertTrue(methods["Train"].client_streaming and methods["Train"].server_streaming)


if __name__ == "__main__":
    DESCENTD = sys.argv.pop(1)
    unittest.main()
