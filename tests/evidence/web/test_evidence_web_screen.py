"""What an inspector does with the page, and sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import expect

from evidence.bundle import MAX_LINE
from evidence.verify import MAX_FINDINGS
from tests.evidence.web.support import BASE, Files, Verifier, bundle_of, head_of
from tests.vectors.evidence import by_hand

LAST = head_of(BASE[-1])


def health(owner: by_hand.Key = by_hand.NEXT_KEY, **more: Any) -> str:
    """A signed head as a unit sends it."""
    message = {"v": 1, "unit": by_hand.UNIT, "site": by_hand.SITE, "at": by_hand.instant(130), "waiting": 0}
    message |= {"seq": LAST["seq"], "head": LAST["sha256"], **more}
    return by_hand.signed(by_hand.text_of(message), owner, by_hand.header(owner, "vernix-health+jws"))


@pytest.fixture
def sound(files: Files) -> dict[str, Path]:
    return {"bundle": files.bundle(bundle_of(BASE)), "authority": files.authority()}


def test_a_sound_bundle_is_shown_in_words_sign_and_numbers(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.verify(**sound)
    assert verifier.state == "sound"
    assert verifier.page.inner_text(".verdict .sign") == "✓"
    assert "完好" in verifier.page.inner_text("#verdict")
    for shown in (by_hand.UNIT, by_hand.SITE, LAST["sha256"], by_hand.sha256(by_hand.der(by_hand.authority()))):
        assert shown in verifier.text
    counts = verifier.page.locator(".kinds li").evaluate_all(
        "items => Object.fromEntries(items.map((one) => [one.dataset.kind, one.querySelector('b').textContent]))"
    )
    assert counts == {"birth": "1", "event": "2", "check": "8", "addendum": "2", "key": "1", "retire": "1"}
    verifier.screenshot("verify-sound")


def test_checks_are_listed_without_personal_data(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.verify(**sound)
    rows: list[list[str]] = verifier.page.locator("table.checks tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
    )
    assert [row[0] for row in rows] == ["3", "4", "5", "6", "7", "8", "9", "10"]
    assert [row[3] for row in rows][:2] == ["通过", "未通过"]
    assert rows[3][4] == "N001, N002"
    assert [row[5] for row in rows] == ["11", "无", "无", "无", "无", "12", "无", "无"]
    whole = verifier.page.content()
    for secret in ("样本甲", by_hand.DOCUMENT["number"], "1990-03-07", "19900000000", "unconscious", "V000003"):
        assert secret not in whole


def test_a_record_opens_with_a_click_and_leaves_nothing_behind(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.verify(**sound)
    verifier.page.click("table.checks tbody tr:first-child button")
    dialog = verifier.page.locator("dialog")
    expect(dialog).to_contain_text("样本甲")
    expect(dialog).to_contain_text("0.61")
    verifier.screenshot("verify-record", whole=False)
    verifier.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # A dialog tells of its end a moment later.
    verifier.wait_until("!document.documentElement.outerHTML.includes('样本甲')")


def test_a_file_changed_after_it_was_verified_is_not_opened(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.verify(**sound)
    sound["bundle"].write_bytes(bundle_of([*BASE[:2], BASE[3], BASE[2], *BASE[4:]]))
    verifier.page.click("table.checks tbody tr:first-child button")
    expect(verifier.page.locator("dialog")).to_contain_text("被改动")
    assert "样本甲" not in verifier.page.content()


def test_an_unsound_bundle_lists_what_is_wrong_and_where(verifier: Verifier, files: Files) -> None:
    tokens = [*BASE[:4], BASE[5], BASE[4], *BASE[6:8], BASE[7], *BASE[9:]]
    verifier.verify(bundle=files.bundle(bundle_of(tokens)), authority=files.authority())
    assert verifier.state == "unsound"
    assert verifier.page.inner_text(".verdict .sign") == "✗"
    assert [4, 5] in verifier.findings()
    assert "第 5 条\uff08第 6 行\uff09" in verifier.text
    assert verifier.page.locator("table.checks").count() == 0
    verifier.screenshot("verify-unsound")


@pytest.mark.parametrize("name", [by_hand.UNIT, by_hand.SITE])
def test_a_first_line_of_somebody_else_is_a_finding(name: str, verifier: Verifier, files: Files) -> None:
    first, rest = bundle_of(BASE).split(b"\n", 1)
    changed = first.replace(f'"{name}"'.encode(), b'"other"')
    assert changed != first
    verifier.verify(bundle=files.bundle(changed + b"\n" + rest), authority=files.authority())
    assert verifier.findings() == [[5, 0]]


def test_blank_lines_are_a_thousand_findings(verifier: Verifier, files: Files) -> None:
    bundle = files.bundle(bundle_of(BASE) + b"\n" * 1_000_000)
    verifier.verify(bundle=bundle, authority=files.authority())
    assert verifier.state == "unsound"
    assert f"发现 {MAX_FINDINGS} 处问题后停止" in verifier.text


def test_in_english(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.page.click("#language")
    verifier.verify(**sound)
    assert verifier.page.inner_text("#verdict") == "Sound"
    assert verifier.page.get_attribute("html", "lang") == "en"
    shown = verifier.page.inner_text("main").replace(by_hand.UNIT, "")
    assert not [letter for letter in shown if "\u4e00" <= letter <= "\u9fff"]
    verifier.screenshot("verify-sound-english")
    verifier.page.click("#language")
    assert verifier.page.inner_text("#verdict") == "完好"


def test_every_word_has_both_languages(engine: Verifier) -> None:
    """The same places for details in both; and words for every fault the scripts name."""
    wrong = engine.page.evaluate(
        r"""() => {
          const scripts = [...document.scripts].map((one) => one.textContent).join("\n");
          const thrown = [...scripts.matchAll(/new Fault\("([^"]+)"/g)].map((match) => match[1]);
          const found = [...scripts.matchAll(/this\.find\(\d, [a-z0-9]+, "([^"]+)"/g)].map((match) => match[1]);
          const places = (words) => [...words.matchAll(/\{\d\}/g)].map(String).sort().join();
          const uneven = [...new Set([...thrown, ...found])].filter((code) => {
            const words = texts.both(code);
            return words === undefined || words.length !== 2 || places(words[0]) !== places(words[1]);
          });
          return thrown.length + found.length < 50 ? ["the search found too little"] : uneven;
        }"""
    )
    assert wrong == []


def test_by_keyboard_alone(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.choose(**sound)
    page = verifier.page
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "verify":
            break
    assert reached[:3] == ["language", "bundle", "authority"]
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
    assert page.evaluate("document.activeElement.id") == "verdict"


def test_everything_to_fill_in_has_a_label(engine: Verifier) -> None:
    unnamed = engine.page.evaluate(
        "() => [...document.querySelectorAll('input, progress')].filter((one) => "
        "!one.labels.length && !one.hasAttribute('aria-labelledby')).map((one) => one.id)"
    )
    assert unnamed == []


DROP = """async ([bundle, pem]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([bundle], "a.jsonl"));
  transfer.items.add(new File([pem], "b"));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_files_dropped_onto_the_page_find_their_places(verifier: Verifier, sound: dict[str, Path]) -> None:
    verifier.page.evaluate(DROP, [sound["bundle"].read_text(), sound["authority"].read_text()])
    expect(verifier.page.locator("#verify")).to_be_enabled()
    verifier.page.click("#verify")
    verifier.page.wait_for_selector(".verdict")
    assert verifier.state == "sound"


def test_a_verdict_goes_when_other_files_are_chosen(verifier: Verifier, files: Files, sound: dict[str, Path]) -> None:
    verifier.verify(**sound)
    verifier.choose(bundle=files.bundle(b"other", "other.jsonl"))
    expect(verifier.page.locator("#result")).to_be_hidden()


def test_the_wrong_authority_is_a_finding(verifier: Verifier, files: Files) -> None:
    other = by_hand.authority(by_hand.OTHER_AUTHORITY).public_bytes(serialization.Encoding.PEM)
    verifier.verify(bundle=files.bundle(bundle_of(BASE)), authority=files.authority(other))
    assert verifier.state == "unsound"
    assert verifier.findings()[:2] == [[2, 1], [2, 2]]


def test_an_authority_in_der_does_too(verifier: Verifier, files: Files) -> None:
    der = by_hand.der(by_hand.authority())
    verifier.verify(bundle=files.bundle(bundle_of(BASE)), authority=files.authority(der))
    assert verifier.state == "sound"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "文件是空的"),
        (b"\n", "不是 JSON"),
        (b"\xff\xfe", "不是 UTF-8"),
        (b"[]\n", "不是对象"),
        (b'{"format":"vernix-sealed-bundle","v":1,"head":"x"}\n', "加密"),
        (
            b'{"format":"vernix-bundle","v":2,"unit":"u","site":"s","head":{"seq":0,"sha256":"' + b"0" * 64 + b'"}}\n',
            "v",
        ),
        (bundle_of(BASE[:2]) + "中文\n".encode(), "第 4 行不是 JWS"),
        (bundle_of(BASE[:2]) + b"a" * (MAX_LINE + 1), "第 4 行超过"),
    ],
    ids=["empty", "empty line", "UTF-16", "list", "sealed", "later version", "not ASCII", "too long"],
)
def test_what_is_no_bundle_has_no_verdict(content: bytes, said: str, verifier: Verifier, files: Files) -> None:
    verifier.verify(bundle=files.bundle(content), authority=files.authority())
    assert verifier.state == "failed"
    assert said in verifier.text
    assert verifier.text.startswith("!")


@pytest.mark.parametrize(
    "content", [b"junk", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_has_no_verdict(content: bytes, verifier: Verifier, files: Files) -> None:
    verifier.verify(bundle=files.bundle(bundle_of(BASE)), authority=files.authority(content))
    assert verifier.state == "failed"
    assert "机构证书" in verifier.text
    verifier.screenshot("verify-failed")


class TestSignedHead:
    """Only a head that the unit signed shows that a tail was cut off."""

    def test_reached(self, verifier: Verifier, files: Files, sound: dict[str, Path]) -> None:
        verifier.verify(**sound, health=files.signed("health", health()))
        assert verifier.state == "sound"
        assert verifier.page.locator(".note.signed").count() == 1

    def test_cut_off(self, verifier: Verifier, files: Files) -> None:
        bundle = files.bundle(bundle_of(BASE[:-1]))
        verifier.verify(bundle=bundle, authority=files.authority(), health=files.signed("health", health()))
        assert verifier.findings() == [[8, 0]]

    def test_without_it_the_page_says_what_it_cannot_know(self, verifier: Verifier, files: Files) -> None:
        verifier.verify(bundle=files.bundle(bundle_of(BASE[:-1])), authority=files.authority())
        assert verifier.state == "sound"
        assert verifier.page.locator(".note:not(.signed)").count() == 1

    @pytest.mark.parametrize(
        "token",
        [health(by_hand.STRANGER), health(unit="other"), health(site="other"), health(seq=0), BASE[-1], "junk"],
        ids=["stranger", "unit", "site", "seq", "record", "junk"],
    )
    def test_of_somebody_else(self, token: str, verifier: Verifier, files: Files, sound: dict[str, Path]) -> None:
        verifier.verify(**sound, health=files.signed("health", token))
        assert verifier.findings() == [[8, 0]]


def test_a_predecessor_that_is_not_sound_gives_no_verdict(
    verifier: Verifier, files: Files, sound: dict[str, Path]
) -> None:
    before = files.bundle(bundle_of([BASE[0], BASE[2]]), "before.jsonl")
    verifier.verify(**sound, predecessor=before)
    assert verifier.state == "failed"
    assert "前一台设备" in verifier.text


def test_a_bad_revocation_list_gives_no_verdict(verifier: Verifier, files: Files, sound: dict[str, Path]) -> None:
    verifier.verify(**sound, revocations=files.signed("revocations", by_hand.revocations([], by_hand.STRANGER)))
    assert verifier.state == "failed"
    assert "吊销清单" in verifier.text
