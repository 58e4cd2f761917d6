"""What is wrong with the devices, as the drivers know it: the real driver at the simulated co-processor."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from daemon import troubles
from daemon.delivery import health_message
from daemon.desk import Desk
from daemon.kiosk.view import view
from daemon.policy import load_policy
from hw.card_reader.driver import Condition, ReaderState
from hw.coprocessor.codec import NEED_DATA, Frame, Parser
from hw.coprocessor.driver import Coprocessor, Timing
from hw.coprocessor.errors import VersionMismatch
from hw.coprocessor.events import KEY_SIZE
from hw.coprocessor.messages import StatusMessage, Welcome
from hw.coprocessor.numbers import Feature, MessageType
from hw.coprocessor.simulator import SimulatedCoprocessor
from hw.errors import DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout, HardwareError
from hw.thermal.driver import BusStuck, Frozen, NotAcknowledged
from hw.uri import DeviceUri
from tests.daemon.support import Home
from tests.support import ROOT
from tests.support.brokers import wait_for

KEY = bytes(range(KEY_SIZE))


@pytest.fixture
def device() -> Iterator[SimulatedCoprocessor]:
    with SimulatedCoprocessor(KEY) as simulated:
        yield simulated


@contextmanager
def driving(device: SimulatedCoprocessor, key: bytes | None = KEY) -> Iterator[Coprocessor]:
    driver = Coprocessor(DeviceUri.parse(device.uri), event_key=key, timing=Timing(reopen_s=0.05))
    driver.start()
    try:
        yield driver
    finally:
        driver.close()


def found(driver: Coprocessor, **facts: bool) -> troubles.Troubles:
    return troubles.of_coprocessor(driver, has_key=facts.get("has_key", True), unproven=facts.get("unproven", False))


def settled(driver: Coprocessor) -> None:
    wait_for(lambda: driver.status is not None, "its status")


def changing(change: Callable[[Frame], Frame]) -> Callable[[bytes], bytes]:
    """What the simulated device says, changed frame by frame: a co-processor that has less, or has seen more."""

    def rewrite(data: bytes) -> bytes:
        parser, out = Parser(), b""
        parser.receive_data(data)
        while (event := parser.next_event()) is not NEED_DATA:
            if isinstance(event, Frame):
                out += change(event).to_bytes()
        return out

    return rewrite


def without_features(frame: Frame) -> Frame:
    if frame.type != MessageType.WELCOME:
        return frame
    return replace(frame, payload=replace(Welcome.from_bytes(frame.payload), features=Feature(0)).to_bytes())


def with_history(frame: Frame) -> Frame:
    if frame.type != MessageType.STATUS:
        return frame
    return replace(frame, payload=replace(StatusMessage.from_bytes(frame.payload), missed=7, power_cycles=2).to_bytes())


def test_nothing_is_wrong(device: SimulatedCoprocessor) -> None:
    device.silent = True
    with driving(device) as driver:
        assert found(driver) == ("coprocessor:no_answer",), "nothing was heard yet"
        device.silent = False
        settled(driver)
        assert found(driver) == ()


def test_tamper_switch_comes_and_goes(device: SimulatedCoprocessor) -> None:
    with driving(device) as driver:
        settled(driver)
        device.tamper(True)
        wait_for(lambda: found(driver) == ("coprocessor:tamper_open",), "the open housing")
        device.tamper(False)
        wait_for(lambda: found(driver) == (), "the closed housing")
        device.press_emergency()
        wait_for(lambda: found(driver) == ("coprocessor:emergency_open",), "the emergency")


def test_what_its_firmware_lacks(device: SimulatedCoprocessor) -> None:
    device.to_host = changing(without_features)
    with driving(device) as driver:
        settled(driver)
        assert found(driver) == ("coprocessor:no_flash_ring", "coprocessor:no_event_key")
        assert found(driver, unproven=True) == found(driver), "without a key nothing can be proven anyway"


def test_what_it_has_seen(device: SimulatedCoprocessor) -> None:
    device.to_host = changing(with_history)
    with driving(device) as driver:
        settled(driver)
        assert found(driver) == ("coprocessor:events_missed", "coprocessor:power_cycled")


def test_keys_that_do_not_fit(device: SimulatedCoprocessor) -> None:
    with driving(device, key=None) as driver:
        settled(driver)
        assert found(driver, has_key=False, unproven=True) == ("coprocessor:no_host_key",)
    with driving(device, key=bytes(KEY_SIZE)) as driver:
        settled(driver)
        event = driver.next_event(10)
        assert event is not None
        assert not event.authentic
        assert found(driver, unproven=True) == ("coprocessor:not_authentic",)


def test_another_release(device: SimulatedCoprocessor) -> None:
    device.version += 1
    with driving(device) as driver:
        wait_for(lambda: found(driver) == ("coprocessor:version",), "the other release")


def test_line_that_is_cut_and_mended(device: SimulatedCoprocessor) -> None:
    with driving(device) as driver:
        settled(driver)
        device.silent = True
        driver.ask_status()
        wait_for(lambda: found(driver) == ("coprocessor:no_answer",), "the silence")
        device.silent = False
        wait_for(lambda: found(driver) == (), "the answer")
        device.unplug()
        wait_for(lambda: found(driver)[:1] in (("coprocessor:gone",), ("coprocessor:missing",)), "the loss")
        device.plug()
        wait_for(lambda: found(driver) == (), "the return")


def test_no_such_line() -> None:
    driver = Coprocessor(DeviceUri.parse("serial:///dev/no-such-line"), event_key=KEY)
    driver.start()
    try:
        wait_for(lambda: found(driver) == ("coprocessor:missing",), "the missing line")
    finally:
        driver.close()


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (VersionMismatch("x", 1, 2), "version"),
        (NotAcknowledged("x", ""), "no_answer"),
        (BusStuck("x", ""), "bus_stuck"),
        (Frozen("x", ""), "frozen"),
        (DeviceMissing("x", ""), "missing"),
        (DeviceTimeout("x", ""), "no_answer"),
        (DeviceGone("x", ""), "gone"),
        (DeviceProtocolError("x", ""), "garbled"),
        (HardwareError("x", ""), "fault"),
    ],
)
def test_names_of_errors(error: HardwareError, name: str) -> None:
    assert troubles.of_error("thermal", error) == f"thermal:{name}"
    assert troubles.of_thermal(error) == (f"thermal:{name}",)
    assert troubles.meaning(f"thermal:{name}")


def test_the_other_devices() -> None:
    error = DeviceGone("serial:x", "")
    assert troubles.of_reader(None) == troubles.of_reader(ReaderState(Condition.READY)) == ()
    assert troubles.of_reader(ReaderState(Condition.MISSING, error)) == ("card_reader:gone",)
    assert troubles.of_thermal(None) == ()
    assert troubles.of_pins(None, held=False, one_shot=True) == ()
    assert troubles.of_pins(None, held=True, one_shot=False) == ("door:button_held", "door:no_one_shot")
    assert troubles.of_pins(None, held=False, one_shot=True, emergency=True) == ("door:emergency_open",)
    assert troubles.of_pins(error, held=True, one_shot=False) == ("door:gone",)


def test_the_health_message_tells_them(home: Home) -> None:
    outbox = home.outbox()
    try:
        signer, address = home.identity().signer, home.config().address
        told = [health_message(outbox, address, signer, 0, None, found) for found in (("door:gone",), ())]
    finally:
        outbox.close()
    payloads = [json.loads(base64.urlsafe_b64decode(one.split(".")[1] + "==")) for one in told]
    assert payloads[0]["troubles"] == ["door:gone"]
    assert "troubles" not in payloads[1]


def test_the_screen_has_words_for_every_trouble() -> None:
    for language in ("zh", "en"):
        script = (ROOT / f"daemon/kiosk/static/words/troubles.{language}.js").read_text("utf-8")
        words = script.partition("const devices = {")[2].partition("\n};")[0]
        known = set(re.findall(r"(\w+): \"", words))
        devices = {"coprocessor", "door", "card_reader", "thermal", "gateway", "light", "camera"}
        assert {*troubles.MEANING, *devices} <= known
    assert view(Desk.of(load_policy("neutral")), waiting=0, online=True, why_offline=None, troubles=("door:gone",))[
        "devices"
    ] == ["door:gone"]


def test_emergency_that_waits_for_its_account_is_told_once() -> None:
    """Whatever the devices say: an account that is missing holds the door open, and no light tells that."""
    assert troubles.of_emergencies((), waiting=False) == ()
    assert troubles.of_emergencies(("camera:gone",), waiting=True) == ("door:emergency_open",)
    assert troubles.of_emergencies(("coprocessor:emergency_open",), waiting=True) == ()
