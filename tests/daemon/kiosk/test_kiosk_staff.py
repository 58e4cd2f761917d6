"""What staff see of checks that wait and of the room that is left, in words that can be told apart and acted upon."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from daemon.check_id import begun_at, new_check_id
from daemon.events import ShiftChanged
from daemon.state import State
from evidence.instants import CHINA, read_instant
from tests.daemon.kiosk.support import PASSPORT, THERE, Bench, Glass
from tests.daemon.kiosk.test_kiosk_page import told
from tests.daemon.kiosk.test_kiosk_screens import parked, touches
from tests.daemon.support import PINS, now


def at(check: str) -> str:
    """Of a check, as a clock on the wall shows it."""
    return read_instant(begun_at(check)).astimezone(CHINA).strftime("%H:%M")


def test_an_id_tells_when_its_check_began() -> None:
    assert abs((read_instant(begun_at(new_check_id())) - now()).total_seconds()) < 60
    assert begun_at("0197a000-0000-7000-8000-00000000000c") == "2025-06-24T03:34:04.032Z"
    with pytest.raises(ValueError, match="badly formed"):
        begun_at("check-1")


def test_parked_checks_can_be_told_apart(bench: Bench, glass: Glass) -> None:
    first, second = parked(bench, "V-0001"), replace(parked(bench, "P-00000000000c"), document=PASSPORT)
    bench.desk = replace(bench.desk, parked=(first, second))
    bench.show(State(bench.policy))
    touches("staff")(glass)
    expect(glass.page.get_by_role("button", name="继续核验")).to_have_count(2)
    rows = [row for row in glass.page.locator("section.list li").all_inner_texts() if "继续核验" in row]
    assert len(rows) == 2
    assert first.check is not None
    assert second.check is not None
    for row, shown, kind, check in zip(
        rows, ("V-0001", "P-00000000000c"), ("居民身份证", "护照"), (first.check, second.check), strict=True
    ):
        assert shown in row
        assert kind in row
        assert at(check) in row
    assert "示*甲" not in glass.page.content()
    assert "L89" not in glass.page.content()


def test_lists_are_one_pin_away(bench: Bench, glass: Glass) -> None:
    """Whoever may decide comes on duty by it and sees them; nobody else sees who waits."""
    bench.on_duty = None
    bench.desk = replace(bench.desk, parked=(parked(bench, "V-0001"),))
    bench.show(State(bench.policy))
    touches("staff")(glass)
    expect(glass.page.locator("#body")).to_contain_text("无人当班")
    assert "V-0001" not in glass.page.inner_text("#body")
    glass.shot("queue-closed")
    glass.type("officer-id", "o-101")
    glass.type("officer-pin", PINS["o-101"])
    bench.on_duty = THERE
    glass.touch("接班")
    expect(glass.page.locator("#body")).to_contain_text("V-0001")
    assert isinstance(told(bench), ShiftChanged)


@pytest.mark.parametrize(("days", "shown"), [(41, "可用 41 天"), (365, "可用 365 天"), (107147, "可用一年以上")])
def test_room_that_is_left_is_told_as_people_say_it(bench: Bench, glass: Glass, days: int, shown: str) -> None:
    storage = {"state": "ok", "days_left": days, "free_bytes": 1 << 40}
    bench.show(State(bench.policy), storage=storage)
    touches("staff", "devices")(glass)
    assert f"存储空间充足，{shown}" in glass.page.inner_text("#body")
