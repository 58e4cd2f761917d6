"""From a check's record, and what is still in memory, to the sheet of each form. Pure.

A method is ticked when the record says that it was used: a face whose liveness nobody tested is not 面容ID（活体）.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evidence.forms import slips
from evidence.forms.card import card_lines
from evidence.forms.drawing import NotADrawing, picture_of
from evidence.forms.moment import spoken_date, spoken_time
from evidence.forms.sheet import Sheet
from evidence.forms.words import (
    CHANNELS,
    CHIP_DOCUMENTS,
    DOCUMENTS,
    ENDINGS,
    OF_FOREIGNERS,
    OUTCOMES,
    RELATIONS,
    SEXES,
    VERIFIED,
    FormId,
    checkpoint_title,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A signature's picture: ``who`` is ``subject``, ``delegate`` or an officer's id; ``png`` the drawn name."""

    who: str
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form is filled from.

    Attributes:
        record: the payload of a check's record; on the unit before it has number and time, those beside it.
        institution, department: 核验机构, 核验科室; empty: left for the pen.
        checkpoint: the checkpoint's title, where the pack has its own.
        portrait: her picture as JPEG or PNG; with it the copy of the card is drawn.
        drawn: the signatures.
        officers: names by id, where they are known.
        later: printed from the gateway: the portrait is on the signed original.
        mistaken: an officer accounted for it as a touch by mistake.
        qr: a code as SVG, for the slip that carries one.
    """

    record: Mapping[str, Any] = field(repr=False)
    institution: str = ""
    department: str = ""
    checkpoint: str | None = None
    portrait: bytes | None = field(default=None, repr=False)
    drawn: tuple[Drawn, ...] = ()
    officers: Mapping[str, str] = field(default_factory=dict, repr=False)
    later: bool = False
    mistaken: bool = False
    qr: bytes | None = field(default=None, repr=False)

    @property
    def document(self) -> Mapping[str, Any]:
        """The record's document; empty where there was none."""
        found: Mapping[str, Any] = self.record.get("document", {})
        return found

    @property
    def checkpoint_title(self) -> str:
        """What the rules call the place of the check."""
        return self.checkpoint or checkpoint_title(self.record["policy"]["id"], self.record["checkpoint"])


LONGEST_REASON = 100
MOST_FINDINGS = 8
"""Of a document, on a confirmation; the record has all of them."""


def fill(form: FormId, filled: Filled) -> Sheet:
    """The sheet of ``form``.

    Raises:
        KeyError: the form is not one of a single check, or the record lacks what every check record has.
    """
    return _FILLED[form](filled)


# --- what several forms say ------------------------------------------------------------------------------------------


def _visit(one: Filled) -> str:
    visit = one.record["visit"]
    return "" if visit["source"] == "provisional" else str(visit["ref"])


def _methods(one: Filled) -> dict[str, Any]:
    record, kind = one.record, one.document.get("type")
    channel = record["channel"]
    face, liveness = record.get("face"), record.get("liveness", {}).get("decision", "not_performed")
    compared = face is not None and face["decision"] != "not_comparable"
    other = [_foreign_channel(record)] if channel not in ("unit", "ganfutong") else []
    if compared and liveness == "not_performed":
        other.append("人脸比对（未做活体检测）")
    by_hand = kind is not None and (kind not in CHIP_DOCUMENTS or one.document.get("method", "chip") != "chip")
    if channel == "unit" and (by_hand or record["outcome"] == "manual"):
        other.append(f"工作人员查验{DOCUMENTS.get(str(kind), '证件')}")
    return {
        "card": channel == "unit" and kind in CHIP_DOCUMENTS and not by_hand,
        "face": compared and liveness != "not_performed",
        "finger": record.get("finger", {}).get("decision") in ("match", "no_match"),
        "app": channel == "ganfutong",
        "other": "、".join(other),
    }


def _foreign_channel(record: Mapping[str, Any]) -> str:
    title = CHANNELS.get(record["channel"], record["channel"])
    reference = record.get("channel_reference")
    return f"{title}（{reference}）" if reference else title


def _officer(one: Filled, identifier: str) -> str:
    name = one.officers.get(identifier)
    return f"{name}（{identifier}）" if name else identifier


def _officers(one: Filled, signed: _Signed) -> list[dict[str, str]]:
    """Who confirmed, each with the name of their own signature's picture or none; else who was on duty."""
    confirmed = [officer["id"] for officer in one.record["officers"]]
    duty = one.record.get("on_duty")
    answering = confirmed or ([duty["id"]] if duty else [])
    return [{"name": _officer(one, who), "picture": signed.by.get(who, "")} for who in answering]


@dataclass(frozen=True, slots=True)
class _Signed:
    """Pictures by their names on the sheet, those names by who drew them, and whose picture is none."""

    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)
    by: dict[str, str] = field(default_factory=dict)
    unusable: list[str] = field(default_factory=list)

    @property
    def own(self) -> str | None:
        """Hers, or her delegate's."""
        return self.by.get("delegate") or self.by.get("subject")

    @classmethod
    def of(cls, one: Filled) -> _Signed:
        made = cls()
        for at, drawn in enumerate(one.drawn):
            try:
                made.pictures[f"sign{at}"] = picture_of(drawn.png)
            except NotADrawing:
                made.unusable.append(_SIGNERS.get(drawn.who) or _officer(one, drawn.who))
            else:
                made.by[drawn.who] = f"sign{at}"
        return made


_SIGNERS = {"subject": "服务对象", "delegate": "被委托人"}


def _reason(one: Filled) -> str:
    """Why it ended so, as far as a line of the form has room; the record has all of it."""
    reason = str(one.record.get("reason", ""))
    if one.record["outcome"] == "interrupted":
        return ENDINGS.get(reason.split(":")[0], reason)
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}……（全文见核验记录）"


def _foot(one: Filled, signed: _Signed) -> list[str]:
    """What ties the paper to the record, in small print."""
    record = one.record
    said = f"核验结果：{OUTCOMES[record['outcome']]}"
    if reason := _reason(one):
        said += f"（{reason}）"
    where = f"核验环节：{one.checkpoint_title}　核验编号：{record['check']}"
    seq = f"　记录序号：{record['unit']} 第{record['seq']}号" if "seq" in record else ""
    found = one.document.get("findings") or ()
    lines = [said, where + seq]
    if found:
        lines.append(f"证件提示：{slips.findings_said(found, MOST_FINDINGS)}")
    if signed.unusable:
        lines.append(f"签名图片无法显示，请对照核验记录：{'、'.join(signed.unusable)}")
    if one.mistaken:
        lines.append("经核验人员说明：系误触，并无紧急情况")
    if not _visit(one):
        lines.append("就诊卡（ID）号待补")
    return lines


def _base(one: Filled) -> tuple[dict[str, Any], dict[str, bytes]]:
    record, document = one.record, one.document
    drawn, copy = _Signed.of(one), card_lines(document)
    pictures = drawn.pictures | ({} if one.portrait is None else {"portrait": one.portrait})
    signed = record.get("subject_sign")
    content = {
        "name": document.get("name", ""),
        "number": document.get("number", ""),
        "kind": DOCUMENTS.get(document.get("type", ""), ""),
        "sex": SEXES.get(document.get("sex", ""), ""),
        "visit": _visit(one),
        "phone": record.get("contact", {}).get("phone", ""),
        "address": document.get("address", ""),
        "card": copy if one.portrait is not None else [],
        "later": one.later,
        # The chip's photo is not kept while a check waits for its second officer: such a form asks for a copy.
        "unprinted": bool(copy) and one.portrait is None and not one.later,
        "drill": bool(record.get("drill")),
        "methods": _methods(one),
        "verified": record["outcome"] in VERIFIED,
        "outcome": record["outcome"],
        "institution": one.institution,
        "department": one.department,
        "officers": _officers(one, drawn),
        "signature": drawn.own,
        "relation": RELATIONS.get(signed["relation"], signed["relation"]) if signed else "",
        "delegate": bool(signed and signed["by"] != "subject"),
        "time": spoken_time(record["time"]["earliest"]),
        "date": spoken_date(record["time"]["earliest"]),
        "unusable": drawn.unusable,
        "foot": _foot(one, drawn),
    }
    return content, pictures


# --- each form -------------------------------------------------------------------------------------------------------


def _jiangxi(one: Filled) -> Sheet:
    content, pictures = _base(one)
    return Sheet("jiangxi", content, pictures)


def _cells(one: Filled, content: Mapping[str, Any], *, phone: str) -> list[list[Any]]:
    """Rows of the tables that are not Jiangxi's: label, value, and so on."""
    return [
        ["姓　　名", content["name"], "性　　别", content["sex"]],
        ["证件类型", content["kind"], "证件号码", content["number"]],
        ["就诊卡号", content["visit"], phone, content["phone"]],
        ["住　　址", content["address"]],
        ["核验环节", one.checkpoint_title, "核验时间", content["time"]],
    ]


def _ways(content: Mapping[str, Any]) -> list[list[Any]]:
    ticks = content["methods"]
    return [["证件芯片读取", ticks["card"]], ["人脸比对（活体）", ticks["face"]], ["指纹", ticks["finger"]]]


def _other(content: Mapping[str, Any]) -> str:
    ticks = content["methods"]
    return "、".join(filter(None, (CHANNELS["ganfutong"] if ticks["app"] else "", ticks["other"])))


_RESULTS = ("passed", "failed", "refused", "unable", "manual")


def _table(one: Filled, title: str, *, phone: str, subject: str, special: bool, copy: bool) -> Sheet:
    content, pictures = _base(one)
    record = one.record
    herself = record.get("subject_sign", {}).get("by") == "subject"
    unable = record["outcome"] == "unable"
    return Sheet(
        "table",
        {
            **content,
            "title": title,
            "rows": _cells(one, content, phone=phone),
            "ways": _ways(content),
            "other": _other(content),
            "results": [[OUTCOMES[name], record["outcome"] == name] for name in _RESULTS],
            "subject": subject,
            # Only of a check that could not be done does the record say why she could not sign either.
            "unsigned": _reason(one) if unable and not herself else "",
            "story": _reason(one),
            "special": special,
            "in_special": unable or record["outcome"] == "manual" or one.document.get("type") in OF_FOREIGNERS,
            "copy": copy,
        },
        pictures,
    )


def _hainan(one: Filled) -> Sheet:
    title = "孕产妇住院分娩身份核验记录表"
    return _table(one, title, phone="联系电话", subject="孕产妇", special=True, copy=False)


def _yubei(one: Filled) -> Sheet:
    title = "重庆市渝北区孕产妇实名实人登记核实单"
    return _table(one, title, phone="本人电话", subject="服务对象", special=False, copy=True)


def _neutral(one: Filled) -> Sheet:
    return _table(one, "身份核验确认单", phone="联系电话", subject="服务对象", special=False, copy=True)


def _slip(of: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Callable[[Filled], Sheet]:
    def make(one: Filled) -> Sheet:
        record = one.record
        about = {
            "institution": one.institution,
            "department": one.department,
            "where": one.checkpoint_title,
            "time": spoken_time(record["time"]["earliest"]),
            "check": record["check"],
            "drill": bool(record.get("drill")),
        }
        pictures = {"qr": one.qr} if one.qr else {}
        return Sheet("slip", {**about, **of(record), "qr": one.qr is not None}, pictures)

    return make


_FILLED: Mapping[FormId, Callable[[Filled], Sheet]] = {
    FormId.JIANGXI_CONFIRMATION: _jiangxi,
    FormId.HAINAN_RECORD: _hainan,
    FormId.YUBEI_CONFIRMATION: _yubei,
    FormId.NEUTRAL_CONFIRMATION: _neutral,
    FormId.SLIP_NOT_PASSED: _slip(slips.not_passed),
    FormId.SLIP_FAMILY: _slip(slips.family),
    FormId.SLIP_FINGER: _slip(slips.finger),
}
