"""Every decoder of the tree that takes bytes or text from elsewhere."""

from __future__ import annotations

from functools import cache

from tests.fuzz import exports, files, messages, signed, wires
from tests.fuzz.target import Target

NAMES = (
    "hw: card reader, replies",
    "hw: card reader, requests",
    "hw: card, text block",
    "hw: card, reply contents",
    "hw: card, SAM id",
    "hw: card, data",
    "hw: card, addresses",
    "hw: card, fingers",
    "hw: card, numbers and dates",
    "hw: card, photo block",
    "hw: photo decoder's name",
    "hw: fingerprint, packets",
    "hw: fingerprint, parameters",
    "hw: co-processor, frames",
    "hw: co-processor, messages",
    "hw: camera, status lines",
    "hw: thermal, pixels",
    "hw: thermal, thermistor",
    "hw: device URI",
    "evidence: JSON",
    "evidence: base64url",
    "evidence: instant",
    "evidence: topic",
    "evidence: JWS",
    "evidence: record",
    "evidence: record's payload",
    "evidence: decision",
    "evidence: key proof",
    "evidence: envelope",
    "evidence: attachments",
    "evidence: downlink and receipt",
    "evidence: health",
    "evidence: revocations",
    "evidence: bundle",
    "evidence: certificate",
    "evidence: PEM files",
    "evidence: PKCS #11 URI",
    "evidence: keys.json",
    "evidence: TOML",
    "evidence: verifier",
    "daemon: messages from the broker",
    "gateway: messages from the broker",
    "gateway: topics",
    "daemon: touches of the page",
    "daemon: bodies of touches",
    "daemon: unit.toml",
    "daemon: policy pack",
    "daemon: officers",
    "daemon: birth record",
    "daemon: journal",
    "daemon: remembered brokers",
    "gateway: gateway.toml",
    "provisioning: register",
    "provisioning: officers",
    "provisioning: export to recover",
    "provisioning: site.toml",
    "provisioning: bundle of a unit replaced",
    "provisioning: place of a key",
    "models: manifest's entries",
    "models: thresholds",
    "models: projection",
    "evidence: rows of an export",
    "evidence: proof of an export",
    "evidence: sheet of an export",
)
"""Of all targets, in their order: known before they are made, which takes a second."""


@cache
def all_targets() -> tuple[Target, ...]:
    """All of them, made once in a process."""
    return (*wires.targets(), *signed.targets(), *messages.targets(), *files.targets(), *exports.targets())
