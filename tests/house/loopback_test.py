"""What connects to a server on this machine goes through no proxy that the environment names: gRPC's
channels take one unless they are told not to, so those are made where that is done.

    loopback_test.py
"""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIRECTORIES = ("bench", "client", "server")
# The places where channels are made, each of which says what it does about proxies.
MAKERS = {"bench/service/measuring.cc", "client/descent/connection.cc", "server/ops/health_check.cc"}
CHANNEL = re.compile(r"\bCreate(Custom)?Channel\(")
OPTION = "GRPC_ARG_ENABLE_HTTP_PROXY"


class LoopbackTest(unittest.TestCase):
    def test_channels_are_made_where_proxies_are_kept_out(self):
        makers = set()
        for directory in DIRECTORIES:
            for source in (ROOT / directory).rglob("*.cc"):
                text = source.read_text(encoding="utf-8")
                if CHANNEL.search(text):
                    makers.add(str(source.relative_to(ROOT)))
                    self.assertIn(OPTION, text, source)
        self.assertEqual(makers, MAKERS)


if __name__ == "__main__":
    unittest.main()
