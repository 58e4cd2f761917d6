"""Each shipped pack against the rules it stands on, line by line: the words of the rule, then what the pack answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.cards import DOCUMENT_TYPES
from daemon.policy import Policy, load_policy
from daemon.policy.rules_words import citations, published
from daemon.policy.words import DOCUMENTS, RECIPIENTS, DocumentType, Recipient
from evidence.encoding import sha256_hex
from evidence.record import Outcome
from evidence.tree import TreeError
from tests.daemon.policy.rule_lines import LINES
from tests.daemon.policy.support import PACKS, text_of
from tests.support import ROOT


@pytest.mark.parametrize(("name", "rule", "holds"), LINES, ids=[f"{name}: {rule}" for name, rule, _ in LINES])
def test_line_of_the_rules(name: str, rule: str, holds: Callable[[Policy], bool]) -> None:
    assert holds(PACKS[name]), rule


def test_the_four_packs_are_shipped() -> None:
    assert set(PACKS) == {"jiangxi", "hainan", "chongqing_yubei", "neutral"}


@pytest.mark.parametrize(
    ("name", "number"),
    [("jiangxi", "赣卫妇幼发〔2024〕2号"), ("chongqing_yubei", "渝北卫健〔2024〕127号")],
)
def test_the_document_is_named(name: str, number: str) -> None:
    assert PACKS[name].sources[0].number == number


@pytest.mark.parametrize("name", PACKS)
def test_our_own_rules_that_a_pack_cites_are_in_the_readme(name: str) -> None:
    rules = re.findall(r"^(\d+)\. ", (ROOT / "daemon/policy/README.md").read_text("utf-8"), re.MULTILINE)
    cited = {number for _, text in citations(PACKS[name]) for number in re.findall(r"vernix (\d+)", text)}
    assert cited
    assert cited <= set(rules)


@pytest.mark.parametrize("name", PACKS)
def test_words_are_known_by_their_hash(name: str) -> None:
    """Records name text and hash; what was once published under an id stays what it was."""
    policy = PACKS[name]
    for text in (policy.notice, policy.consent):
        assert text.sha256 == sha256_hex(text.zh.encode() + b"\0" + text.en.encode()) == published()[text.id]
    assert published()["neutral-consent-1"].startswith("731ee84c"), "the first pack's words are still known"


def test_a_pack_does_not_fill_a_log_with_itself() -> None:
    assert repr(PACKS["jiangxi"]) == "Policy('jiangxi', version '2024-2')"


def test_every_word_for_screens_is_there() -> None:
    assert set(DOCUMENTS) == set(DocumentType)
    assert set(RECIPIENTS) == set(Recipient)
    assert set(DOCUMENT_TYPES.values()) <= set(DocumentType), "what the reader reads, a pack can name"


@pytest.mark.parametrize("name", PACKS)
def test_an_editor_finds_the_schema(name: str) -> None:
    assert text_of(name).startswith("#:schema ../policy-v1.schema.json\n")


@pytest.mark.parametrize("name", ["nowhere", "a/b", "../neutral", "", "/etc/passwd", "missing.toml"])
def test_pack_that_is_not_there(name: str) -> None:
    with pytest.raises(TreeError):
        load_policy(name)


def test_unknown_checkpoint() -> None:
    policy = PACKS["jiangxi"]
    with pytest.raises(KeyError):
        policy.checkpoint("moon")
    assert [one.recipient for one in policy.alerts_for("moon", Outcome.FAILED)] == ["hospital_office"], (
        "somebody still hears of it"
    )


@pytest.mark.parametrize(
    ("name", "biometrics"),
    [("jiangxi", ("face", "finger")), ("hainan", ("face",)), ("chongqing_yubei", ("face",)), ("neutral", ("face",))],
)
def test_biometrics_that_lead_to_a_pass(name: str, biometrics: tuple[str, ...]) -> None:
    policy = PACKS[name]
    assert {policy.biometrics_for(one.id) for one in policy.checkpoints} == {biometrics}


@pytest.mark.parametrize("name", PACKS)
def test_outcomes_that_somebody_hears_of(name: str) -> None:
    policy = PACKS[name]
    heard = {out for out in Outcome for one in policy.checkpoints if policy.alerts_for(one.id, out)}
    assert set(policy.alerts) == heard


def test_a_checkpoint_may_want_its_own_factors() -> None:
    policy = PACKS["neutral"]
    first = replace(policy.checkpoints[0], factors=("card",), one_of=("finger",))
    changed = replace(policy, checkpoints=(first, *policy.checkpoints[1:]))
    assert changed.lacking(first.id, ("card", "face")) == ("finger",)
    assert changed.lacking(policy.checkpoints[1].id, ("card",)) == ("face",)
