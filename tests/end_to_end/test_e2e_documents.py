"""Documents without a chip, a second officer who comes later, other channels, the worklist: from page to record."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from daemon.demo.people import ANNA, BELLA, document_of
from daemon.demo.stage import OFFICERS, UNIT, Stage
from tests.daemon.kiosk.test_kiosk_page import SCAN
from tests.end_to_end.hands import Hands, hands_on
from tests.end_to_end.support import all_receipted, silent
from tests.support import ROOT
from tests.support.brokers import wait_for

FIRST, SECOND = OFFICERS
SPECIMENS = json.loads((ROOT / "tests/vectors/mrz/icao_9303.json").read_text("utf-8"))["specimens"]
LINE_1, LINE_2 = SPECIMENS[0]["lines"]
WRONG_NUMBER = LINE_2.replace("L898902C3", "L898902C4")
SECRETS = ("ERIKSSON", "L898902C3", "L898902C4")


class InJiangxi(Stage):
    """Where the rules name other channels."""

    def _provision(self) -> None:
        super()._provision()
        text = self.unit_toml.read_text("utf-8")
        self.unit_toml.write_text(text.replace('policy = "neutral"', 'policy = "jiangxi"'), "utf-8")
        self.name_policy("jiangxi")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with InJiangxi(silent) as opened:
        yield opened


@pytest.fixture
def hands(stage: Stage, browser: Browser) -> Iterator[Hands]:
    with hands_on(stage, browser) as made:
        yield made


def record_of(stage: Stage, check: str) -> dict[str, Any]:
    """The check's record, as the hospital has verified and decrypted it."""
    all_receipted(stage)
    rows = stage.gateway("list", "--json", "--limit", "-1", "--unit", UNIT)
    (row,) = [one for one in rows if one["check"] == check and one["kind"] == "check"]
    assert row["chained"]
    (payload,) = stage.gateway("show", UNIT, str(row["seq"]), "--json")
    return payload


def no_card(hands: Hands, visit: str) -> str:
    """A woman without an ID card, as far as the officers' screen; the check's id."""
    hands.begin(visit)
    hands.consent()
    hands.touch("没有身份证")
    hands.touch("没有居民身份证")
    hands.glass.step("decision")
    check: str = hands.view()["check"]
    return check


def scan(hands: Hands, *lines: str) -> None:
    for line in lines:
        hands.page.evaluate(SCAN, [line, 8])


def findings(hands: Hands, *words: str) -> None:
    for one in words:
        expect(hands.page.locator("dl")).to_contain_text(one)


def test_foreign_document_with_two_officers(hands: Hands) -> None:
    """Scanned, one digit read wrong: said by its field, scanned again, then two officers and her signature."""
    check = no_card(hands, "V-0201")
    hands.glass.shot("live-zh-no-card")
    hands.touch("录入其他证件")
    hands.touch("护照")
    scan(hands, LINE_1)
    assert hands.page.input_value("#mrz-1") == LINE_1
    scan(hands, WRONG_NUMBER)
    findings(hands, "护照", "E******************", "机读码：证件号码校验位错误", "机读码：总校验位错误", "证件已过期")
    assert not any(secret in hands.page.content() for secret in SECRETS)
    hands.touch("重新录入证件")
    hands.touch("护照")
    scan(hands, LINE_1 + LINE_2)
    findings(hands, "证件已过期", "L89****C3")
    expect(hands.page.locator("dl")).not_to_contain_text("机读码")
    assert hands.page.get_by_role("button", name="通过", exact=True).count() == 0
    hands.decide("人工核验", "护照")
    hands.confirm(FIRST)
    expect(hands.page.locator(".officers")).to_contain_text("1/2")
    hands.glass.shot("live-zh-passport-confirm")
    hands.confirm(SECOND)
    hands.sign()
    assert hands.glass.title == "人工核验"
    hands.page.wait_for_selector("#main[data-step=idle]", timeout=20_000)
    assert "L89****C3" not in hands.page.content()
    record = record_of(hands.stage, check)
    assert record["outcome"] == "manual"
    assert [one["id"] for one in record["officers"]] == [FIRST, SECOND]
    document = record["document"]
    assert (document["method"], document["number"], document["name"]) == ("mrz", "L898902C3", "ERIKSSON ANNA MARIA")
    assert (document["birth"], document["findings"]) == ("19740812", ["expired"])
    assert record["channel"] == "unit"
    assert not {"face", "liveness"} & record.keys()
    (answer,) = hands.stage.gateway("certificate", "V-0201", "--json")
    assert [one["code"] for one in answer["reasons"]] == ["not_verified"], "at the delivery only, so far"
    (seen,) = answer["evidence"]
    assert (seen["check"], seen["signature"], seen["findings"]) == (check, "verified", ["expired"])


def test_second_officer_comes_later(hands: Hands) -> None:
    """In English: typed, one officer; parked, the office is called; the next woman; resumed and closed."""
    hands.page.click("#language")
    hands.glass.type("visit", "V-0202")
    hands.touch("Begin")
    hands.glass.step("notice")
    hands.touch("Staff decide")
    hands.touch("Enter another document")
    hands.touch("Foreigner's residence permit")
    hands.touch("Type the fields instead")
    for field, text in {"number": "123456789", "document-name": "Nguyễn Thị Ánh", "birth": "1994-02-30"}.items():
        hands.glass.type(field, text)
    hands.glass.type("nationality", "vnm")
    hands.touch("No end (长期)")
    hands.page.get_by_text("female").click()
    hands.touch("Next")
    expect(hands.page.locator(".wrong")).to_have_text("This date of birth is no date")
    hands.glass.shot("live-en-typed")
    hands.glass.type("birth", "1994-02-28")
    hands.touch("Next")
    hands.glass.step("decision")
    findings(hands, "Foreigner's residence permit", "N*************")
    hands.touch("Checked by staff")
    hands.touch("Foreigner's document")
    hands.glass.type("officer-id", FIRST)
    hands.glass.type("officer-pin", OFFICERS[FIRST])
    hands.touch("Confirm")
    expect(hands.page.locator(".officers")).to_contain_text("1/2")
    check = hands.view()["check"]
    hands.touch("Second officer not here: next woman")
    hands.glass.step("idle")
    assert "N***" not in hands.page.content()
    hands.begin("V-0203")  # the next woman is met in Chinese
    hands.touch("拒绝核验")
    hands.decide("拒绝", "本人拒绝")
    hands.confirm(SECOND)
    hands.sign()
    hands.touch("完成")
    hands.glass.step("idle")
    hands.page.click("#staff")
    expect(hands.page.locator("section").first).to_contain_text("V-0202")
    hands.glass.shot("live-zh-parked")
    hands.touch("继续核验")
    hands.glass.step("confirm")
    hands.confirm(SECOND)
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    record = record_of(hands.stage, check)
    assert (record["outcome"], record["document"]["nationality"]) == ("manual", "VNM")
    assert [one["id"] for one in record["officers"]] == [FIRST, SECOND]
    events = [one for one in hands.stage.gateway("list", "--json", "--limit", "-1", "--unit", UNIT) if one["alert"]]
    called = [hands.stage.gateway("show", UNIT, str(one["seq"]), "--json")[0].get("event") for one in events]
    assert {"type": "check.parked", "check": check, "cause": "second_officer_pending"} in called


def test_one_card_for_two_visits(hands: Hands) -> None:
    """Expired, with a wrong digit, and read for another visit before: officers see all of it, the record holds it."""
    for visit, shown in (("V-0204", False), ("V-0205", True)):
        hands.begin(visit)
        hands.consent()
        hands.lay(expired=True, wrong_digit=True)
        hands.glass.step("face")
        hands.touch("只查验证件")
        hands.glass.step("decision")
        findings(hands, "证件已过期", "证件号码校验位错误", *(["本班次内，此证件已用于另一就诊号"] if shown else []))
        hands.stage.reader.lift()
        if not shown:
            hands.touch("人已离开")
            hands.glass.step("done")
            hands.touch("完成")
            hands.glass.step("idle")
    hands.glass.shot("live-zh-two-visits")
    check = hands.view()["check"]
    hands.decide("未通过", "证件已过期")
    hands.confirm(FIRST)
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    wanted = ["expired", "check_digit_wrong", "read_for_another_visit"]
    assert sorted(record_of(hands.stage, check)["document"]["findings"]) == sorted(wanted)


def test_checked_through_the_provinces_app(hands: Hands) -> None:
    check = no_card(hands, "V-0206")
    hands.touch("已在其他渠道核验")
    hands.touch("赣服通")
    hands.glass.type("reference", "990000199407120249")
    hands.touch("下一步")
    expect(hands.page.locator(".wrong")).to_have_text("核验编号不能是身份证号码")
    hands.glass.type("reference", "GFT-2026-0042")
    hands.touch("下一步")
    findings(hands, "赣服通", "GFT-2026-0042")
    assert hands.page.get_by_role("button", name="通过", exact=True).count() == 0
    hands.decide("人工核验", "赣服通")
    for officer in OFFICERS:
        hands.confirm(officer)
        expect(hands.page.locator("#officer-pin")).to_have_value("") if officer == FIRST else None
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    hands.glass.shot("live-zh-channel")
    record = record_of(hands.stage, check)
    assert (record["channel"], record["channel_reference"]) == ("ganfutong", "GFT-2026-0042")
    assert record["decision"]["reason"] == "赣服通 GFT-2026-0042: 赣服通"
    assert "face" not in record
    hands.touch("完成")
    hands.glass.step("idle")
    hands.page.click("#staff")
    hands.touch("统计")
    expect(hands.page.locator(".charts")).to_contain_text("人工核验 · 赣服通")


def test_every_way_without_a_card_goes_on(hands: Hands) -> None:
    """Not an error: the cause is said, a document or another channel can be entered, and officers may decide."""
    for cause in ("身份证没带", "芯片读不出", "只有手机电子身份证", "没有居民身份证"):
        hands.begin()
        hands.touch("只查验证件")
        hands.glass.step("card")
        hands.touch("没有身份证")
        hands.touch(cause)
        hands.glass.step("decision")
        assert hands.glass.trouble == cause
        for way in ("录入其他证件", "已在其他渠道核验", "人工核验", "无法核验", "第二人未到，先核验下一位"):
            expect(hands.page.get_by_role("button", name=way, exact=True)).to_be_visible()
        hands.touch("人已离开")
        hands.glass.step("done")
        hands.touch("完成")
        hands.glass.step("idle")


def test_worklist_says_where_and_who(hands: Hands) -> None:
    """The unit is at delivery, her check is due at admission; her card is held against whom the list expects."""
    today = document_of(ANNA, dt.datetime.now().astimezone().date())
    content = {
        "v": 1,
        "entries": [
            {"visit": "V-0207", "checkpoint": "admission", "expected": {"name": today.name, "number": today.number}},
        ],
    }
    file = hands.stage.folder / "list.json"
    file.write_text(json.dumps(content), "utf-8")
    command = [sys.executable, "-m", "gateway.cli", "--config", str(hands.stage.gateway_toml)]
    subprocess.run([*command, "worklist", "send", str(file), "--unit", UNIT], cwd=ROOT, check=True, capture_output=True)
    wait_for(lambda: bool(hands.view()["worklist"]), "the worklist", 60)
    hands.touch("待核验名单 1")
    hands.touch("V-0207 · 入院")
    hands.glass.step("notice")
    expect(hands.page.locator("#place")).to_contain_text("入院")
    hands.consent()
    hands.lay(BELLA)
    hands.glass.step("face")
    hands.touch("只查验证件")
    findings(hands, "证件号码与就诊登记不一致", "姓名与就诊登记不一致")
    check = hands.view()["check"]
    hands.glass.shot("live-zh-differs")
    hands.decide("未通过", "与证件照片不一致")
    hands.confirm(SECOND)
    hands.glass.step("sign")
    hands.touch("稍后签名")
    hands.glass.step("done")
    record = record_of(hands.stage, check)
    assert (record["checkpoint"], record["visit"]["source"]) == ("admission", "worklist")
    assert {"number_differs_from_visit", "name_differs_from_visit"} <= set(record["document"]["findings"])


def test_nothing_of_it_rests_on_the_unit(hands: Hands) -> None:
    """Journal, log, database and everything else beside the site's own keys; whoever else was there before."""
    no_card(hands, "V-0201")  # at another visit it would be a finding where this passport is looked at
    hands.touch("录入其他证件")
    hands.touch("护照")
    scan(hands, LINE_1 + LINE_2)
    findings(hands, "L89****C3")
    hands.touch("人已离开")
    hands.glass.step("done")
    stage = hands.stage
    all_receipted(stage)
    looked = 0
    for path in (stage.folder / "unit").rglob("*"):
        if path.is_file():
            looked += 1
            content = path.read_bytes()
            assert not [one for one in (*SECRETS, "Nguy", "GFT-2026-0042") if one.encode() in content], path.name
    log = (stage.folder / "unit.log").read_bytes()
    assert not [one for one in (*SECRETS, "Nguy", "GFT-2026-0042", "740812") if one.encode() in log]
    assert looked >= 5
    assert b"DocumentEntered" in log
    assert stage.verify()["sound"]
