"""Connected or not, and why not, in words that help the person who reads them."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum, unique

from paho.mqtt.reasoncodes import ReasonCode

from daemon.mqtt.broker import BrokerAddress
from daemon.mqtt.dialect import Dialect


@unique
class Cause(StrEnum):
    """Why the link is as it is: what a screen or a rule decides on, where ``reason`` is for reading."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    OLD_PROTOCOL = "old_protocol"
    CLOCK = "clock"
    CERTIFICATE = "certificate"
    REFUSED = "refused"
    LOST = "lost"
    GARBAGE = "garbage"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LinkState:
    """State of the link. ``reason`` is one sentence; ``dialect`` is set while connected."""

    connected: bool
    cause: Cause
    reason: str
    dialect: Dialect | None = None


# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_NOT_YET_VALID = 9
_HAS_EXPIRED = 10
_OTHER_NAME = (62, 64)

_CLOCK = "delivery waits: clock (the broker's certificate is not valid yet, so this unit's clock is behind)"
_EXPIRED = "delivery waits: certificate (the broker's has expired, or this unit's clock is ahead)"

NO_RECEIPTS = LinkState(
    connected=False,
    cause=Cause.SILENT,
    reason="records went out and the gateway does not answer: connecting anew, in case the broker lost the session",
)

_ALERTS = (
    ("CERTIFICATE_REVOKED", "this unit's TLS certificate is revoked: enrol the unit anew, or ask why"),
    ("CERTIFICATE_EXPIRED", "the broker says that this unit's TLS certificate has expired: renew it"),
    (
        "UNKNOWN_CA",
        "the broker does not know the authority of this unit's TLS certificate: enrol the unit at this site",
    ),
    ("CERTIFICATE_REQUIRED", "the broker got no TLS certificate from this unit"),
    ("CERTIFICATE", "the broker does not accept this unit's TLS certificate"),
)
"""Parts of OpenSSL's names of alerts (RFC 8446 section 6.2), the most telling first."""

_REFUSALS = {
    0x84: (Cause.OLD_PROTOCOL, "the broker does not speak this MQTT version"),
    0x85: (Cause.REFUSED, "the broker refuses this unit's name as client identifier"),
    0x86: (Cause.REFUSED, "the broker refuses this unit: not authorised, see the broker's access list"),
    0x87: (Cause.REFUSED, "the broker refuses this unit: not authorised, see the broker's access list"),
    0x88: (Cause.REFUSED, "the broker says that it is unavailable"),
    0x89: (Cause.REFUSED, "the broker says that it is busy"),
    0x8B: (Cause.LOST, "the broker is shutting down"),
    0x8D: (Cause.LOST, "the broker heard nothing of this unit for too long"),
    0x8E: (Cause.REFUSED, "another client connected under this unit's name: two units must not share one"),
    0x95: (Cause.REFUSED, "the broker takes no message of this size: raise its maximum packet size"),
}
"""Reason codes (MQTT 5.0 section 2.4)."""


def explain_error(error: OSError | UnicodeError, broker: BrokerAddress) -> LinkState:
    """Why no connection came about, or why TLS ended one."""
    match error:
        case ssl.SSLCertVerificationError():
            return _explain_verification(error, broker)
        case ssl.SSLError():
            return _explain_tls(error, broker)
        case socket.gaierror() | UnicodeError():
            return _off(Cause.UNREACHABLE, f"the broker's name {broker.host} cannot be resolved: check DNS and network")
        case TimeoutError():
            return _off(Cause.UNREACHABLE, f"the broker {broker} does not answer")
        case ConnectionRefusedError():
            return _off(Cause.UNREACHABLE, f"nothing listens at {broker}: is the broker running?")
        case ConnectionError():
            return _off(Cause.LOST, f"{broker} closed the connection while it was being set up")
        case _:
            return _off(
                Cause.UNREACHABLE, f"the broker {broker} cannot be reached: {error.strerror or 'network error'}"
            )


def _explain_verification(error: ssl.SSLCertVerificationError, broker: BrokerAddress) -> LinkState:
    if error.verify_code == _NOT_YET_VALID:
        return _off(Cause.CLOCK, _CLOCK)
    if error.verify_code == _HAS_EXPIRED:
        return _off(Cause.CERTIFICATE, _EXPIRED)
    if error.verify_code in _OTHER_NAME:
        return _off(Cause.CERTIFICATE, f"the broker's certificate is not for {broker.host}")
    return _off(Cause.CERTIFICATE, "the broker's certificate was not issued by this site's authority")


def _explain_tls(error: ssl.SSLError, broker: BrokerAddress) -> LinkState:
    name = getattr(error, "reason", None) or ""  # only OpenSSL's own errors have one
    if "ALERT" in name:
        for part, sentence in _ALERTS:
            if part in name:
                return _off(Cause.CERTIFICATE, sentence)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _off(Cause.LOST, f"{broker} closed the connection during TLS")
    return _off(Cause.REFUSED, f"no TLS with {broker}: {name.lower().replace('_', ' ') or 'handshake failed'}")


def explain_code(code: ReasonCode, what: str) -> LinkState:
    """Why the broker refused ``what`` (connection, subscription, message) or ended the connection."""
    cause, sentence = _REFUSALS.get(code.value, (Cause.REFUSED, f"the broker says: {code.getName()}"))
    return _off(cause, f"{sentence} ({what})")


def explain_silence(what: str, broker: BrokerAddress) -> LinkState:
    """The connection stands, but ``what`` was not answered."""
    return _off(Cause.SILENT, f"{broker} does not answer {what}")


def explain_end(broker: BrokerAddress, *, answered: bool) -> LinkState:
    """The connection is gone and nobody said why."""
    if answered:
        return _off(Cause.LOST, f"the connection to {broker} was lost")
    return _off(Cause.LOST, f"{broker} closed the connection without an answer")


def explain_garbage(broker: BrokerAddress) -> LinkState:
    """Bytes that are not MQTT."""
    return _off(Cause.GARBAGE, f"{broker} sent bytes that are not MQTT: is another service listening there?")


def _off(cause: Cause, reason: str) -> LinkState:
    return LinkState(connected=False, cause=cause, reason=reason)
