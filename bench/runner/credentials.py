"""A server's certificate and a caller's token, for the time of a measurement."""

import hashlib
import pathlib
import secrets
import subprocess
import tempfile


class Credentials:
    """Paths of files in a directory of their own, and the token of a caller who may do everything."""

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory()
        directory = pathlib.Path(self._directory.name)
        self.certificate = directory / "server.pem"  # its own authority
        self.key = directory / "server-key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-addext", "keyUsage=critical,digitalSignature,keyCertSign"],
            check=True, capture_output=True)
        self.token = secrets.token_urlsafe(32)
        self.access = directory / "access.toml"
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        self.access.write_text(
            f'[[caller]]\nname = "bench"\ntoken_sha256 = "{digest}"\nrole = "admin"\n')
        return self

    def __exit__(self, *_):
        self._directory.cleanup()
