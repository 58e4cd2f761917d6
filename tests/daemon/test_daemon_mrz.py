"""Machine-readable zones: the specimens of ICAO Doc 9303, every protected digit, centuries, names, and nonsense."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.documents.mrz import Mrz, MrzFinding, MrzUnreadable, check_digit, read_mrz
from hw.card_reader.id_number import mod_10_731
from tests.support import ROOT

TODAY = date(2026, 11, 22)
SPECIMENS: list[dict[str, Any]] = json.loads((ROOT / "tests/vectors/mrz/icao_9303.json").read_text("utf-8"))[
    "specimens"
]
TD3, TD1, TD2, MRV_A, MRV_B, LONG_TD1, LONG_TD2 = (tuple(one["lines"]) for one in SPECIMENS)
TITLES = [f"{one['layout']} {one['number']}" for one in SPECIMENS]


def refused(*lines: str) -> str:
    with pytest.raises(MrzUnreadable) as error:
        read_mrz(lines, TODAY)
    assert str(error.value) == error.value.cause
    return error.value.cause


@pytest.mark.parametrize("one", SPECIMENS, ids=TITLES)
def test_specimen(one: dict[str, Any]) -> None:
    read = read_mrz(tuple(one["lines"]), TODAY)
    assert {**{name: getattr(read, name) for name in one if name != "lines"}, "lines": one["lines"]} == one
    assert read.findings == ()


PROTECTED = {
    TD3: {(1, 0, 10): "NUMBER", (1, 13, 20): "BIRTH", (1, 21, 28): "EXPIRY", (1, 28, 43): "PERSONAL"},
    TD1: {(0, 5, 15): "NUMBER", (1, 0, 7): "BIRTH", (1, 8, 15): "EXPIRY"},
    TD2: {(1, 0, 10): "NUMBER", (1, 13, 20): "BIRTH", (1, 21, 28): "EXPIRY"},
    MRV_A: {(1, 0, 10): "NUMBER", (1, 13, 20): "BIRTH", (1, 21, 28): "EXPIRY"},
    MRV_B: {(1, 0, 10): "NUMBER", (1, 13, 20): "BIRTH", (1, 21, 28): "EXPIRY"},
    LONG_TD1: {(0, 5, 14): "NUMBER", (0, 15, 19): "NUMBER", (1, 0, 7): "BIRTH", (1, 8, 15): "EXPIRY"},
    LONG_TD2: {(1, 0, 9): "NUMBER", (1, 28, 32): "NUMBER", (1, 13, 20): "BIRTH", (1, 21, 28): "EXPIRY"},
}


@pytest.mark.parametrize("lines", PROTECTED, ids=TITLES)
def test_each_wrong_digit_is_named_by_its_field(lines: tuple[str, ...]) -> None:
    """One digit of each protected place is read as the next one; the overall digit, where there is one, notices too."""
    overall = {MrzFinding.COMPOSITE_CHECK} if not lines[0].startswith("V") else set()
    tried = 0
    for (row, start, end), field in PROTECTED[lines].items():
        for place in range(start, end):
            if not lines[row][place].isdigit():
                continue
            digit = str((int(lines[row][place]) + 1) % 10)
            wrong = [*lines]
            wrong[row] = lines[row][:place] + digit + lines[row][place + 1 :]
            found = set(read_mrz(tuple(wrong), TODAY).findings)
            unreadable = {MrzFinding.BIRTH_UNREADABLE, MrzFinding.EXPIRY_UNREADABLE}  # a month 17 is none either
            assert found - unreadable == {MrzFinding[f"{field}_CHECK"]} | overall, (row, place)
            tried += 1
    assert tried >= 20


def test_the_overall_digit_alone() -> None:
    assert read_mrz((TD3[0], TD3[1][:-1] + "1"), TODAY).findings == (MrzFinding.COMPOSITE_CHECK,)
    assert read_mrz((TD1[0], TD1[1][:-1] + "5", TD1[2]), TODAY).findings == (MrzFinding.COMPOSITE_CHECK,)


@given(st.from_regex("[A-Z]{3}[0-9]{11}", fullmatch=True))
@settings(max_examples=50, deadline=None)
def test_check_digits_agree_with_those_of_the_2017_card(body: str) -> None:
    assert check_digit(body) == mod_10_731(body)


def born(text: str, expiry: str = "300101", today: date = TODAY) -> Mrz:
    """A passport with right check digits."""
    number = "L898902C36"
    dates = f"{text}{check_digit(text)}F{expiry}{check_digit(expiry)}"
    empty = "<" * 14 + "<"
    composite = check_digit(number + dates[:7] + dates[8:] + empty)
    return read_mrz((TD3[0], f"{number}UTO{dates}{empty}{composite}"), today)


@pytest.mark.parametrize(
    ("text", "birth"),
    [
        ("740812", "19740812"),
        ("991231", "19991231"),
        ("000229", "20000229"),
        ("261122", "20261122"),
        ("261123", "19261123"),
        ("270101", "19270101"),
        ("7408<<", "197408"),
        ("74<<<<", "1974"),
        ("26<<<<", "2026"),
    ],
)
def test_births_are_never_in_the_future(text: str, birth: str) -> None:
    read = born(text)
    assert (read.birth, read.findings) == (birth, ())


@pytest.mark.parametrize(
    ("text", "expiry"), [("300101", "20300101"), ("961210", "19961210"), ("760101", "20760101"), ("770101", "19770101")]
)
def test_expiries_are_no_further_ahead_than_a_document_is_valid(text: str, expiry: str) -> None:
    read = born("740812", text)
    assert (read.expiry, read.findings) == (expiry, ())


@pytest.mark.parametrize("text", ["741301", "740230", "<<<<<<", "7A0812", "74<<12"])
def test_a_birth_that_is_no_date_is_a_finding(text: str) -> None:
    read = born(text)
    assert (read.birth, MrzFinding.BIRTH_UNREADABLE in read.findings) == ("", True)


def test_sexes() -> None:
    swapped = {letter: read_mrz((TD3[0], TD3[1].replace("2F1", f"2{letter}1")), TODAY).sex for letter in "MFX<"}
    assert swapped == {"M": "1", "F": "2", "X": "9", "<": "9"}


@pytest.mark.parametrize(
    ("written", "name", "cut"),
    [
        ("ERIKSSON<<ANNA<MARIA", "ERIKSSON ANNA MARIA", False),
        ("VAN<DER<MUELLEN<<ANNA", "VAN DER MUELLEN ANNA", False),
        ("ARKFREITH", "ARKFREITH", False),
        ("NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K", "NILAVADHANANANDA CHAYAPA DEJTHAMRONG K", True),
        ("BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<D<", "BENNELONG WOOLOOMOOLOO WARRANDYTE W D", False),
    ],
)
def test_names(written: str, name: str, *, cut: bool) -> None:
    read = read_mrz((f"P<UTO{written:<<39}", TD3[1]), TODAY)
    assert (read.name, MrzFinding.NAME_TRUNCATED in read.findings) == (name, cut)


def test_lines_as_scanners_and_hands_give_them() -> None:
    wanted = read_mrz(TD3, TODAY)
    assert read_mrz(("".join(TD3),), TODAY) == wanted
    assert read_mrz((TD3[0].lower(), " ".join(TD3[1]), ""), TODAY) == wanted
    assert read_mrz((TD3[0].replace("<", "\N{FULLWIDTH LESS-THAN SIGN}"), TD3[1]), TODAY) == wanted
    assert read_mrz((TD1[0] + TD1[1], TD1[2]), TODAY).layout == "TD1"


def test_nonsense_is_refused_by_name() -> None:
    assert refused() == "mrz_lines_missing"
    assert refused(TD3[0]) == "mrz_lines_missing"
    assert refused(TD3[0], TD3[1][:-1]) == "mrz_line_length:2:43:44"
    assert refused(TD3[0] + "<", TD3[1]) == "mrz_line_length:1:45:44"
    assert refused(TD2[0], TD2[1][1:]) == "mrz_line_length:2:35:36"
    assert refused(TD1[0], TD1[1], TD1[2][2:]) == "mrz_line_length:3:28:30"
    assert refused(TD3[0][1:], TD3[1] + "<") == "mrz_line_length:1:43:44"
    assert refused(TD3[0], TD3[1].replace("L", "*")) == "mrz_letters:2"
    assert refused("\N{CYRILLIC CAPITAL LETTER ER}" + TD3[0][1:], TD3[1]) == "mrz_letters:1"
    shifted = TD3[1][1:] + "0"
    assert refused(TD3[0], shifted) == "mrz_not_of_a_known_layout"


def test_no_repr_tells_a_person() -> None:
    read = read_mrz(TD3, TODAY)
    assert not re.search("ERIKSSON|ANNA|L898902C3|1974|UTO", repr(read))


@given(
    st.lists(st.text(max_size=50), max_size=3) | st.lists(st.from_regex("[A-Z0-9<]{30,44}", fullmatch=True), max_size=3)
)
@settings(max_examples=150, deadline=None)
def test_anything_is_read_or_refused(lines: list[str]) -> None:
    cause = ""
    try:
        read_mrz(tuple(lines), TODAY)
    except MrzUnreadable as error:
        cause = error.cause
    assert re.fullmatch("[a-z_:0-9]*", cause)
