"""Officers as a hospital has them: applied for and approved at the gateway, keys registered at the unit, used there.

One running unit, gateway and browser, on mosquitto: what a unit says while the gateway is away waits there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Request, Route, expect

from daemon.demo.stage import APPROVERS, OFFICERS, PASSWORDS, UNIT, Stage
from evidence.decision import check_decision
from evidence.verify import read_record
from gateway.cli import main as vernix_gateway
from gateway.store import Store
from tests.daemon.kiosk.support import Glass, context_of
from tests.daemon.kiosk.test_kiosk_page import SCAN
from tests.end_to_end.support import SiteMosquitto, all_receipted, silent
from tests.support.brokers import wait_for
from tests.support.programs import FindProgram

FIRST, PIN = "o-101", "739104"
NAMES = {"k-01": "示例甲", "k-02": "示例乙", "k-03": "示例丙"}
ONE, TWO, THREE = NAMES
BADGE = "NB-0047"
BY_KEY = "用安全密钥确认"


@dataclass(slots=True)
class Ward:
    """The stage, the page, and the security keys of officers, of which one is touched at a time."""

    stage: Stage
    glass: Glass
    session: CDPSession
    plugged: dict[str, str] = field(default_factory=dict)

    def plug(self, officer: str) -> None:
        """A key of ``officer``'s own; from now on it is the one that is touched."""
        options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.plugged[officer] = made["authenticatorId"]
        self.hold(officer)

    def hold(self, officer: str) -> None:
        for name, key in self.plugged.items():
            values = {"authenticatorId": key, "enabled": name == officer}
            self.session.send("WebAuthn.setAutomaticPresenceSimulation", values)

    def gateway(self, *words: str, typed: str = "") -> str:
        """What ``vernix-gateway`` prints."""
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
            patch.setattr("getpass.getpass", lambda _prompt: typed)
            patch.setattr("sys.stdin.isatty", lambda: True, raising=False)
            assert vernix_gateway(["--config", str(self.stage.gateway_toml), *words]) == 0
        return said.getvalue()

    def log_in(self, officer: str, pin: str) -> None:
        """At the page for shifts."""
        self.glass.type("officer-id", officer)
        self.glass.type("officer-pin", pin)
        self.glass.touch("接班")
        self.on_duty(officer)

    def on_duty(self, officer: str) -> None:
        expect(self.glass.page.locator("#place")).to_contain_text(officer)

    def staff(self, tab: str) -> None:
        if self.glass.page.get_attribute("#main", "data-step") == "idle":
            self.glass.page.click("#staff")
        self.glass.touch(tab)

    def home(self) -> None:
        self.glass.touch("返回")
        self.glass.step("idle")

    def register(self, officer: str) -> str:
        """The code that the screen shows."""
        self.plug(officer)
        self.staff("安全密钥")
        self.glass.type("key-officer", officer)
        self.glass.touch("登记密钥")
        text = self.glass.page.inner_text("#key-code")
        assert officer in text
        self.glass.shot(f"key-registered-{officer}")
        return text[:9]

    def by_key(self, officer: str, touched: str = "") -> None:
        self.hold(touched or officer)
        self.glass.type("officer-id", officer)
        self.glass.touch(BY_KEY)

    def pressed(self) -> None:
        """An emergency, explained with TWO's key."""
        page = self.glass.page
        for _ in range(2):
            page.click("#emergency")
        self.glass.step("done")
        page.click("#emergency")
        self.glass.touch("说明紧急情况")
        self.glass.touch("胎儿娩出")
        self.by_key(TWO)
        self.glass.step("idle")

    def undecided(self, visit: str) -> None:
        """An unconscious woman, and two officers asked to confirm that she cannot be verified."""
        self.glass.type("visit", visit)
        self.glass.touch("开始核验")
        self.glass.step("notice")
        self.glass.touch("由工作人员处理")
        self.glass.touch("无法核验")
        self.glass.touch("昏迷")
        self.glass.step("confirm")

    def records(self, wanted: Callable[[Mapping[str, Any]], bool], at_least: int = 1) -> list[Mapping[str, Any]]:
        """The records that the gateway has verified and that are ``wanted``, when so many are there."""
        found: list[Mapping[str, Any]] = []

        def arrived() -> bool:
            with closing(Store(self.stage.gateway_toml.parent / "data/gateway.db")) as store:
                shown = [read_record(token).payload for token in store.chained_jws(UNIT)]
            found[:] = [one for one in shown if wanted(one)]
            return len(found) >= at_least

        all_receipted(self.stage)
        wait_for(arrived, "the records at the gateway", 60)
        return found


@pytest.fixture(scope="module")
def stage(program: FindProgram) -> Iterator[Stage]:
    with Stage(silent, make_broker=SiteMosquitto.maker(program("mosquitto"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def ward(stage: Stage, browser: Browser) -> Iterator[Ward]:
    """Registered at the page, approved by two, and in force: three officers with a key each, one with a badge too."""
    with context_of(browser) as context:
        glass = Glass(context.new_page(), stage.url)
        session = context.new_cdp_session(glass.page)
        session.send("WebAuthn.enable")
        made = Ward(stage, glass, session)
        _approved(made, _registered(made))
        yield made
        glass.check()


def _registered(ward: Ward) -> dict[str, str]:
    """The codes by officer."""
    place, body = ward.glass.page.locator("#place"), ward.glass.page.locator("#body")
    ward.staff("交接班")
    ward.glass.touch("下班")
    expect(place).to_contain_text("无人当值")
    ward.staff("安全密钥")
    expect(body).to_contain_text("须有当班人员为新密钥作证")
    ward.staff("交接班")
    ward.log_in(FIRST, OFFICERS[FIRST])
    codes = {officer: ward.register(officer) for officer in NAMES}
    ward.home()
    return codes


def _approved(ward: Ward, codes: Mapping[str, str]) -> None:
    ward.stage.enrol_approvers()
    for number, (officer, name) in enumerate(NAMES.items()):
        words = ["--name", name, "--department", "产科", "--post", "护师", "--phone", f"139 0000 000{number}"]
        ward.gateway("officer", "apply", *words, "--reason", "夜班", "--code", "OBS", "--regular", "--id", officer)
        for department, by in APPROVERS.items():
            words = ["officer", "approve", officer, "--department", department, "--by", by]
            ward.gateway(*words, typed=PASSWORDS[by])
    all_receipted(ward.stage)
    assert set(codes.values()) <= set(ward.gateway("officer", "offers").split())
    for officer, code in codes.items():
        ward.gateway("officer", "key", officer, "--by", "信息科", "--offer", code)
    ward.gateway("officer", "pin", ONE, "--by", "信息科", typed=PIN)
    ward.gateway("officer", "badge", ONE, "--by", "信息科", typed=BADGE)
    ward.gateway("roster", "send", "--unit", UNIT)
    wait_for((ward.stage.folder / "unit/data/roster.json").exists, "the roster", 60)


def test_officers_of_provisioning_make_way_for_the_hospitals(ward: Ward) -> None:
    """They are not in the hospital's roster: their time at this unit is over."""
    expect(ward.glass.page.locator("#place")).not_to_contain_text(FIRST)
    ended = ward.records(lambda one: one.get("event", {}).get("type") == "duty.ended", 2)
    assert [one["event"]["officer"] for one in ended[:2]] == [FIRST, FIRST]  # at the page, then by the roster


def test_handover_by_badge_and_then_by_key(ward: Ward) -> None:
    page = ward.glass.page
    before = ward.records(lambda one: one.get("event", {}).get("type") == "duty.begun", 0)
    ward.staff("交接班")
    page.evaluate(SCAN, [BADGE, 8])
    assert page.get_attribute("#officer-id", "placeholder") == "已读取工牌"
    ward.glass.type("officer-pin", PIN)
    ward.glass.touch("接班")
    ward.on_duty(ONE)
    ward.by_key(TWO)
    ward.on_duty(TWO)
    ward.home()
    shifts = ward.records(lambda one: one.get("event", {}).get("type") == "duty.begun", len(before) + 2)
    said = [(one["event"]["officer"], one["event"]["login"]) for one in shifts]
    assert said[-2:] == [(ONE, "badge_pin"), (TWO, "webauthn")]
    assert shifts[-1]["event"]["relieves"] == ONE


def test_unconscious_woman_and_two_keys(ward: Ward) -> None:
    """One statement, two people, two keys; one of them twice, or with the other's key, is refused in words."""
    ward.undecided("V-0201")
    page = ward.glass.page
    ward.by_key(ONE)
    expect(page.locator(".officers")).to_contain_text(f"1/2 名工作人员 已确认 {ONE}")
    ward.by_key(ONE)
    expect(page.locator("#trouble")).to_contain_text("须由另一名工作人员确认")
    ward.glass.shot("two-keys-same-officer")
    ward.by_key(TWO)
    ward.glass.step("sign")
    ward.glass.touch("稍后签名")
    ward.glass.step("done")
    assert ward.glass.title == "无法核验"
    ward.glass.touch("完成")
    ward.glass.step("idle")
    (record,) = ward.records(lambda one: one.get("outcome") == "unable")
    assert [(one["id"], one["assertion"]["method"]) for one in record["officers"]] == [
        (ONE, "webauthn"),
        (TWO, "webauthn"),
    ]
    assert len({one["assertion"]["key"]["x"] for one in record["officers"]}) == 2
    check_decision(record)


def test_an_assertion_for_another_decision_is_refused_in_words(ward: Ward) -> None:
    """What was signed for one woman is sent again for the next one, and once more as somebody else's."""
    page, sent = ward.glass.page, []

    def note(request: Request) -> None:
        if request.url.endswith("/touch/confirm"):
            sent.append(json.loads(request.post_data or "{}")["assertion"])

    page.on("request", note)
    ward.undecided("V-0202")
    ward.by_key(ONE)
    expect(page.locator(".officers")).to_contain_text("1/2")
    ward.glass.touch("撤回")
    ward.glass.step("decision")
    ward.glass.touch("无法核验")
    ward.glass.touch("昏迷")
    ward.glass.step("confirm")

    def replay(route: Route) -> None:
        values = {**json.loads(route.request.post_data or "{}"), "assertion": sent[0]}
        route.continue_(post_data=json.dumps(values))

    page.route("**/touch/confirm", replay)
    ward.by_key(ONE)
    expect(page.locator(".wrong")).to_have_text("密钥签的是另一份内容，请为本次重新触碰")
    ward.glass.shot("replayed-assertion")
    ward.by_key(TWO)
    expect(page.locator(".wrong")).to_have_text("不是该人员的安全密钥")
    page.unroute("**/touch/confirm")
    ward.glass.touch("撤回")
    ward.glass.step("decision")
    ward.glass.touch("人已离开")
    ward.glass.step("done")
    ward.glass.touch("完成")
    ward.glass.step("idle")


def test_an_emergency_pressed_twice_is_one_record_and_explained_by_key(ward: Ward) -> None:
    before = ward.records(lambda one: one.get("outcome") == "emergency", 0)
    ward.pressed()
    *earlier, emergency = ward.records(lambda one: one.get("outcome") == "emergency", len(before) + 1)
    assert earlier == before
    (said,) = ward.records(lambda one: one["kind"] == "addendum" and one["check"] == emergency["check"])
    assert [(one["id"], one["assertion"]["method"]) for one in said["officers"]] == [(TWO, "webauthn")]
    check_decision(said)


def test_a_remark_by_key_and_a_revoked_officer_without_hands(ward: Ward) -> None:
    """A unit that was offline shows an older roster, and the gateway brings the present one. All of it verifies."""
    page = ward.glass.page
    ward.pressed()
    ward.staff("待办")
    page.get_by_role("button", name="补充 P-").first.click()
    ward.glass.touch("备注")
    ward.glass.type("reason", "母婴平安")
    ward.by_key(TWO)
    expect(page.locator("#hint")).to_have_text("已补充记录")
    ward.staff("交接班")
    ward.by_key(THREE)
    ward.on_duty(THREE)
    ward.home()
    before = (ward.stage.folder / "unit/data/roster.json").read_bytes()
    ward.stage.broker.stop()
    ward.gateway("officer", "revoke", THREE, "--by", "护理部主任", "--reason", "离职")
    ward.stage.broker.start()
    wait_for(lambda: (ward.stage.folder / "unit/data/roster.json").read_bytes() != before, "the roster", 120)
    expect(page.locator("#place")).not_to_contain_text(THREE)
    verified = ward.stage.verify()
    assert verified["sound"], verified
