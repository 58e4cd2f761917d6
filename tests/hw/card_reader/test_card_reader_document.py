"""The 256-byte text block: four layouts, what they mean, and what is found wrong."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.card_reader import id_number
from hw.card_reader.document import LAYOUTS, DocumentKind, Finding, IdentityDocument, UnreadableBlock
from hw.card_reader.nations import NATIONS, Sex
from hw.card_reader.simulator import demo_document
from tests.hw.card_reader.support import VECTORS, golden_document

TODAY = date(2024, 6, 1)
CITIZEN = golden_document(DocumentKind.CITIZEN)
HK = golden_document(DocumentKind.HONG_KONG_MACAU_TAIWAN)
OLD_FOREIGNER = golden_document(DocumentKind.FOREIGNER_2017)
NEW_FOREIGNER = golden_document(DocumentKind.FOREIGNER_2023)
ALL = [CITIZEN, HK, NEW_FOREIGNER, OLD_FOREIGNER]
golden = pytest.mark.parametrize("vector", VECTORS["documents"], ids=lambda v: v["kind"])


@golden
def test_golden_blocks_parse(vector):
    document = IdentityDocument.from_bytes(bytes.fromhex(vector["block"]))
    assert document == golden_document(DocumentKind[vector["kind"]])


@golden
def test_golden_blocks_are_written(vector):
    assert golden_document(DocumentKind[vector["kind"]]).to_bytes().hex().upper() == vector["block"]


@pytest.mark.parametrize("document", [*ALL, demo_document()], ids=lambda d: d.kind.name)
def test_golden_documents_have_no_findings(document):
    assert document.findings(TODAY) == ()


@pytest.mark.parametrize("kind", list(DocumentKind), ids=lambda k: k.name)
def test_layouts_do_not_overlap_and_stay_inside(kind):
    taken = [byte for _, offset, size in LAYOUTS[kind] for byte in range(offset, offset + size)]
    assert len(taken) == len(set(taken))
    assert max(taken) < 256
    assert not {248, 249} & set(taken)


def test_meanings_of_a_citizen():
    assert CITIZEN.birth == date(1990, 2, 28)
    assert (CITIZEN.sex, CITIZEN.nation) == (Sex.FEMALE, "蒙古")
    assert Sex.FEMALE.label == "女"
    assert (CITIZEN.valid_from, CITIZEN.valid_to, CITIZEN.is_long_term) == (date(2020, 2, 29), None, True)
    assert CITIZEN.display_name == CITIZEN.name


def test_foreigners_without_a_chinese_name_show_the_english_one():
    assert replace(OLD_FOREIGNER, name="").display_name == "EXAMPLE, FIVE"


def test_english_name_of_46_characters_survives():
    assert len(NEW_FOREIGNER.english_name) == 46
    assert IdentityDocument.from_bytes(NEW_FOREIGNER.to_bytes()).english_name == NEW_FOREIGNER.english_name


def test_rare_characters_survive():
    assert IdentityDocument.from_bytes(HK.to_bytes()).name == "示例三·\U00020000"
    private = replace(CITIZEN, name="\ue863\ue864")
    assert IdentityDocument.from_bytes(private.to_bytes()) == private


def test_nul_padding_is_stripped_too():
    block = bytearray(CITIZEN.to_bytes())
    block[8:30] = bytes(22)
    assert IdentityDocument.from_bytes(bytes(block)).name == CITIZEN.name


def test_a_name_cut_inside_a_character_is_a_finding_and_not_the_end():
    block = bytearray(CITIZEN.to_bytes())
    block[28:30] = b"\x40\xd8"
    document = IdentityDocument.from_bytes(bytes(block))
    assert document.number == CITIZEN.number
    assert Finding.TEXT_UNREADABLE in document.findings(TODAY)


@pytest.mark.parametrize("character", ["\n", "\x1b", "\u202e", "\u2028"], ids=["lf", "esc", "rlo", "ls"])
def test_control_characters_do_not_reach_screens(character):
    document = IdentityDocument.from_bytes(replace(CITIZEN, address=f"a{character}b").to_bytes())
    assert document.address == "a\N{REPLACEMENT CHARACTER}b"
    assert Finding.TEXT_UNREADABLE in document.findings(TODAY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20290301", date(2029, 3, 1)),
        ("20300229", date(2030, 2, 28)),
        ("20280229", date(2028, 2, 29)),
        ("2030", None),
        ("99990229", date(9999, 2, 28)),
        ("00000229", None),
        ("", None),
        ("abcd0229", None),
        ("２０３０１２３１", None),
    ],
)
def test_valid_to(text, expected):
    assert replace(CITIZEN, valid_to_text=text).valid_to == expected


def wrong_check(number: str) -> str:
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def number_of(body: str) -> str:
    return body + id_number.mod_11_2(body)


FINDINGS = [
    (replace(CITIZEN, valid_to_text="20240531"), {Finding.EXPIRED}),
    (replace(CITIZEN, valid_to_text="20240601"), set()),
    (replace(CITIZEN, valid_from_text="20240602"), {Finding.NOT_YET_VALID}),
    (replace(CITIZEN, valid_to_text="someday"), {Finding.VALIDITY_UNREADABLE}),
    (replace(CITIZEN, valid_from_text=""), {Finding.VALIDITY_UNREADABLE}),
    (replace(CITIZEN, number=wrong_check(CITIZEN.number)), {Finding.CHECK_DIGIT_WRONG}),
    (replace(HK, number=wrong_check(HK.number)), {Finding.CHECK_DIGIT_WRONG}),
    (replace(NEW_FOREIGNER, number=wrong_check(NEW_FOREIGNER.number)), {Finding.CHECK_DIGIT_WRONG}),
    (replace(OLD_FOREIGNER, number=wrong_check(OLD_FOREIGNER.number)), {Finding.CHECK_DIGIT_WRONG}),
    (replace(CITIZEN, number="12345"), {Finding.NUMBER_MALFORMED}),
    (replace(CITIZEN, number=CITIZEN.number[:-1] + "x"), {Finding.NUMBER_MALFORMED}),
    (replace(CITIZEN, number=OLD_FOREIGNER.number), {Finding.NUMBER_MALFORMED}),
    (replace(OLD_FOREIGNER, number="PAK31008001012"), {Finding.NUMBER_MALFORMED}),
    (replace(HK, number=number_of("99000019920130002")), {Finding.REGION_UNEXPECTED}),
    (replace(NEW_FOREIGNER, number=number_of("83158619800101002")), {Finding.REGION_UNEXPECTED}),
    (replace(CITIZEN, birth_text="19900301"), {Finding.BIRTH_DIFFERS_FROM_NUMBER}),
    (replace(OLD_FOREIGNER, birth_text="19800102"), {Finding.BIRTH_DIFFERS_FROM_NUMBER}),
    (replace(NEW_FOREIGNER, birth_text="19800102"), {Finding.BIRTH_DIFFERS_FROM_NUMBER}),
    (replace(CITIZEN, birth_text="19900230"), {Finding.BIRTH_DIFFERS_FROM_NUMBER, Finding.BIRTH_UNREADABLE}),
    (
        replace(CITIZEN, birth_text="20240602", number=number_of("99000020240602002")),
        {Finding.BIRTH_IN_FUTURE},
    ),
    (replace(CITIZEN, sex_code="1"), {Finding.SEX_DIFFERS_FROM_NUMBER}),
    (replace(CITIZEN, sex_code="9"), set()),
    (replace(CITIZEN, sex_code="7"), {Finding.SEX_UNKNOWN_CODE}),
    (replace(CITIZEN, nation_code="64"), {Finding.NATION_UNKNOWN_CODE}),
    (replace(CITIZEN, name=""), {Finding.NAME_MISSING}),
]


@pytest.mark.parametrize(("document", "expected"), FINDINGS, ids=range(len(FINDINGS)))
def test_findings(document, expected):
    again = IdentityDocument.from_bytes(document.to_bytes())
    assert set(again.findings(TODAY)) == expected


def test_every_finding_is_reached_by_the_table():
    reached = {finding for _, findings in FINDINGS for finding in findings}
    assert reached | {Finding.TEXT_UNREADABLE} == set(Finding)


def test_findings_come_in_a_fixed_order():
    worst = replace(CITIZEN, valid_to_text="20200101", number=wrong_check(CITIZEN.number), sex_code="1", name="")
    found = worst.findings(TODAY)
    assert list(found) == [finding for finding in Finding if finding in found]
    assert len(found) == 4


def test_nation_kept_raw_where_unknown():
    assert replace(CITIZEN, nation_code="64").nation == "64"
    assert (len(NATIONS), NATIONS["01"], NATIONS["56"]) == (61, "汉", "基诺")
    assert replace(CITIZEN, sex_code="7").sex is None


def test_former_number_of_a_foreigner():
    linked = replace(NEW_FOREIGNER, old_number_link="002")
    assert linked.former_number == "PAK310080010129"
    assert id_number.has_right_check(linked.former_number)


@pytest.mark.parametrize(
    "document",
    [
        NEW_FOREIGNER,
        CITIZEN,
        replace(NEW_FOREIGNER, old_number_link=""),
        replace(NEW_FOREIGNER, old_number_link="00A"),
        replace(NEW_FOREIGNER, old_number_link="002", number="9"),
        replace(NEW_FOREIGNER, old_number_link="002", nationality="P"),
    ],
    ids=range(6),
)
def test_no_former_number(document):
    assert document.former_number is None


@pytest.mark.parametrize("number", VECTORS["numbers"]["right"])
def test_right_check_characters(number):
    assert id_number.has_right_check(number)


@pytest.mark.parametrize("number", VECTORS["numbers"]["wrong"])
def test_wrong_check_characters(number):
    assert not id_number.has_right_check(number)


@pytest.mark.parametrize("length", [0, 1, 255, 257, 1024])
def test_blocks_of_another_length(length):
    with pytest.raises(UnreadableBlock, match=str(length)):
        IdentityDocument.from_bytes(bytes(length))


@pytest.mark.parametrize("character", ["X", "j", "\0", "证"])
def test_unknown_card_types(character):
    block = bytearray(CITIZEN.to_bytes())
    block[248:250] = character.encode("utf-16-le")
    with pytest.raises(UnreadableBlock, match="card type"):
        IdentityDocument.from_bytes(bytes(block))


def test_a_lone_surrogate_is_no_card_type():
    block = bytearray(CITIZEN.to_bytes())
    block[248:250] = b"\x00\xd8"
    with pytest.raises(UnreadableBlock):
        IdentityDocument.from_bytes(bytes(block))


@pytest.mark.parametrize("number", ["", "示例", "99 00"])
def test_blocks_without_a_number(number):
    with pytest.raises(UnreadableBlock) as caught:
        IdentityDocument.from_bytes(replace(CITIZEN, number=number).to_bytes())
    assert "示" not in str(caught.value)


def test_texts_that_do_not_fit_are_named_without_their_content():
    with pytest.raises(ValueError, match="address, name") as caught:
        replace(CITIZEN, name="示" * 16, address="例" * 36).to_bytes()
    assert "示" not in str(caught.value)
    with pytest.raises(ValueError, match="address"):
        replace(OLD_FOREIGNER, address="例").to_bytes()


@pytest.mark.parametrize("document", ALL, ids=lambda d: d.kind.name)
def test_repr_shows_nobody(document):
    text = repr(document)
    assert document.kind.name in text
    for value in (document.number, document.name, document.birth_text, document.english_name or document.number):
        assert value not in text


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=256, max_size=256), st.sampled_from(list(DocumentKind)), st.booleans())
def test_any_block_is_a_document_or_unreadable(block, kind, with_number):
    raw = bytearray(block)
    raw[248:250] = kind.value.encode("utf-16-le")
    if with_number:
        raw[122:152] = "990000199602140".encode("utf-16-le")
        raw[152:158] = " ".encode("utf-16-le") * 3
    try:
        document = IdentityDocument.from_bytes(bytes(raw))
    except UnreadableBlock as error:
        document = None
        message = str(error)
    if document is None:
        assert not with_number
        assert message.isascii()
        return
    assert all(isinstance(finding, Finding) for finding in document.findings(TODAY))
    assert isinstance(document.nation, str)
    assert document.former_number is None or len(document.former_number) == 15
    document.name.encode("utf-8")


def texts(units: int) -> st.SearchStrategy[str]:
    characters = st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp"), max_codepoint=0x2FFFF)
    short = st.text(characters, max_size=units)
    return short.map(lambda t: cut(t, units).rstrip(" \0"))


def cut(text: str, units: int) -> str:
    while len(text.encode("utf-16-le")) > 2 * units:
        text = text[:-1]
    return text


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL), texts(15), texts(35), st.text("0123456789", max_size=8))
def test_what_is_written_is_read(document, name, long_text, digits):
    changes = {"name": name, "birth_text": digits, "valid_to_text": digits}
    if document.kind in (DocumentKind.CITIZEN, DocumentKind.HONG_KONG_MACAU_TAIWAN):
        changes["address"] = long_text
    else:
        changes["english_name"] = long_text
    changed = replace(document, **changes)
    assert IdentityDocument.from_bytes(changed.to_bytes()) == changed
    assert all(unicodedata.category(c) != "Cc" for c in changed.name)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[0-9]{17}", fullmatch=True), st.integers(0, 16), st.integers(1, 9))
def test_mod_11_2_finds_every_wrong_digit(body, place, step):
    number = number_of(body)
    other = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert id_number.has_right_check(number)
    assert not id_number.has_right_check(other)


def test_mod_731_wants_its_form():
    with pytest.raises(ValueError, match="three capital letters"):
        id_number.mod_10_731("pak31008001012")
