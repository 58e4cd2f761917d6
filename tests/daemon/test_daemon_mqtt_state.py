"""What the errors of sockets and TLS become: a cause to decide on, and a sentence to read."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest

from daemon.mqtt import BrokerAddress, Cause
from daemon.mqtt.state import explain_error

BROKER = BrokerAddress("broker.example", 8883, None)


def alert(name: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {name}]")
    error.reason = name
    return error


@pytest.mark.parametrize(
    ("error", "cause", "part"),
    [
        (TimeoutError("timed out"), Cause.UNREACHABLE, "broker.example:8883 does not answer"),
        (ConnectionRefusedError(), Cause.UNREACHABLE, "nothing listens at broker.example:8883"),
        (ConnectionResetError(), Cause.LOST, "closed the connection while it was being set up"),
        (BrokenPipeError(), Cause.LOST, "closed the connection while it was being set up"),
        (socket.gaierror(-2, "Name or service not known"), Cause.UNREACHABLE, "cannot be resolved"),
        (OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)), Cause.UNREACHABLE, "Network is unreachable"),
        (OSError("odd"), Cause.UNREACHABLE, "network error"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Cause.LOST, "during TLS"),
        (ssl.SSLZeroReturnError(6, "closed"), Cause.LOST, "during TLS"),
        (ssl.SSLError("odd"), Cause.REFUSED, "handshake failed"),
        (alert("WRONG_VERSION_NUMBER"), Cause.REFUSED, "wrong version number"),
        (alert("TLSV1_ALERT_PROTOCOL_VERSION"), Cause.REFUSED, "tlsv1 alert protocol version"),
        (alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), Cause.CERTIFICATE, "has expired: renew it"),
        (alert("SSLV3_ALERT_BAD_CERTIFICATE"), Cause.CERTIFICATE, "does not accept this unit's TLS certificate"),
        (alert("TLSV1_ALERT_UNKNOWN_CA"), Cause.CERTIFICATE, "enrol the unit at this site"),
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Cause.CERTIFICATE, "got no TLS certificate"),
    ],
    ids=repr,
)
def test_error_becomes_a_sentence(error: OSError, cause: Cause, part: str) -> None:
    state = explain_error(error, BROKER)
    assert not state.connected
    assert state.cause == cause
    assert part in state.reason
