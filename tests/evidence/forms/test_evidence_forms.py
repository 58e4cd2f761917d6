"""Forms as pictures and text: the rules' exact words, one page, nothing over the edge, no glyph missing unnoticed."""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest

from daemon.documents.entry import KIND_DIFFERS
from daemon.documents.mrz import MrzFinding
from daemon.minors import UNDER_14
from daemon.seen import READ_FOR_ANOTHER_VISIT
from daemon.worklist import NAME_DIFFERS, NUMBER_DIFFERS
from evidence.forms import fonts, slips
from evidence.forms.cmap import CharacterMap, NoCharacterMap
from evidence.forms.fill import Drawn, Filled, fill
from evidence.forms.render import render
from evidence.forms.words import OUTCOMES, FormId
from hw.card_reader.document import Finding
from tests.evidence.forms import samples
from tests.evidence.forms.pictures import GOLDEN, Box, difference, drawn, read, runs, text_of

TOLERANCE = 30.0
"""Of 255, see :func:`difference`. Measured: the whole page moved by a pixel 27, a signature missing 31, a tick 45, a
line more than 60. Another character is 20 and left to the tests of text."""
SHEETS = samples.sheets()
ONE_PAGE = [name for name in SHEETS if name != "register"]
A4 = (595.3, 841.9)
NO_INK = cv2.imencode(".png", np.zeros((240, 720, 4), np.uint8))[1].tobytes()
JIANGXI = [
    "江西省母婴保健服务对象身份核验确认单",
    "姓名：",
    "身份证号：",
    "就诊卡（ID）号：",
    "联系方式：",
    "居住地址",
    "贴身份证复印件正面",
    "贴人像照片",
    "身份核验方式：1、人证核验设备居民身份证信息读取面容ID（活体）指纹；2、赣服通；3、其它：",
    "核验是否通过",
    "核验机构：",
    "核验科室：",
    "核验人：",
    "服务对象（被委托人）：",
    "核验时间：",
]
"""赣卫妇幼发〔2024〕2号, 附件, in its order."""
HAINAN = [
    "孕产妇住院分娩身份核验记录表",
    "核验结果",
    "核验人员签名",
    "孕产妇签名",
    "被委托人（家属）签名",
    "与孕产妇关系",
    "未能本人签名原因",
    "特殊情况",
    "核验人员一",
    "核验人员二",
    "家属签名",
]
REGISTER = ["住院分娩实名登记表", "姓名", "年龄", "民族", "身份证号", "现居住地", "户籍地", "配偶姓名"]


@cache
def printed(name: str) -> bytes:
    return render(SHEETS[name]).pdf


def in_order(words: list[str], text: str) -> bool:
    """Whether ``words`` stand in ``text`` one after the other."""
    rest = iter(range(len(text)))
    at = 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return False
        at += len(word)
    return next(rest, None) is not None


@pytest.mark.parametrize("name", SHEETS)
def test_form_looks_as_its_golden_picture(name: str) -> None:
    assert difference(drawn(printed(name), 0.8)[0], read(GOLDEN / f"{name}.png")) < TOLERANCE


def test_missing_line_or_tick_is_a_difference_and_a_moved_pixel_is_none() -> None:
    golden = read(GOLDEN / "jiangxi.png")
    cut = golden.copy()
    cut[530:560] = 255
    ticked = samples.record(finger={"decision": "match"})
    more = fill(FormId.JIANGXI_CONFIRMATION, Filled(ticked, portrait=samples.portrait(), **samples.PLACE))
    assert difference(golden, cut) > 2 * TOLERANCE
    assert difference(golden, drawn(render(more).pdf, 0.8)[0]) > TOLERANCE
    assert difference(golden, np.roll(golden, 1, axis=1)) < TOLERANCE


@pytest.mark.parametrize("name", ONE_PAGE)
def test_form_is_one_page_of_a4(name: str) -> None:
    with pypdfium2.PdfDocument(printed(name)) as document:
        assert [page.get_size() for page in document] == [pytest.approx(A4, abs=0.2)]


@pytest.mark.parametrize("name", SHEETS)
def test_no_text_leaves_the_page_or_covers_other_text(name: str) -> None:
    with pypdfium2.PdfDocument(printed(name)) as document:
        width, height = document[0].get_size()
    for boxes in runs(printed(name)):
        assert all(
            20 < left <= right < width - 20 and 15 < low <= high < height - 15 for left, low, right, high in boxes
        )
        for one, other in itertools.combinations(boxes, 2):
            assert covered(one, other) < 4, (name, one, other)


def covered(one: Box, other: Box) -> float:
    """How much of two boxes is the same place, in square points, a hair's breadth apart."""
    wide = min(one[2], other[2]) - max(one[0], other[0]) - 0.5
    high = min(one[3], other[3]) - max(one[1], other[1]) - 0.5
    return max(0.0, wide) * max(0.0, high)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jiangxi", JIANGXI),
        ("jiangxi_failed", JIANGXI),
        ("jiangxi_later", [*JIANGXI[:6], "复印件见签字原件", "贴身份证复印件正面", "肖像见签字原件", *JIANGXI[7:]]),
        ("hainan", HAINAN),
        ("hainan_unable", HAINAN),
        ("hainan_permit", HAINAN),
        ("register", REGISTER),
        ("slip_not_passed", ["身份核验未通过：原因与办法", "诊疗照常进行", "原因", "办法", "可以找谁"]),
        ("slip_family", ["致家属", "诊疗照常进行", "请您协助", "可以找谁"]),
    ],
)
def test_form_has_the_exact_words_in_order(name: str, words: list[str]) -> None:
    assert in_order(words, text_of(printed(name)))


def test_form_has_what_the_record_says() -> None:
    text = text_of(printed("jiangxi"))
    for said in ("示例甲", "990000199407120241", "ZY20261122001", "13900000000", "示例省示例市示例路1号"):
        assert said in text
    assert "2026年11月22日10时05分" in text  # 02:05 UTC: forms keep China's time
    assert samples.CHECK in text


def test_methods_are_ticked_as_the_record_tells() -> None:
    def ticks(**changes: object) -> dict[str, object]:
        ticked: dict[str, object] = fill(FormId.JIANGXI_CONFIRMATION, Filled(samples.record(**changes))).content[
            "methods"
        ]
        return ticked

    assert ticks() == {"card": True, "face": True, "finger": False, "app": False, "other": ""}
    untested = ticks(liveness={"decision": "not_performed"})
    assert (untested["face"], untested["other"]) == (False, "人脸比对（未做活体检测）")
    assert ticks(finger={"decision": "match"})["finger"] is True
    assert ticks(finger={"decision": "not_performed"})["finger"] is False
    elsewhere = ticks(channel="ganfutong", document=samples.PLAIN, face={"decision": "not_comparable"})
    assert (elsewhere["card"], elsewhere["face"], elsewhere["app"]) == (False, False, True)
    assert "护照" in str(ticks(document=samples.PASSPORT, outcome="manual")["other"])
    typed = ticks(document=samples.PLAIN | {"method": "typed"}, outcome="manual")
    assert (typed["card"], typed["other"]) == (False, "工作人员查验居民身份证")
    read = fill(FormId.JIANGXI_CONFIRMATION, Filled(samples.record(), portrait=b"")).content["card"]
    typed_in = samples.record(document=samples.PLAIN | {"method": "typed"})
    assert read
    assert not fill(FormId.JIANGXI_CONFIRMATION, Filled(typed_in, portrait=b"")).content[
        "card"
    ]  # no copy of what nobody read


def test_signature_stands_beside_the_officer_who_drew_it() -> None:
    two = samples.record(outcome="manual", officers=samples.TWO)
    sheet = fill(FormId.NEUTRAL_CONFIRMATION, Filled(two, drawn=(Drawn("o-102", samples.signature()),)))
    assert sheet.content["officers"] == [{"name": "o-101", "picture": ""}, {"name": "o-102", "picture": "sign0"}]
    without = fill(FormId.NEUTRAL_CONFIRMATION, Filled(two))
    (page,), (empty,) = (drawn(render(one).pdf, 1.0) for one in (sheet, without))
    changed = np.nonzero((page != empty).any(axis=0))[0]
    assert changed.min() > page.shape[1] * 0.7  # in the second officer's place alone


def test_no_name_stands_under_a_signature() -> None:
    """Without its ink each form is the same but for the boxes of the pictures: no text has ink over it."""
    for name in ("hainan_permit", "jiangxi_two", "yubei_two"):
        sheet = SHEETS[name]
        blank = {one: NO_INK if one.startswith("sign") else picture for one, picture in sheet.pictures.items()}
        (inked,), (plain,) = (drawn(render(one).pdf, 2.0) for one in (sheet, replace(sheet, pictures=blank)))
        ink = inked != plain
        assert ink.sum() > 1000, name
        assert plain[ink].min() > 200, f"{name}: ink where something is printed"


def test_two_officers_stand_on_the_form_of_a_permit() -> None:
    """Its chip was read and the check passed: still two officers answer for it."""
    content = SHEETS["hainan_permit"].content
    assert content["in_special"] is True
    assert not SHEETS["hainan"].content["in_special"]
    assert [one["picture"] for one in content["officers"]] == ["sign1", "sign2"]
    text = text_of(printed("hainan_permit"))
    assert in_order(["核验人员一", "提江", "（o-101）", "核验人员二", "王示例", "（o-102）"], text)


def hainan(**changes: object) -> dict[str, object]:
    content: dict[str, object] = fill(FormId.HAINAN_RECORD, Filled(samples.record(**changes))).content
    return {name: content[name] for name in ("unsigned", "story")}


def test_why_she_did_not_sign_is_not_why_the_check_failed() -> None:
    failed = samples.FAILED | {"reason": "人脸与证件照片不符"}
    nobody = failed | {"subject_sign": {"by": "nobody", "relation": "", "sha256": "0" * 64}}
    assert hainan(**failed) == hainan(**nobody) == {"unsigned": "", "story": "人脸与证件照片不符"}
    by_hand = samples.BY_HAND | {"face": {"decision": "not_comparable"}}
    assert hainan(**by_hand) == {"unsigned": "", "story": "护照由两名工作人员核对"}  # she signed herself
    unable = samples.UNABLE
    assert hainan(**unable) == {"unsigned": unable["reason"], "story": unable["reason"]}
    assert hainan(**unable | {"subject_sign": {"by": "subject", "relation": "self"}})["unsigned"] == ""


def test_every_finding_of_the_code_has_its_words() -> None:
    found = {*Finding, *MrzFinding, KIND_DIFFERS, READ_FOR_ANOTHER_VISIT, NUMBER_DIFFERS, NAME_DIFFERS, UNDER_14}
    assert set(samples.FINDINGS) == found
    for language in ("zh", "en"):
        said = slips.findings_said(found, len(found), language)
        assert "_" not in said, "a name of the program stands on paper"


def test_most_important_findings_stand_first_and_the_others_are_told_of() -> None:
    found = ["nation_unknown_code", "expired", "number_differs_from_visit"]
    assert slips.findings_said(found, 2) == "证件号码与就诊登记不一致、证件已过有效期等（另见核验记录）"
    assert slips.findings_said(found[1:], 2, "en") == "the number differs from the visit's; it has expired"
    text = text_of(printed("slip_longest"))
    assert "等（另见核验记录）" in text
    assert "andmore,seetherecord." in text
    assert "可以找谁" in text


def test_how_a_check_was_interrupted_is_said_in_words() -> None:
    foot = fill(
        FormId.NEUTRAL_CONFIRMATION, Filled(samples.record(outcome="interrupted", reason="timeout:card"))
    ).content
    assert foot["foot"][0] == "核验结果：中断（长时间无人操作）"


def test_picture_that_cannot_be_drawn_is_left_out_and_named() -> None:
    drawn_names = (Drawn("subject", b"no picture"), Drawn("o-101", samples.signature()), Drawn("o-102", b""))
    two = samples.record(officers=samples.TWO)
    sheet = fill(FormId.JIANGXI_CONFIRMATION, Filled(two, drawn=drawn_names, officers=samples.NAMES))
    assert set(sheet.pictures) == {"sign1"}
    assert sheet.content["signature"] is None
    assert "签名图片无法显示，请对照核验记录：服务对象、王示例（o-102）" in text_of(render(sheet).pdf)


def test_form_without_the_chips_photo_asks_for_a_copy() -> None:
    for name, form in (("jiangxi_two", "照片"), ("yubei_two", "复印件")):
        assert f"设备未留存芯片照片请粘贴{form}" in text_of(printed(name))
    for name in ("jiangxi", "jiangxi_later", "yubei"):  # printed; on the original; printed
        assert not SHEETS[name].content["unprinted"]
    by_hand = fill(FormId.JIANGXI_CONFIRMATION, Filled(samples.record(document=samples.PASSPORT)))
    assert not by_hand.content["unprinted"]  # a passport is copied anyway


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_verified_outcomes_are_ticked_as_passed(outcome: str) -> None:
    content = fill(FormId.JIANGXI_CONFIRMATION, Filled(samples.record(outcome=outcome))).content
    assert content["verified"] == (outcome in ("passed", "manual"))


def test_rare_characters_have_glyphs_and_others_are_named() -> None:
    made = render(SHEETS["jiangxi_failed"])
    assert made.missing == ("U+30001",)
    text = text_of(made.pdf)
    assert samples.RARE in text
    assert "字库缺字：U+30001" in text
    assert samples.NOWHERE not in text
    assert render(SHEETS["jiangxi"]).missing == ()


@pytest.mark.parametrize("character", ["\ue000", "\ue001", "\u202e", "\ufeff", "\U000f0000", "\x07"])
def test_what_cannot_be_drawn_is_never_drawn_as_nothing(character: str) -> None:
    document = samples.PLAIN | {"name": f"示{character}例"}
    made = render(
        fill(FormId.SLIP_NOT_PASSED, Filled(samples.record(outcome="failed"), institution=f"示{character}例"))
    )
    assert made.missing == (fonts.code_point(character),)
    sheet = fill(FormId.JIANGXI_CONFIRMATION, Filled(samples.record(document=document)))
    assert f"示{fonts.code_point(character)}例" in text_of(render(sheet).pdf)


def test_fonts_have_what_they_are_chosen_for() -> None:
    song, a, b = (CharacterMap.read(path, font.number) for path, font in zip(fonts.find(), fonts.FONTS, strict=False))
    assert all(character in song for character in "江西省长期·（）ABCé、0")
    assert all(any(chr(point) in one for one in (song, a, b)) for point in range(0x20000, 0x2A6D7))
    assert not any(samples.NOWHERE in one or "\ue000" in one for one in (song, b))


@pytest.mark.parametrize("content", [b"", b"ttcf", b"OTTO\0\x01" + bytes(64), b"ttcf\0\x01\0\0\0\0\0\x01\0\0\0\x10"])
def test_file_that_is_no_font_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "font.ttf"
    file.write_bytes(content)
    with pytest.raises(NoCharacterMap):
        CharacterMap.read(file)


def test_missing_font_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", ())
    with pytest.raises(fonts.FontMissing, match="apt-get install fonts-noto-cjk fonts-hanazono"):
        render(SHEETS["jiangxi"])


def test_fonts_are_subsets_and_metadata_tell_nothing() -> None:
    pdf = printed("jiangxi_failed")
    inside = pdf + b"".join(map(unpacked, re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)))
    names = set(re.findall(rb"/BaseFont ?/([A-Z]{6}\+[A-Za-z0-9-]+)", inside))
    assert {name.split(b"+")[1].split(b"-")[0] for name in names} >= {b"NotoSerifCJKsc", b"HanaMinB"}
    assert len(pdf) < 200_000
    with pypdfium2.PdfDocument(pdf) as document:
        told = document.get_metadata_dict()
    assert not any(told[name] for name in ("Title", "Author", "Subject", "Keywords"))
    metadata = re.findall(rb"<\?xpacket begin.*?<\?xpacket end", inside, re.DOTALL)
    assert not any("示例".encode() in part or b"990000" in part for part in metadata)


def unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


def test_register_repeats_its_head_and_keeps_its_rows() -> None:
    with pypdfium2.PdfDocument(printed("register")) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert len(texts) == 3
    assert all("住院分娩实名登记表" in text and "配偶姓名" in text for text in texts)
    assert all("填表人" in text and "2026年12月4日" in text for text in texts)
    assert sum(text.count("99000019940712") for text in texts) == 41
    assert "共 41 人，另有 4 次核验待补登" in texts[0]
    assert "未能归属的核验" in texts[2]
    assert texts[2].count(samples.CHECK) == 4
