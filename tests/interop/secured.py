"""A server that encrypts, and that asks callers who they are."""

import hashlib
import pathlib
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from authority import Authority
from live_server import LiveServer


def secured_server(descentd, directory, token, role, models):
    """(the server, not yet started; the certificate of its authority), for one caller with this token."""
    authority = Authority(directory, "authority")
    certificate, key = authority.issue("server")
    access = directory / "access.toml"
    digest = hashlib.sha256(token.encode()).hexdigest()
    access.write_text(f'[[caller]]\nname = "example"\ntoken_sha256 = "{digest}"\nrole = "{role}"\n'
                      f'models = ["{models}"]\n')
    server = LiveServer(descentd, errors=subprocess.DEVNULL, options=(
        "--tls-certificate", certificate, "--tls-key", key, "--access", access))
    return server, authority.certificate
