"""``vernix-gateway form`` and ``register``: what was stored on paper; the portrait is on the signed original."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.policy import pack_path
from evidence.encoding import sha256_hex
from evidence.envelope import attachment
from evidence.record import Record
from evidence.topics import Channel
from gateway.aside import Message
from gateway.cli import main
from gateway.store import Store
from tests.evidence.forms.pictures import drawn, text_of
from tests.evidence.forms.samples import NOWHERE, PLAIN, id_of, signature
from tests.gateway.conftest import folder_in_memory
from tests.gateway.support import Hospital, Unit

DIGEST = "0" * 64
DRAWN = signature()
NAMED = {"name": "signature.png", "sha256": sha256_hex(DRAWN)}
SIGN = {"by": "subject", "relation": "self", "sha256": sha256_hex(DRAWN)}
FACE = {
    "score": 0.6,
    "threshold": 0.4,
    "decision": "match",
    "frames": 3,
    "model": {"detector": DIGEST, "embedding": DIGEST},
}


def check(number: int, **more: Any) -> dict[str, Any]:
    """Fields of a check record; ``number`` makes its id and visit. What is None is left out."""
    fields = {
        "kind": "check",
        "check": f"01935f2e-7c1a-7b3c-9d4e-{number:012d}",
        "drill": False,
        "checkpoint": "delivery",
        "outcome": "passed",
        "policy": {"id": "jiangxi", "version": "2024-2"},
        "visit": {"ref": f"ZY{number}", "source": "typed"},
        "subject": {"role": "mother"},
        "officers": [],
        "channel": "unit",
        "consent": {"text_id": "t", "sha256": DIGEST, "at": "2026-11-21T08:00:00.000Z", "by": "subject"},
        "document": PLAIN,
        "face": FACE,
        "liveness": {"decision": "live", "checks": []},
        **more,
    }
    return {name: value for name, value in fields.items() if value is not None}


class Site:
    """A gateway's store with checks of one unit; ``say`` is its command line."""

    def __init__(self, folder: Path) -> None:
        self.hospital = Hospital.of_site(folder)
        self.unit: Unit = self.hospital.unit("u1")
        toml = self.hospital.gateway_toml
        toml.write_text(toml.read_text("utf-8") + '\n[forms]\ninstitution = "示例市妇幼保健院"\n', "utf-8")
        self.store = Store(toml.parent / "data/gateway.db")
        self.intake = self.hospital.intake(self.store)
        self.take(self.unit.birth())

    def take(self, record: Record, *pictures: tuple[str, bytes]) -> None:
        files = [attachment(name, data) for name, data in pictures]
        message = Message(self.unit.address, Channel.RECORD, self.unit.sealed(record, files))
        assert self.intake.take([message])[self.unit.address.unit]

    def check(self, number: int, **more: Any) -> str:
        signed = {"subject_sign": SIGN, "attachments": [NAMED]} if "subject_sign" not in more else {}
        record = self.unit.event(**check(number, **signed, **more))
        self.take(record, *([("signature.png", DRAWN)] if signed else []))
        return str(record.payload["check"])

    def say(self, *arguments: object) -> int:
        return main(["--config", str(self.hospital.gateway_toml), *map(str, arguments)])


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with folder_in_memory() as folder:
        made = Site(folder)
        with closing(made.store):
            yield made


def test_form_has_the_record_the_signature_and_the_mark(site: Site, tmp_path: Path) -> None:
    identifier, out = site.check(1), tmp_path / "form.pdf"
    assert site.say("form", identifier, "--out", out, "--department", "产科") == 0
    text = text_of(out.read_bytes())
    for said in ("江西省母婴保健服务对象身份核验确认单", "示例甲", "ZY1", "示例市妇幼保健院", "产科", "肖像见签字原件"):
        assert said in text
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    (page,) = drawn(out.read_bytes(), 1.0)
    assert page[625:652, 170:420].min() < 90  # the drawn name stands on the line of 服务对象


def test_visit_and_signature_of_an_addendum_stand_on_the_form(site: Site, tmp_path: Path) -> None:
    provisional = {"ref": "P-000000000002", "source": "provisional"}
    identifier, out = site.check(2, visit=provisional, subject_sign=SIGN | {"by": "nobody"}), tmp_path / "form.pdf"
    base = site.unit.records[-1]
    later = site.unit.event(
        kind="addendum",
        check=identifier,
        refers_to={"seq": base.seq, "sha256": base.sha256},
        reason="signature",
        visit={"ref": "ZY20260002", "source": "typed"},
        officers=[],
        subject_sign={**SIGN, "by": "delegate", "relation": "spouse"},
        attachments=[NAMED],
    )
    site.take(later, ("signature.png", DRAWN))
    assert site.say("form", identifier, "--out", out) == 0
    text = text_of(out.read_bytes())
    assert "ZY20260002" in text
    assert "与服务对象关系：配偶" in text


def test_a_childs_own_later_signature_does_not_stand_on_the_form(site: Site, tmp_path: Path) -> None:
    """As a unit of before took it; her guardian's does."""
    guardian = {**SIGN, "by": "delegate", "relation": "guardian"}
    child, out = {**PLAIN, "findings": ["under_14"]}, tmp_path / "form.pdf"
    identifier = site.check(3, subject_sign=guardian, document=child)
    base = site.unit.records[-1]
    refers_to = {"seq": base.seq, "sha256": base.sha256}
    said = {"kind": "addendum", "check": identifier, "refers_to": refers_to, "reason": "signature", "officers": []}
    own = site.unit.event(**said, subject_sign=SIGN, attachments=[NAMED])
    site.take(own, ("signature.png", DRAWN))
    assert site.say("form", identifier, "--out", out) == 0
    assert "与服务对象关系：监护人" in text_of(out.read_bytes())


def test_another_form_can_be_asked_for_where_it_says_the_truth(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "slip.pdf"
    assert site.say("form", site.check(3, outcome="failed"), "--form", "slip_not_passed", "--out", out) == 0
    assert "原因与办法" in text_of(out.read_bytes())
    out.unlink()
    passed = site.check(13)
    for slip, fit in (("slip_not_passed", "failed, refused"), ("slip_family", "unable, emergency")):
        assert site.say("form", passed, "--form", slip, "--out", out) == 1
        assert f"{slip} is for {fit}; check {passed} is passed: take jiangxi_confirmation\n" in capsys.readouterr().err
    unable = site.check(14, outcome="unable")
    assert site.say("form", unable, "--form", "slip_not_passed", "--out", out) == 1
    assert "take jiangxi_confirmation, slip_family" in capsys.readouterr().err
    assert not out.exists()


def test_drawing_that_is_none_is_left_out_and_named(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As an older unit let it pass; the form is printed all the same."""
    none, out = b"\x89PNG\r\n\x1a\nno pixels", tmp_path / "form.pdf"
    named = NAMED | {"sha256": sha256_hex(none)}
    record = site.unit.event(**check(15, subject_sign=SIGN | {"sha256": named["sha256"]}, attachments=[named]))
    site.take(record, ("signature.png", none))
    assert site.say("form", record.payload["check"], "--out", out) == 1
    assert "1 drawn names are no pictures" in capsys.readouterr().err
    assert "签名图片无法显示，请对照核验记录：服务对象" in text_of(out.read_bytes())


def test_character_without_glyph_is_a_finding(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identifier, out = site.check(4, document=PLAIN | {"name": f"示{NOWHERE}"}), tmp_path / "form.pdf"
    assert site.say("form", identifier, "--out", out) == 1
    assert "字库缺字 U+30001" in capsys.readouterr().err
    assert "字库缺字：U+30001" in text_of(out.read_bytes())


def test_unknown_check_is_a_finding_and_writes_nothing(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "form.pdf"
    assert site.say("form", "01935f2e-7c1a-7b3c-9d4e-999999999999", "--out", out) == 1
    assert not out.exists()


def test_folder_that_is_not_there_is_the_environment(site: Site, tmp_path: Path) -> None:
    assert site.say("form", site.check(5), "--out", tmp_path / "no" / "form.pdf") == 3


def test_missing_fonts_are_the_environment(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evidence.forms.fonts.FOLDERS", ())
    assert site.say("form", site.check(6), "--out", tmp_path / "form.pdf") == 3
    assert "apt-get install fonts-noto-cjk" in capsys.readouterr().err


def test_register_has_the_months_deliveries(site: Site, tmp_path: Path) -> None:
    month, out = f"{site.unit.now:%Y-%m}", tmp_path / "register.pdf"
    site.check(7, document=PLAIN | {"name": "示例乙", "number": id_of(7)})
    site.check(8, document=PLAIN | {"name": "示例丙", "number": id_of(8)}, checkpoint="admission")
    site.check(9, document=PLAIN | {"name": "示例丁", "number": id_of(9)}, drill=True)
    site.check(11, document=PLAIN | {"name": f"示{NOWHERE}", "number": id_of(11)})
    status = site.say("register", "--month", month, "--out", out)
    text = text_of(out.read_bytes())
    assert status == 1  # the one whose name no font has
    assert "示例乙" in text
    assert "示例丙" not in text  # not the checkpoint of deliveries
    assert "示例丁" not in text  # a drill
    assert "示例市妇幼保健院" in text
    assert site.say("register", "--month", "2001-01", "--out", out) == 0
    assert "共0人" in text_of(out.read_bytes())


def test_register_goes_by_the_pack(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When it is due, and which checkpoint is the deliveries'."""
    out, toml = tmp_path / "register.pdf", site.hospital.gateway_toml
    before = toml.read_text("utf-8")
    here = {"policy": {"id": "our-own", "version": "1"}, "checkpoint": "admission"}
    site.unit.now = dt.datetime(2033, 11, 2, tzinfo=dt.UTC)
    site.check(71, document=PLAIN | {"name": "示例卯", "number": id_of(71)}, **here)
    pack = pack_path("hainan").read_text("utf-8").replace('id = "hainan"', 'id = "our-own"', 1)
    (toml.parent / "our.toml").write_text(pack.replace("due_day = 4", "due_day = 2"), "utf-8")
    toml.write_text(before.replace('data = "data"', 'data = "data"\npolicy = "our.toml"'), "utf-8")
    assert site.say("register", "--month", "2033-11", "--out", out) == 0
    assert "次月2日前上报：2033年12月2日前" in text_of(out.read_bytes())
    assert "示例卯" in text_of(out.read_bytes())
    toml.write_text(before, "utf-8")
    capsys.readouterr()
    assert site.say("register", "--month", "2033-11", "--out", out) == 0
    assert "日前上报" not in text_of(out.read_bytes())
    assert "gateway.policy names no policy pack" in capsys.readouterr().err


def test_register_counts_women_and_loses_none(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "register.pdf"

    def on(month: int, day: int) -> None:
        monkeypatch.setattr(site.unit, "now", dt.datetime(2031, month, day, 2, tzinfo=dt.UTC))

    def later(identifier: str, **said: Any) -> None:
        base = next(one for one in site.unit.records if one.payload.get("check") == identifier)
        to = {"check": identifier, "refers_to": {"seq": base.seq, "sha256": base.sha256}, "officers": []}
        site.take(site.unit.event(kind="addendum", **to, **said))

    def somebody(number: int, name: str) -> dict[str, Any]:
        return PLAIN | {"number": id_of(number), "name": name}

    def emergency(number: int, visit: str | None = None) -> str:
        at = {"ref": visit, "source": "typed"} if visit else {"ref": f"P-{number}", "source": "provisional"}
        return site.check(number, outcome="emergency", document=None, visit=at)

    def printed(month: str, status: int) -> str:
        assert site.say("register", "--month", month, "--out", out) == status
        return text_of(out.read_bytes())

    on(7, 10)
    later(emergency(50), accounts=True, reason="mistaken_emergency: 护士误按", amends="mistaken_emergency")
    emergency(51)
    linked = emergency(52)
    later(linked, visit={"ref": "V-linked", "source": "typed"}, reason="visit: V-linked", amends="visit")
    emergency(53, "V-settled")
    site.check(54, document=somebody(54, "示例子"))
    on(7, 31)
    emergency(55, "V-border")
    on(8, 1)
    site.check(56, document=somebody(56, "示例丑"), visit={"ref": "V-border", "source": "typed"})
    on(9, 1)
    certificate = {"checkpoint": "certificate", "visit": {"ref": "V-settled", "source": "typed"}}
    site.check(57, document=somebody(57, "示例寅"), **certificate)
    claimed = {"checkpoint": "certificate", "visit": {"ref": "V-linked", "source": "typed"}}
    site.check(58, document=somebody(58, "示例姨"), subject={"role": "claimant"}, **claimed)
    july = printed("2031-07", 0)
    assert "示例姨" not in july, "who claims a certificate is not its mother"
    assert "4 women, 1 apart" in capsys.readouterr().out
    for said in ("共4人，另有1次核验待补登", "示例子", "示例丑", "示例寅", "9月1日补核通过", "V-linked", "紧急放行"):
        assert said in july
    assert "共0人身份信息" in printed("2031-08", 0)  # she is July's


def test_register_tells_of_records_that_are_not_here(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "register.pdf"
    late, above = site.unit.event(), site.unit.event()
    waits = Message(site.unit.address, Channel.RECORD, site.unit.sealed(above, []))
    assert site.intake.take([waits]) == {}  # no receipt: it waits above a hole
    assert site.say("register", "--month", "2001-01", "--out", out) == 1
    assert f"u1: records {late.seq} to {above.seq} are missing or wait" in capsys.readouterr().err
    site.take(late)
    assert site.say("register", "--month", "2001-01", "--out", out) == 0


def test_form_of_a_mistaken_touch_says_so(site: Site, tmp_path: Path) -> None:
    identifier, out = site.check(16, outcome="emergency", document=None), tmp_path / "form.pdf"
    base = site.unit.records[-1]
    to = {"check": identifier, "refers_to": {"seq": base.seq, "sha256": base.sha256}, "officers": []}
    site.take(site.unit.event(kind="addendum", **to, accounts=True, reason="mistaken_emergency: 误按"))
    assert site.say("form", identifier, "--out", out) == 0
    assert "系误触，并无紧急情况" in text_of(out.read_bytes())


def test_month_that_is_none_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        site.say("register", "--month", "2026-13", "--out", tmp_path / "r.pdf")
    assert ended.value.code == 2


def test_nothing_is_printed_by_its_name(site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert site.say("form", site.check(10), "--out", tmp_path / "form.pdf") == 0
    out, err = capsys.readouterr()
    assert "示例甲" not in out + err
    assert json.dumps("示例甲") not in out + err
