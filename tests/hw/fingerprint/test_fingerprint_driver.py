"""The driver against the simulated module: the ordinary ways and what the caller is told."""

from __future__ import annotations

import logging
import threading

import pytest

from hw.errors import DeviceBusy, DeviceGone, DeviceMissing, DeviceTimeout, HardwareError
from hw.fingerprint.codec import Confirmation, Instruction, LedColour, LedMode, Parameters
from hw.fingerprint.driver import FingerprintModule, MatchResult
from hw.fingerprint.errors import (
    BadImage,
    BadTemplate,
    CaptureStopped,
    CombineFailed,
    ImageFault,
    ModuleRefused,
    NoFinger,
    WrongPassword,
)
from hw.fingerprint.feedback import Feedback
from hw.fingerprint.link import Timing
from hw.fingerprint.simulated_finger import Finger
from hw.fingerprint.simulator import FACTORY_PARAMETERS, SimulatedModule
from hw.uri import DeviceUri


def test_self_test_reads_the_parameters(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.parameters = Parameters(4, 9, 80, 3, 0xFFFFFFFF, 1, 115200)
    assert module.self_test() == sim.parameters


def test_open_twice_and_close_twice(sim: SimulatedModule, module: FingerprintModule) -> None:
    asked = len(sim.history)
    module.open()
    assert len(sim.history) == asked
    module.close()
    module.close()
    with pytest.raises(DeviceGone, match="not open"):
        module.match()


def test_right_password(sim: SimulatedModule, timing: Timing) -> None:
    sim.password = 0xDEADBEEF
    sim.restart()
    with FingerprintModule(DeviceUri.parse(sim.uri), password=0xDEADBEEF, timing=timing) as module:
        assert module.self_test() == FACTORY_PARAMETERS


def test_wrong_password_is_told_once_and_not_repeated(
    sim: SimulatedModule, timing: Timing, caplog: pytest.LogCaptureFixture
) -> None:
    sim.password = 0xDEADBEEF
    sim.restart()
    module = FingerprintModule(DeviceUri.parse(sim.uri), password=0x0BADCAFE, timing=timing)
    with caplog.at_level(1), pytest.raises(WrongPassword) as caught:
        module.open()
    assert sim.history == [Instruction.VfyPwd]
    assert "0badcafe" not in (str(caught.value) + caplog.text).lower()
    with pytest.raises(DeviceGone):
        module.match()


def test_module_that_refuses_the_password_instruction(sim: SimulatedModule, timing: Timing) -> None:
    sim.refused.add(Instruction.VfyPwd)
    with pytest.raises(ModuleRefused, match="VfyPwd"):
        FingerprintModule(DeviceUri.parse(sim.uri), timing=timing).open()


def test_other_address(sim: SimulatedModule, timing: Timing) -> None:
    sim.parameters = Parameters(0, 0, 200, 3, 0x12345678, 2, 57600)
    with FingerprintModule(DeviceUri.parse(sim.uri), address=0x12345678, timing=timing) as module:
        assert module.self_test().address == 0x12345678


def test_nothing_plugged(timing: Timing) -> None:
    module = FingerprintModule(DeviceUri.parse("serial:///dev/vernix-no-such-line"), timing=timing)
    with pytest.raises(DeviceMissing, match="no-such-line"):
        module.open()


def test_line_in_use(sim: SimulatedModule, module: FingerprintModule, timing: Timing) -> None:
    assert module.self_test()
    with pytest.raises(DeviceBusy):
        FingerprintModule(DeviceUri.parse(sim.uri), timing=timing).open()


def test_capture_waits_for_the_finger(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    said: list[Feedback] = []

    def react(feedback: Feedback) -> None:
        said.append(feedback)
        sim.press("one")

    module.capture(stop, 5, react)
    assert said == [Feedback.WAITING]
    assert sim.buffers[1] == Finger("one").template(512)


def test_capture_into_buffer_2(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one")
    module.capture(stop, 5, lambda _: None, buffer=2)
    assert list(sim.buffers) == [2]


def test_no_finger(module: FingerprintModule, stop: threading.Event) -> None:
    said: list[Feedback] = []
    with pytest.raises(NoFinger):
        module.capture(stop, 0.05, said.append)
    assert said == [Feedback.WAITING]


def test_stop_ends_the_wait(module: FingerprintModule, stop: threading.Event) -> None:
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(CaptureStopped):
        module.capture(stop, 60, lambda _: None)


def test_poor_images_are_told_then_a_good_one_is_taken(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one")
    sim.images.extend(
        [
            Confirmation.ImageMessy,
            Confirmation.ImageMessy,
            Confirmation.FewFeatures,
            Confirmation.FewFeatures,
            Confirmation.Ok,
        ]
    )
    said: list[Feedback] = []
    module.capture(stop, 5, said.append)
    assert said == [Feedback.MESSY, Feedback.LIFT_AND_TRY_AGAIN]


def test_lifting_and_laying_again(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one", quality=30)
    said: list[Feedback] = []

    def react(feedback: Feedback) -> None:
        said.append(feedback)
        if feedback is Feedback.LIFT_AND_TRY_AGAIN:
            sim.lift()
        if feedback is Feedback.WAITING:
            sim.press("one", quality=80)

    module.capture(stop, 5, react)
    assert said == [Feedback.TOO_FEW_FEATURES, Feedback.LIFT_AND_TRY_AGAIN, Feedback.WAITING]


@pytest.mark.parametrize(
    ("code", "fault", "first"),
    [
        (Confirmation.ImageTooDry, ImageFault.TOO_DRY, Feedback.TOO_DRY),
        (Confirmation.ImageTooWet, ImageFault.TOO_WET, Feedback.TOO_WET),
        (Confirmation.ImageMessy, ImageFault.MESSY, Feedback.MESSY),
        (Confirmation.FewFeatures, ImageFault.TOO_FEW_FEATURES, Feedback.TOO_FEW_FEATURES),
        (Confirmation.NoValidImage, ImageFault.UNUSABLE, Feedback.LIFT_AND_TRY_AGAIN),
    ],
)
def test_finger_that_never_gives_an_image(
    sim: SimulatedModule,
    module: FingerprintModule,
    stop: threading.Event,
    code: Confirmation,
    fault: ImageFault,
    first: Feedback,
) -> None:
    sim.press("one")
    sim.images.extend([code] * 1000)
    said: list[Feedback] = []
    with pytest.raises(BadImage, match=fault.value) as caught:
        module.capture(stop, 0.1, said.append)
    assert caught.value.fault is fault
    assert said[0] is first


def test_image_that_the_module_refuses_for_another_reason(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one")
    sim.images.append(Confirmation.FlashError)
    with pytest.raises(ModuleRefused, match=r"Img2Tz \(0x02\) refused: FlashError \(0x18\)") as caught:
        module.capture(stop, 5, lambda _: None)
    assert (caught.value.instruction, caught.value.code) == (Instruction.Img2Tz, Confirmation.FlashError)


def test_same_finger_matches(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one", quality=70)
    assert module.finger_match(Finger("one", 90).template(512), stop, 5, lambda _: None) == MatchResult(True, 130)


def test_another_finger_does_not(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("two")
    result = module.finger_match(Finger("one").template(512), stop, 5, lambda _: None)
    assert not result.matched
    assert result.score < 20


def test_no_print_stays_in_the_buffers(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one")
    module.finger_match(Finger("one").template(1536), stop, 5, lambda _: None)
    assert set(sim.buffers.values()) == {bytes(index & 0xFF for index in range(1536))}


def test_no_print_stays_after_an_error(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one")
    sim.refused.add(Instruction.Match)
    with pytest.raises(ModuleRefused):
        module.finger_match(Finger("one").template(512), stop, 5, lambda _: None)
    assert set(sim.buffers.values()) == {bytes(index & 0xFF for index in range(512))}


def test_module_that_will_not_forget(
    sim: SimulatedModule, module: FingerprintModule, caplog: pytest.LogCaptureFixture
) -> None:
    sim.refused.add(Instruction.DownChar)
    assert module.forget() is False
    assert "keep the last print" in caplog.text


def test_match_of_empty_buffers_is_refused(module: FingerprintModule) -> None:
    with pytest.raises(ModuleRefused, match="Match"):
        module.match()


def test_enrolment_gives_a_usable_reference(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    said: list[Feedback] = []

    def react(feedback: Feedback) -> None:
        said.append(feedback)
        if feedback is Feedback.WAITING:
            sim.press("one")
        if feedback is Feedback.ONCE_MORE:
            sim.lift()

    reference = module.enrol(stop, 5, react)
    assert said == [Feedback.WAITING, Feedback.ONCE_MORE, Feedback.WAITING]
    assert module.finger_match(reference, stop, 5, react).matched
    sim.press("two")
    assert not module.finger_match(reference, stop, 5, react).matched


def test_enrolment_with_two_fingers_never_combines(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    people = iter("abcdefgh")

    def react(feedback: Feedback) -> None:
        if feedback is Feedback.WAITING:
            sim.press(next(people))
        else:
            sim.lift()

    with pytest.raises(CombineFailed):
        module.enrol(stop, 5, react)


def test_enrolment_waits_for_the_lift(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.press("one")
    with pytest.raises(NoFinger, match="not lifted"):
        module.enrol(stop, 0.1, lambda _: None)
    with pytest.raises(CaptureStopped):
        module.enrol(stop, 60, lambda feedback: stop.set() if feedback is Feedback.ONCE_MORE else None)


def test_led(sim: SimulatedModule, module: FingerprintModule) -> None:
    assert module.led(LedMode.Breathing, LedColour.Blue)
    assert sim.led == (1, 0x80, 2, 0)


def test_unplugged_and_plugged_again(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    reference = Finger("one").template(512)
    for _ in range(3):
        sim.unplug()
        with pytest.raises((DeviceGone, DeviceMissing)):
            module.capture(stop, 1, lambda _: None)
        with pytest.raises(DeviceMissing):
            module.self_test()
        sim.plug()
        sim.press("one")
        assert module.finger_match(reference, stop, 5, lambda _: None).matched


def test_unplugged_while_waiting(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    with pytest.raises((DeviceGone, DeviceMissing)):
        module.capture(stop, 60, lambda _: sim.unplug())


@pytest.mark.parametrize("error", [NoFinger, BadTemplate, CaptureStopped, CombineFailed, WrongPassword, ModuleRefused])
def test_errors_help(error: type[HardwareError]) -> None:
    assert issubclass(error, HardwareError)
    assert error.advice != HardwareError.advice


def test_prints_are_never_logged(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    sim.press("one")
    reference = Finger("one").template(512)
    with caplog.at_level(logging.NOTSET):
        module.finger_match(reference, stop, 5, lambda _: None)
    text = caplog.text
    assert text
    assert not any(str(reference[at : at + 6]) in text or reference[at : at + 6].hex() in text for at in range(506))


def test_nothing_that_outlives_a_power_cycle_is_ever_sent(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    def react(feedback: Feedback) -> None:
        sim.press("one") if feedback is Feedback.WAITING else sim.lift()

    reference = module.enrol(stop, 5, react)
    module.finger_match(reference, stop, 5, react)
    module.self_test()
    module.led(LedMode.On, LedColour.Red)
    lasting = {
        Instruction.SetPwd,
        Instruction.SetAdder,
        Instruction.SetSysPara,
        Instruction.Store,
        Instruction.DeletChar,
        Instruction.Empty,
    }
    assert not lasting & set(sim.history)
    assert len(set(sim.history)) >= 8


def test_silence_is_an_error_in_time(sim: SimulatedModule, module: FingerprintModule, stop: threading.Event) -> None:
    sim.deaf = True
    with pytest.raises(DeviceTimeout, match="no answer at 57600 baud"):
        module.capture(stop, 60, lambda _: None)
