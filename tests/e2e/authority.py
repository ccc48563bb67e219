"""Authorities of certificates for tests that are scripts.

Certificates are as RFC 5280 wants them, which Python takes alone from 3.13 on.
"""

import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def verify_strictly(certificate, authority):
    """Throws unless a client that insists on RFC 5280 believes in the certificate."""
    openssl("verify", "-x509_strict", "-CAfile", authority, certificate)


class Authority:
    """An authority of certificates in a directory."""

    def __init__(self, directory, name):
        self._directory = directory
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}-key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self._key, "-out", self.certificate, "-days", 2, "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, alternative_names="DNS:localhost,IP:127.0.0.1"):
        """Paths of a certificate and its key."""
        request = self._directory / f"{name}.csr"
        extensions = self._directory / f"{name}.ext"
        certificate = self._directory / f"{name}.pem"
        key = self._directory / f"{name}-key.pem"
        extensions.write_text("basicConstraints=critical,CA:FALSE\n"
                              "keyUsage=critical,digitalSignature\n"
                              "extendedKeyUsage=serverAuth,clientAuth\n"
                              "subjectKeyIdentifier=hash\n"
                              "authorityKeyIdentifier=keyid\n"
                              f"subjectAltName={alternative_names}\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", certificate)
        verify_strictly(certificate, self.certificate)
        return certificate, key
