"""The order in which the entrance's events are recorded, confirmed and cleared, and who is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daemon.door import CoprocessorDoor
from daemon.entrance import EntranceTask
from daemon.events import Emergency, Event
from daemon.outbox.known_events import EventId
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.events import CoprocessorEvent
from hw.coprocessor.messages import ClearEmergency, Confirm, GetStatus, Release
from hw.coprocessor.numbers import EventKind
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.uri import DeviceUri
from tests.support.brokers import wait_for

KEY = bytes(range(32))
TOLD_AT_ONCE = {EventKind.EMERGENCY, EventKind.TAMPER_OPENED, EventKind.RING_FULL, EventKind.MISSED}


class Button(SimulatedCoprocessor):
    """A button that may be held down: then nobody clears the emergency."""

    held = False

    def _obey_and_tell(self, message: Release | ClearEmergency | Confirm | GetStatus) -> None:
        super()._obey_and_tell(GetStatus() if self.held and isinstance(message, ClearEmergency) else message)


class Book:
    """Events as they are recorded; a full disk, if that is wanted."""

    def __init__(self) -> None:
        self.alerts: list[tuple[dict[str, Any], bool]] = []
        self.known: set[EventId] = set()
        self.pressed: list[EventId] = []
        self.full = False

    def has_event(self, event: EventId) -> bool:
        return event in self.known

    def has_press(self, press: EventId) -> bool:
        return press in self.pressed

    def hear(self, event: Event) -> None:
        """As the unit's loop and writer: the emergency's check is recorded."""
        assert isinstance(event, Emergency)
        if event.press is not None:
            self.pressed.append(event.press)

    def record_event(self, fields: dict[str, Any], *, alert: bool, event: EventId | None) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.alerts.append((fields, alert))
        if event is not None:
            self.known.add(event)


@pytest.fixture
def device() -> Iterator[Button]:
    with Button(KEY) as simulated:
        yield simulated


@pytest.fixture
def driver(device: Button) -> Iterator[Coprocessor]:
    opened = Coprocessor(DeviceUri.parse(device.uri), event_key=KEY)
    yield opened
    opened.close()


def entrance(driver: Coprocessor, book: Book) -> EntranceTask:
    return EntranceTask(driver, book, "delivery", post=book.hear, pressed=lambda _counter: None)


def event(number: int, kind: EventKind, *, authentic: bool = True) -> CoprocessorEvent:
    return CoprocessorEvent(number, 1, 5, kind, 0, None, authentic=authentic)


def test_an_event_is_confirmed_only_once_it_is_committed(device: Button, driver: Coprocessor) -> None:
    book = Book()
    book.full = True
    task = entrance(driver, book)
    driver.start()
    device.press_emergency()
    wait_for(lambda: driver.ready, "the link")
    heard = driver.next_event(10)
    assert heard is not None
    with pytest.raises(OSError, match="no space"):
        task.take(heard)
    time.sleep(0.5)
    assert heard.counter in device.events, "what is not recorded must come again"
    book.full = False
    task.take(heard)
    wait_for(lambda: heard.counter not in device.events, "the confirmation")


def test_what_is_not_proven_is_never_confirmed(device: Button, driver: Coprocessor) -> None:
    device.wrong_macs = True
    task, book = entrance(driver, Book()), Book()
    driver.start()
    device.tamper(True)
    heard = driver.next_event(10)
    assert heard is not None
    assert not heard.authentic
    task.take(heard)
    time.sleep(0.5)
    assert heard.counter in device.events
    assert book.alerts == []


@pytest.mark.parametrize("kind", EventKind)
def test_who_is_told_at_once(kind: EventKind, driver: Coprocessor) -> None:
    book = Book()
    entrance(driver, book).take(event(1, kind))
    assert [alert for _, alert in book.alerts] == [kind in TOLD_AT_ONCE]


def test_the_disk_is_not_filled_by_events_without_proof(driver: Coprocessor) -> None:
    book = Book()
    task = entrance(driver, book)
    for number in range(1_100):
        task.take(event(number, EventKind.TAMPER_OPENED, authentic=False))
    assert len(book.alerts) == 1_000


def test_a_forged_counter_is_not_what_an_officer_clears(driver: Coprocessor) -> None:
    heard: list[int] = []
    book = Book()
    task = EntranceTask(driver, book, "delivery", post=book.hear, pressed=heard.append)
    task.take(event(10**9, EventKind.EMERGENCY, authentic=False))
    task.take(event(7, EventKind.EMERGENCY))
    assert heard == [7]


def beat(door: CoprocessorDoor, most_s: float, until: Callable[[], bool] = lambda: False) -> None:
    """The loop's heartbeats, for so long, or until what they are for has come."""
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s and not until():
        door.heartbeat()
        time.sleep(0.1)


def test_clearing_is_asked_for_until_the_button_is_let_go(device: Button, driver: Coprocessor) -> None:
    door = CoprocessorDoor(driver, lambda _counter: True)
    driver.open()
    device.press_emergency()
    wait_for(lambda: driver.status is not None and driver.status.emergency, "the status")
    device.held = True
    door.clear_emergency()
    beat(door, 0.5)
    assert device.emergency
    device.held = False
    beat(door, 3, lambda: not device.emergency)
    assert not device.emergency, "it was asked for once only"


def test_a_press_whose_event_nobody_has_recorded_is_not_cleared(device: Button, driver: Coprocessor) -> None:
    recorded: set[int] = set()
    door = CoprocessorDoor(driver, recorded.__contains__)
    driver.open()
    device.press_emergency()
    wait_for(lambda: driver.status is not None and driver.status.emergency, "the status")
    door.clear_emergency()
    door.pressed(device.last_emergency)  # it is heard, while an officer accounts for the one before
    door.clear_emergency()
    beat(door, 1)
    assert device.emergency
    recorded.add(device.last_emergency)
    door.clear_emergency()
    beat(door, 2, lambda: not device.emergency)
    assert not device.emergency


def test_accounted_for_before_the_first_status(device: Button, driver: Coprocessor) -> None:
    """Right after a restart an officer is faster than the co-processor, or its cable is out."""
    device.press_emergency()
    door = CoprocessorDoor(driver, lambda _counter: True)
    door.clear_emergency()
    driver.open()
    beat(door, 3, lambda: not device.emergency)
    assert not device.emergency


def test_what_is_pressed_before_the_first_status_and_after_the_account_stays(
    device: Button, driver: Coprocessor
) -> None:
    door = CoprocessorDoor(driver, lambda _counter: True)
    door.clear_emergency()
    device.press_emergency()
    door.pressed(device.last_emergency)
    driver.open()
    wait_for(lambda: driver.status is not None and driver.status.emergency, "the status")
    beat(door, 1)
    assert device.emergency


def test_nothing_locks_after_an_orderly_stop(device: Button, driver: Coprocessor) -> None:
    door = CoprocessorDoor(driver, lambda _counter: True)
    driver.open()
    door.lock()
    beat(door, 1, lambda: device.locked)
    assert device.locked
    door.rest()
    door.lock()  # the loop had one more step to do
    beat(door, 1.5)
    assert not device.locked
    assert device.keep_power
