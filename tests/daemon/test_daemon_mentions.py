"""What an officer writes is looked through for numbers of people; what is no such number may be written."""

from __future__ import annotations

import pytest

from daemon.documents.mentions import Mention, mention

ID, DOCUMENT, MOBILE = Mention


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("本人 990000199003070521 拒绝", ID),
        ("本人990000199003070521拒绝", ID),
        ("990000 19900307 0521", ID),
        ("９９００００１９９００３０７０５２１", ID),
        ("990000199003070522, mistyped", ID),
        ("99000019900101004x", ID),
        ("her card CHN990019900307 is lost", None),
        ("电话13900000001", MOBILE),
        ("call 139 0000 0001", MOBILE),
        ("+86-139-0000-0001", MOBILE),
        ("008613900000001", MOBILE),
        ("E12345678", DOCUMENT),
        ("护照ea1234567。", DOCUMENT),
        ("回乡证 H1234567800", DOCUMENT),
        ("台胞证：12345678", DOCUMENT),
        ("passport no. 123456789", DOCUMENT),
        ("居留许可号 990012", DOCUMENT),
        ("990000/19900307/0521", ID),
        ("990000 1990/03/07 0521", ID),
        ("住院号 990000199003070521", ID),
        ("139_0000_0001", MOBILE),
        ("139/0000/0001", MOBILE),
        ("+86 (139) 0000-0001", MOBILE),
        ("住院号 2026001 电话13900000001", MOBILE),
        ("E 12345678", DOCUMENT),
        ("EA-1234567", DOCUMENT),
        ("就诊号 V-0002，护照 E12345678", DOCUMENT),
    ],
)
def test_numbers_of_people(text: str, found: Mention | None) -> None:
    assert mention(text) == found


def test_the_number_of_a_foreigners_card_by_its_check_digit() -> None:
    found = [mention(f"CHN99009003070{digit}") for digit in range(10)]
    assert found.count(ID) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "昏迷，无法配合",
        "就诊号 V-0002，床位 12",
        "2026-11-22 03:15 至 04:20 抢救",
        "20261122 0315",
        "血压 180/110，体温 38.5",
        "证件丢失，2026年补办",
        "passport lost, room 1204",
        "内线 85551234",
        "12345678901234567890",
        "123456789012345678",
        "12345678901",
        "病案号 ZY202611220001",
        "WO-2026-0047",
        "就诊号 Z20261122",
        "病案号 A1234567",
        "unit VX1234567",
        "住院号 13901234567",
        "file no. E12345678",
        "血压 180/110 120/80",
    ],
)
def test_what_may_be_written(text: str) -> None:
    assert mention(text) is None
