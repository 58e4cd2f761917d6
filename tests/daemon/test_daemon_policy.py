"""Policy packs: the neutral one is in order; a broken one is refused with the key path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.policy import DECIDABLE, load_policy
from evidence.encoding import sha256_hex
from evidence.record import Outcome
from evidence.tree import TreeError
from tests.support import ROOT

NEUTRAL = (ROOT / "daemon" / "policy" / "neutral.toml").read_text("utf-8")


def test_neutral_pack() -> None:
    policy = load_policy("neutral")
    assert (policy.id, policy.version, policy.retries) == ("neutral", "1", 2)
    assert policy.factors == ("card", "face")
    assert {one.id for one in policy.checkpoints} >= {"registration", "admission", "delivery", "certificate"}
    assert [policy.officers_for(one) for one in (Outcome.UNABLE, Outcome.MANUAL)] == [2, 2]
    assert all(policy.officers_for(one) >= 1 for one in DECIDABLE)


def test_emergency_and_interruption_are_nobodys_decision() -> None:
    assert {Outcome.EMERGENCY, Outcome.INTERRUPTED}.isdisjoint(DECIDABLE)


def test_consent_is_named_by_the_hash_of_its_words() -> None:
    consent = load_policy("neutral").consent
    assert consent.sha256 == sha256_hex(consent.zh.encode() + b"\0" + consent.en.encode())


def test_notice_tells_what_the_rules_ask() -> None:
    """Local use and deletion of the face, the equal other way, the liability, and that care comes first."""
    for word in ("本机", "删除", "不使用人脸", "法律责任", "医疗救治绝不延误"):
        assert word in load_policy("neutral").notice.zh


BROKEN = {
    "id missing": ('id = "neutral"\n', "", "id", "missing; expected a string"),
    "id empty": ('id = "neutral"\n', 'id = ""\n', "id", "at least one character"),
    "version empty": ('version = "1"', 'version = ""', "version", "at least one character"),
    "version a number": ('version = "1"', "version = 1", "version", "expected a string, found int"),
    "too many retries": ("retries = 2", "retries = 3", "retries", "expected 0, 1 or 2"),
    "retries below zero": ("retries = 2", "retries = -1", "retries", "expected 0, 1 or 2"),
    "unknown factor": ('["card", "face"]', '["card", "voice"]', "factors", "'voice' is unknown; known: card, face"),
    "card alone": ('["card", "face"]', '["card"]', "factors", "at least one biometric"),
    "no card": ('["card", "face"]', '["face", "finger"]', "factors", "needs the card"),
    "factors no list": ('["card", "face"]', '"card"', "factors", "expected a list, found str"),
    "factor no text": ('["card", "face"]', '["card", 1]', "factors[1]", "expected a string"),
    "liveness": ('"when_fitted"', '"sometimes"', "liveness", "'sometimes' is unknown; known: required, when_fitted"),
    "alert": ('["failed", "refused"', '["failed", "bored"', "alerts", "'bored' is unknown; known: passed, failed"),
    "one for two": ("unable = 2", "unable = 1", "officers.unable", "expected at least 2"),
    "one for manual": ("manual = 2", "manual = 1", "officers.manual", "expected at least 2"),
    "nobody": ("failed = 1", "failed = 0", "officers.failed", "expected at least 1"),
    "unknown outcome": ("failed = 1", "failed = 1\nemergency = 1", "officers.emergency", "unknown key"),
    "checkpoint twice": ('id = "antenatal"', 'id = "registration"', "checkpoints[1].id", "there already"),
    "checkpoint empty": ('id = "antenatal"', 'id = ""', "checkpoints[1].id", "1 to 64 characters"),
    "checkpoint too long": ('id = "antenatal"', f'id = "{"a" * 65}"', "checkpoints[1].id", "1 to 64 characters"),
    "checkpoint without title": ('title = "建册"\n', "", "checkpoints[0].title", "missing"),
    "wording": ('id = "neutral-consent-1"', 'colour = "x"', "consent.colour", "unknown key"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pack_is_refused(name: str, tmp_path: Path) -> None:
    old, new, path, expected = BROKEN[name]
    assert old in NEUTRAL
    pack = tmp_path / "pack.toml"
    pack.write_text(NEUTRAL.replace(old, new, 1), "utf-8")
    with pytest.raises(TreeError, match=re.escape(expected)) as found:
        load_policy(str(pack))
    assert found.value.path == path


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    pack = tmp_path / "pack.toml"
    pack.write_text("checkpoints = []\n" + re.sub(r"\[\[checkpoints\]\]\n.*\n.*\n", "", NEUTRAL), "utf-8")
    with pytest.raises(TreeError, match="expected at least one") as found:
        load_policy(str(pack))
    assert found.value.path == "checkpoints"


@pytest.mark.parametrize("name", ["nowhere", "a/b", "../neutral", "", "/etc/passwd", "missing.toml"])
def test_pack_that_is_not_there(name: str) -> None:
    with pytest.raises(TreeError):
        load_policy(name)
