"""Where the broker is, and how the unit proves itself to it over TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class LinkError(Exception):
    """Root of the errors that the MQTT link raises to its caller. What the network does is a state, not an error."""


class TlsFilesError(LinkError):
    """A TLS file is missing, damaged or does not belong to the others: the environment must be mended."""


class MessageTooLargeError(LinkError):
    """The broker announced that it takes no message of this size: raise its limit, sending again does not help.

    Attributes:
        size: bytes of the message.
        limit: bytes the broker takes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes, the broker takes {limit}: raise its maximum packet size")
        self.size = size
        self.limit = limit


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the site's authority, and the unit's TLS certificate with its key (never the record key)."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker. ``host`` is the name its certificate must carry; without ``tls`` nothing is encrypted or checked."""

    host: str
    port: int
    tls: TlsFiles | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class RecordingSocket(ssl.SSLSocket):
    """A TLS socket that keeps the error it died of.

    Under TLS 1.3 a server refuses a client's certificate after the handshake, so the alert that says why comes out of
    a read. paho turns it into "connection lost"; here it stays readable.
    """

    failure: ssl.SSLError | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As the base class."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            if not isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
                self.failure = error
            raise


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, the server's name and issuer checked, the unit's own certificate shown.

    Read anew for each connection, so that a renewed certificate needs no restart.

    Raises:
        TlsFilesError: a file cannot be used; the message names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = RecordingSocket
    _check_readable(files)
    try:
        context.load_verify_locations(cafile=files.authority)
    except ssl.SSLError as error:
        raise TlsFilesError(f"{files.authority}: not the PEM certificate of an authority") from error
    try:
        # Without a password OpenSSL would ask for one on the terminal; a unit's key has none.
        context.load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        raise TlsFilesError(_why_no_chain(files, error)) from error
    return context


def _check_readable(files: TlsFiles) -> None:
    for path in (files.authority, files.certificate, files.key):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsFilesError(f"{path}: cannot read the TLS file: {error.strerror}") from error


def _why_no_chain(files: TlsFiles, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{files.key}: not the key of {files.certificate}"
    return f"{files.certificate}, {files.key}: not a PEM certificate and its unencrypted PEM key"
