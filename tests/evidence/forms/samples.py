"""Sheets that the tests print, with what is hardest to print; people in region 990000, a drawn portrait."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from evidence.forms import slips
from evidence.forms.fill import Drawn, Filled, fill
from evidence.forms.register import Month, Seen, register
from evidence.forms.sheet import Sheet
from evidence.forms.words import FormId
from evidence.qr import qr_svg
from hw.card_reader import id_number

CHECK = "01935f2e-7c1a-7b3c-9d4e-5f6a7b8c9d0e"
LONGEST_NAME = "WOLFESCHLEGELSTEINHAUSENBERGERDORFF ANNAMARIAB"
"""46 letters: what the card of a foreigner has room for."""
RARE = "\U00020000\U0002a6d6"
"""The ends of extension B."""
NOWHERE = "\U00030001"
"""Extension G: no font of Debian 12 has it."""
PLAIN = {
    "type": "resident_id_card",
    "number": "990000199407120241",
    "name": "示例甲",
    "sex": "2",
    "birth": "19940712",
    "nation": "汉",
    "address": "示例省示例市示例路1号",
    "issuer": "示例市公安局",
    "valid_from": "20210101",
    "valid_to": "20410101",
    "findings": [],
}
UNUSUAL = PLAIN | {
    "name": f"{RARE}{NOWHERE}·买买提·阿不都热西提",
    "nation": "维吾尔",
    "address": "示例省示例自治州示例县示例镇人民路一百二十三号幸福花园小区十二栋三单元二楼东",
    "valid_to": "长期",
    "findings": ["expired", "sex_differs_from_number"],
}
FOREIGN = PLAIN | {
    "type": "foreigner_permanent_residence_2023",
    "name": LONGEST_NAME,
    "nation": "",
    "address": "",
    "nationality": "DEU",
}
PASSPORT = {"type": "passport", "number": "E12345678", "name": LONGEST_NAME, "sex": "2", "findings": []}
PLACE = {"institution": "示例市妇幼保健院", "department": "产科"}
LONG_PLACE = {
    "institution": "示例省示例自治州示例县第一人民医院集团妇幼保健计划生育服务中心（示例省示例自治州妇女儿童医院）",
    "department": "产科住院部第三病区产房及待产室",
}
TWO = [{"id": "o-101"}, {"id": "o-102"}]
NAMES = {"o-101": "阿不都热西提·买买提江", "o-102": "王示例"}
PERMIT = PLAIN | {"type": "hk_mo_tw_residence_permit", "nation": ""}
FINDINGS = tuple(tomllib.loads((Path(slips.__file__).with_suffix(".toml")).read_text("utf-8"))["findings"])


LATER = {"earliest": "2026-12-02T02:05:00.000Z"}


def id_of(sequence: int) -> str:
    """A number that nobody has."""
    body = f"99000019940712{sequence:03d}"
    return body + id_number.mod_11_2(body)


def portrait() -> bytes:
    """A head and shoulders, as a chip's photo is: 102 x 126 pixels."""
    picture = np.full((126, 102, 3), 225, np.uint8)
    cv2.ellipse(picture, (51, 120), (44, 34), 0, 180, 360, (150, 110, 90), -1)
    cv2.ellipse(picture, (51, 55), (24, 32), 0, 0, 360, (170, 190, 225), -1)
    cv2.ellipse(picture, (51, 40), (26, 24), 0, 180, 360, (40, 40, 40), -1)
    return cv2.imencode(".png", picture)[1].tobytes()


def signature() -> bytes:
    """A drawn name, as the screen's pad makes it: black on nothing."""
    picture = np.zeros((240, 720, 4), np.uint8)
    wave = [(x, 120 + round(70 * np.sin(x / 38))) for x in range(40, 680, 8)]
    cv2.polylines(picture, [np.array(wave, np.int32)], isClosed=False, color=(29, 23, 16, 255), thickness=5)
    return cv2.imencode(".png", picture)[1].tobytes()


def record(**changes: Any) -> dict[str, Any]:
    """The payload of a check's record."""
    return {
        "kind": "check",
        "unit": "door-1",
        "seq": 42,
        "check": CHECK,
        "drill": False,
        "checkpoint": "delivery",
        "outcome": "passed",
        "policy": {"id": "jiangxi", "version": "2024-2"},
        "visit": {"ref": "ZY20261122001", "source": "scanned"},
        "officers": [],
        "channel": "unit",
        "contact": {"phone": "139 0000 0000"},
        "time": {"earliest": "2026-11-22T02:05:00.000Z"},
        "document": PLAIN,
        "face": {"decision": "match"},
        "liveness": {"decision": "live", "checks": []},
        "on_duty": {"id": "o-101", "role": "officer"},
        "subject_sign": {"by": "subject", "relation": "self", "sha256": "0" * 64},
        **changes,
    }


def _hainan(**changes: Any) -> dict[str, Any]:
    return record(policy={"id": "hainan"}, checkpoint="admission", **changes)


FAILED = {
    "outcome": "failed",
    "document": UNUSUAL,
    "face": {"decision": "no_match"},
    "finger": {"decision": "no_match"},
    "officers": TWO[:1],
    "reason": "人脸与证件照片不符，本人要求复核。" * 20,
    "visit": {"ref": "P-5f6a7b8c9d0e", "source": "provisional"},
    "subject_sign": {"by": "delegate", "relation": "entrusted_person", "sha256": "0" * 64},
}
BY_HAND = {"outcome": "manual", "document": PASSPORT, "face": None, "officers": TWO, "reason": "护照由两名工作人员核对"}
UNABLE = {
    "outcome": "unable",
    "officers": TWO,
    "reason": "产妇昏迷，由家属代签",
    "subject_sign": {"by": "delegate", "relation": "parent", "sha256": "0" * 64},
}


EVERYTHING = {
    "outcome": "failed",
    "document": UNUSUAL | {"findings": list(FINDINGS)},
    "face": {"decision": "no_match"},
    "liveness": {"decision": "attack", "checks": []},
    "finger": {"decision": "no_match"},
    "officers": TWO,
    "visit": {"ref": "Z" * 128, "source": "typed"},
    "reason": FAILED["reason"],
}
"""Failed in every way at once."""


def _without_face(changes: dict[str, Any]) -> dict[str, Any]:
    made = record(**changes)
    return {name: value for name, value in made.items() if name not in ("face", "liveness")}


def sheets() -> dict[str, Sheet]:
    """Name of a golden picture, and its sheet."""
    face, name = portrait(), signature()
    subject, officer = Drawn("subject", name), Drawn("o-101", name)
    delegate, both = Drawn("delegate", name), (officer, Drawn("o-102", name))

    def made(form: FormId, payload: dict[str, Any], *drawn: Drawn, **more: Any) -> Sheet:
        return fill(form, Filled(payload, drawn=drawn, **(PLACE | more)))

    neutral = record(policy={"id": "neutral"}, document=FOREIGN)
    yubei = record(policy={"id": "chongqing_yubei"}, document=UNUSUAL)
    permit = _hainan(document=PERMIT, officers=TWO, reason="港澳台居民居住证由两名工作人员核对")
    cards = (UNUSUAL, PLAIN, FOREIGN)
    ends = ("passed", "unable", "passed", "manual")
    month = [
        record(
            visit={"ref": f"ZY2026112{at:04d}", "source": "typed"},
            document=cards[at % 3] | {"number": id_of(at)},
            outcome=ends[at % 4],
        )
        for at in range(40)
    ]
    month[5]["visit"]["ref"] = "8" * 128
    month += [
        record(outcome="emergency", document={}, visit={"ref": "ZY-3", "source": "typed"}),
        record(checkpoint="certificate", visit={"ref": "ZY-3", "source": "typed"}, time=LATER),
        *(
            record(outcome=outcome, document={}, visit={"ref": f"P-{outcome}", "source": "provisional"})
            for outcome in ("emergency", "interrupted", "device_fault")
        ),
        record(**FAILED | {"document": cards[0] | {"number": id_of(0)}}),
    ]
    return {
        "jiangxi": made(FormId.JIANGXI_CONFIRMATION, record(), subject, officer, portrait=face),
        "jiangxi_failed": made(FormId.JIANGXI_CONFIRMATION, record(**FAILED), delegate, portrait=face),
        "jiangxi_later": made(
            FormId.JIANGXI_CONFIRMATION, _without_face(BY_HAND), subject, later=True, officers={"o-101": "王示例"}
        ),
        "hainan": made(FormId.HAINAN_RECORD, _hainan(), subject, officer),
        "hainan_unable": made(FormId.HAINAN_RECORD, _hainan(**UNABLE), delegate, *both),
        "hainan_failed": made(FormId.HAINAN_RECORD, _hainan(**FAILED), delegate, *both, officers=NAMES),
        "hainan_permit": made(FormId.HAINAN_RECORD, permit, subject, *both, officers=NAMES),
        "jiangxi_two": made(FormId.JIANGXI_CONFIRMATION, record(officers=TWO), subject, *both, officers=NAMES),
        "yubei_two": made(
            FormId.YUBEI_CONFIRMATION, record(**EVERYTHING), subject, *both, officers=NAMES, **LONG_PLACE
        ),
        "yubei": made(FormId.YUBEI_CONFIRMATION, yubei, subject, portrait=face),
        "neutral": made(FormId.NEUTRAL_CONFIRMATION, neutral, subject, portrait=face),
        "slip_not_passed": made(FormId.SLIP_NOT_PASSED, record(**FAILED)),
        "slip_longest": made(FormId.SLIP_NOT_PASSED, record(**EVERYTHING), **LONG_PLACE),
        "slip_finger": made(FormId.SLIP_FINGER, record(), qr=qr_svg("VXF1" + "A" * 1900)),
        "slip_refused": made(FormId.SLIP_NOT_PASSED, record(outcome="refused")),
        "slip_family": made(FormId.SLIP_FAMILY, record(**UNABLE)),
        "register": register(Month(2026, 11), map(Seen.of, month), institution=PLACE["institution"], due_day=4),
    }
