"""The chain: each record names the one before; gap, repetition and foreign link are told apart."""

from __future__ import annotations

import pytest

from evidence import certificates, chain
from evidence.chain import Head
from evidence.errors import ChainError, MalformedError
from tests.evidence.conftest import Site


def test_records_follow_one_another(site: Site) -> None:
    root = chain.genesis(certificates.to_der(site.certificate))
    assert root.seq == 0
    birth = site.birth()
    first = chain.follow(root, birth)
    event = site.event(first)
    assert (birth.seq, event.seq, event.prev) == (1, 2, birth.sha256)
    assert chain.follow(first, event) == Head(2, event.sha256)


def test_gap_repetition_and_foreign_link(site: Site) -> None:
    first = Head(1, site.birth().sha256)
    second = site.event(first)
    with pytest.raises(ChainError, match="does not follow"):
        chain.follow(Head(0, "0" * 64), second)
    with pytest.raises(ChainError, match="does not follow"):
        chain.follow(Head(2, second.sha256), second)
    with pytest.raises(ChainError, match="another record"):
        chain.follow(Head(1, "0" * 64), second)


def test_place_and_salt_are_the_chains_own(site: Site) -> None:
    head = Head(4, "a" * 64)
    one, two = (site.event(head, seq=99, prev="b" * 64, v=7, salt="x") for _ in range(2))
    assert (one.seq, one.prev, one.payload["v"]) == (5, "a" * 64, 1)
    assert one.payload["salt"] != two.payload["salt"]


def test_a_payload_that_breaks_the_schema_is_not_signed(site: Site) -> None:
    with pytest.raises(MalformedError, match="event"):
        chain.seal(site.fields(kind="event"), Head(4, "a" * 64), site.signer)
