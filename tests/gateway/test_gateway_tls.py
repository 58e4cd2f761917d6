"""The gateway's TLS towards the broker."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.config import Tls
from gateway.connection import tls_context
from tests.support.brokers import Site


def test_tls_is_at_least_1_2(memory: Path) -> None:
    site = Site(memory / "tls", "s1")
    gateway = site.client("gateway")
    context = tls_context(Tls(site.authority, gateway.certificate, gateway.key))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
