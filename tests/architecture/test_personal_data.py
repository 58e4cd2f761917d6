"""No file of the repository holds what could be somebody's id number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import ROOT
from tests.support.personal_data import INVENTED_REGION, PUBLISHED, suspicions
from tests.support.repository import repository_files

# Put together here, so that this file does not hold one.
LOOKS_REAL = "51" + "0104" + "19870214" + "0023"
INVENTED = INVENTED_REGION + "19870214" + "0023"
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda number: f"id: {number}.".encode(),
    "utf-16": lambda number: b"\x00\x01" + number.encode("utf-16-le") + b"\xff",
    "hex": lambda number: number.encode().hex().encode(),
    "hex of utf-16": lambda number: b'"' + number.encode("utf-16-le").hex(" ").encode() + b'"',
}


def test_no_file_holds_an_id_number() -> None:
    found = [f"{path}, {one}" for path in repository_files() for one in suspicions((ROOT / path).read_bytes())]
    assert not found, "looks like somebody's id number:\n" + "\n".join(found)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_number_is_noticed(encoding: str) -> None:
    (found,) = suspicions(b"first line\n" + ENCODINGS[encoding](LOOKS_REAL))
    assert found.region == LOOKS_REAL[:6]
    assert LOOKS_REAL not in str(found)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("number", [INVENTED, *sorted(PUBLISHED)])
def test_invented_and_published_numbers_may_stand(encoding: str, number: str) -> None:
    assert list(suspicions(ENCODINGS[encoding](number))) == []


@pytest.mark.parametrize("text", ["510104198713140023", "a" + LOOKS_REAL, LOOKS_REAL + "7", "17634511203344112"])
def test_other_digits_may_stand(text: str) -> None:
    """An impossible date, a piece of something longer, too few digits."""
    assert list(suspicions(text.encode())) == []
