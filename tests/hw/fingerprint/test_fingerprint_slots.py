"""A module's flash, wiping, and what fingers and modules do in the field."""

from __future__ import annotations

import threading

import pytest

from hw.errors import DeviceGone, DeviceProtocolError
from hw.fingerprint.codec import REPLIES, Acknowledge, Confirmation, Instruction
from hw.fingerprint.driver import LIVE_BUFFER, FingerprintModule
from hw.fingerprint.errors import BadImage, CombineFailed, ImageFault, ModuleRefused, WrongPassword
from hw.fingerprint.feedback import Feedback
from hw.fingerprint.simulated_finger import Finger, Skin
from hw.fingerprint.simulator import SimulatedModule
from hw.fingerprint.slots import Found, Slots, wipe

PATTERN = bytes(index & 0xFF for index in range(512))
REFERENCE = Finger("one").template(512)


def quiet(_: Feedback) -> None:
    """Nobody is told."""


def holds(sim: SimulatedModule, template: bytes) -> bool:
    return template in (*sim.buffers.values(), *sim.slots.values())


def test_store_load_search_delete(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    slots = Slots(module)
    sim.press("one")
    module.capture(stop, 5, quiet)
    slots.store(9)
    slots.store(199)
    assert (slots.count(), slots.pages(200)) == (2, (9, 199))
    assert slots.search(0, 200) == Found(9, 150)
    assert slots.search(10, 100) is None
    slots.load(9)
    assert module.match().matched
    slots.delete(9)
    assert slots.pages(200) == (199,)
    slots.empty()
    assert sim.slots == {}


def test_pages_of_a_large_module(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.slots = {0: REFERENCE, 255: REFERENCE, 256: REFERENCE, 999: REFERENCE}
    assert Slots(module).pages(1000) == (0, 255, 256, 999)


@pytest.mark.parametrize(("page", "buffer"), [(9, 2), (200, 1)])
def test_no_such_page(sim: SimulatedModule, module: FingerprintModule, page: int, buffer: int) -> None:
    sim.buffers[1] = REFERENCE
    with pytest.raises(ModuleRefused):
        Slots(module).load(page) if buffer == 2 else Slots(module).store(page)


def test_templates_that_a_module_lost(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.slots = {3: REFERENCE}
    sim.slots.clear()  # a brown-out, or another host
    with pytest.raises(ModuleRefused, match="LoadFail"):
        Slots(module).load(3)


def test_count_that_is_no_count(module: FingerprintModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FingerprintModule, "ask", lambda *_args, **_more: Acknowledge(Confirmation.Ok, b"\x01"))
    with pytest.raises(DeviceProtocolError, match="1 bytes instead of 2"):
        Slots(module).count()


def test_wipe_leaves_nothing(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one")
    module.capture(stop, 5, quiet)
    sim.slots = {0: REFERENCE, 150: REFERENCE}
    module.close()  # as after a crash: another driver finds what is left
    wipe(module)
    assert sim.slots == {}
    assert sim.buffers == {1: PATTERN, 2: PATTERN}


def test_wipe_spares_a_flash_that_is_empty(sim: SimulatedModule, module: FingerprintModule) -> None:
    wipe(module)
    assert Instruction.Empty not in sim.history


def test_wipe_that_does_not_wipe_is_an_error(
    sim: SimulatedModule, module: FingerprintModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.slots = {0: REFERENCE}
    stubborn = {**sim._handlers, Instruction.Empty: lambda: Acknowledge(Confirmation.Ok)}
    monkeypatch.setattr(sim, "_handlers", stubborn)
    with pytest.raises(DeviceProtocolError, match="still stored"):
        wipe(module)


# --- fingers of the field --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skin", "told", "fault"),
    [
        (Skin.DRY, Feedback.TOO_DRY, ImageFault.TOO_DRY),
        (Skin.WET, Feedback.TOO_WET, ImageFault.TOO_WET),
        (Skin.MOVED, Feedback.MESSY, ImageFault.MESSY),
        (Skin.PARTIAL, Feedback.TOO_FEW_FEATURES, ImageFault.TOO_FEW_FEATURES),
    ],
)
def test_one_cause_is_told_once(
    sim: SimulatedModule,
    module: FingerprintModule,
    stop: threading.Event,
    skin: Skin,
    told: Feedback,
    fault: ImageFault,
) -> None:
    said: list[Feedback] = []
    sim.press("one", skin=skin)
    with pytest.raises(BadImage) as caught:
        module.capture(stop, 0.2, said.append)
    assert caught.value.fault is fault
    assert said == [told, Feedback.LIFT_AND_TRY_AGAIN]


def test_cut_finger_does_not_match_and_another_one_does(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one", skin=Skin.CUT)
    cut = module.finger_match(REFERENCE, stop, 5, quiet)
    assert (cut.matched, cut.score) == (False, 35)
    sim.press("one")
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched


def test_enrolling_another_finger_each_time(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    said: list[Feedback] = []
    fingers = iter(f"finger-{number}" for number in range(20))

    def react(feedback: Feedback) -> None:
        said.append(feedback)
        if feedback is Feedback.WAITING:
            sim.press(next(fingers))
        else:
            sim.lift()

    with pytest.raises(CombineFailed):
        module.enrol(stop, 5, react)
    assert said.count(Feedback.DIFFERENT) == 3
    assert sim.buffers == {1: PATTERN, 2: PATTERN}


@pytest.mark.parametrize("packets", [0, 2])
def test_unplugged_while_a_template_comes(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, packets: int
) -> None:
    sim.press("one")
    module.capture(stop, 5, quiet)
    sim.data_until_unplugged = packets
    with pytest.raises(DeviceGone):
        module.upload_template(LIVE_BUFFER)
    sim.plug()
    wipe(module)
    assert not holds(sim, REFERENCE)


def test_unplugged_while_a_template_goes(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one")
    sim.data_until_unplugged = 1
    with pytest.raises(DeviceGone):
        module.finger_match(REFERENCE, stop, 5, quiet)
    sim.plug()
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched
    assert not holds(sim, REFERENCE)


def test_password_changed_between_two_checks(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one")
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched
    sim.password = 7
    sim.restart()
    with pytest.raises(WrongPassword):
        module.finger_match(REFERENCE, stop, 5, quiet)


def test_answers_that_slots_read_are_in_the_table() -> None:
    assert {Instruction.Search, Instruction.TempleteNum} <= REPLIES.keys()
