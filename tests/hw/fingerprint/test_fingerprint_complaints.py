"""Every field complaint of hw/fingerprint/README.md, played by the simulated module against the production driver."""

from __future__ import annotations

import threading

import pytest

from hw.errors import DeviceGone, DeviceProtocolError, DeviceTimeout
from hw.fingerprint.codec import Acknowledge, Confirmation, Data, Instruction, LedColour, LedMode, Parameters
from hw.fingerprint.driver import MAX_TEMPLATE, FingerprintModule
from hw.fingerprint.errors import BadTemplate, ModuleRefused
from hw.fingerprint.feedback import Feedback
from hw.fingerprint.link import Timing
from hw.fingerprint.simulated_finger import Finger
from hw.fingerprint.simulator import NoLed, SimulatedModule
from hw.pty_device import Fault, corrupt, delay, drop, garbage, split, truncate
from hw.uri import DeviceUri
from tests.support.brokers import wait_for

CLEAN: Fault = split(10_000, 0.0)
REFERENCE = Finger("one").template(512)


def quiet(_: Feedback) -> None:
    """For tests to which the feedback does not matter."""


# Framing lost and bad checksums during a transfer (pyfingerprint 52, 99, 104).


@pytest.mark.parametrize("fault", [corrupt(-1), corrupt(0), corrupt(20), corrupt(8), truncate(30)])
@pytest.mark.parametrize("packet", [0, 1, 3])
def test_damaged_template_upload_is_repeated(
    sim: SimulatedModule, module: FingerprintModule, fault: Fault, packet: int
) -> None:
    sim.buffers[1] = REFERENCE
    sim.faults.extend([CLEAN] * (1 + packet) + [fault])
    assert module.upload_template(1) == REFERENCE
    assert sim.history.count(Instruction.UpChar) == 3


def test_packet_lost_whole_is_noticed(sim: SimulatedModule, module: FingerprintModule) -> None:
    """The wire shows nothing: packets carry no number. A second reading does."""
    sim.buffers[1] = REFERENCE
    sim.faults.extend([CLEAN, CLEAN, drop()])
    assert module.upload_template(1) == REFERENCE
    assert sim.history.count(Instruction.UpChar) == 3
    sim.faults.extend([CLEAN, drop(), CLEAN, CLEAN, CLEAN, *[CLEAN] * 2, drop(), *[CLEAN] * 2] * 2)
    with pytest.raises(DeviceProtocolError, match="all differ"):
        module.upload_template(1)


def test_damaged_image_upload_is_repeated(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.press("one")
    module.capture(stop, 5, quiet)
    sim.faults.extend([CLEAN] * 100 + [corrupt(40)])
    assert module.upload_image() == Finger("one").image(36864)
    assert sim.history.count(Instruction.UpImage) == 2


def test_transfer_that_is_always_damaged_is_an_error(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.buffers[1] = REFERENCE
    sim.faults.extend([CLEAN, corrupt(-1), CLEAN, CLEAN, CLEAN] * 3)
    with pytest.raises(DeviceProtocolError, match="damaged data after 0 bytes"):
        module.upload_template(1)
    assert module.self_test()


# Readers that block for ever (pyfingerprint), short reads (Adafruit 29, 45).


def test_stream_that_breaks_off_is_an_error(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.buffers[1] = REFERENCE
    sim.faults.extend([CLEAN, CLEAN, drop(), drop(), drop()] * 3)
    with pytest.raises(DeviceTimeout):
        module.upload_template(1)


def test_stream_without_end_is_an_error(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.buffers[1] = bytes(range(256)) * 64
    with pytest.raises(DeviceProtocolError, match=f"more than {MAX_TEMPLATE} bytes"):
        module.upload_template(1)


@pytest.mark.parametrize("size", [1, 3])
def test_answers_in_small_pieces(sim: SimulatedModule, module: FingerprintModule, size: int) -> None:
    sim.faults.append(split(size))
    assert not module.self_test().assumed


def test_late_answer_of_an_abandoned_question(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, timing: Timing
) -> None:
    sim.press("one")
    sim.faults.append(delay(timing.answer_s + 0.02))
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched


# Checksums are validated (Adafruit 29).


@pytest.mark.parametrize("fault", [corrupt(-1), corrupt(9), corrupt(6), corrupt(0), truncate(5), drop()])
def test_one_damaged_answer_is_asked_again(sim: SimulatedModule, module: FingerprintModule, fault: Fault) -> None:
    sim.faults.append(fault)
    assert not module.self_test().assumed
    assert sim.history.count(Instruction.VfyPwd) == 3


def test_answers_with_bad_sums_for_ever(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.bad_sums = 1000
    with pytest.raises(DeviceProtocolError, match=r"VfyPwd.*wrong checksum"):
        module.self_test()


def test_noise_before_the_answer(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.faults.append(garbage(b"\x55\x00\xef\xff"))
    assert not module.self_test().assumed
    assert sim.history.count(Instruction.VfyPwd) == 2


def test_answer_left_over_in_the_line(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.answer(Acknowledge(Confirmation.Ok).to_bytes() + Data(b"left over", last=True).to_bytes())
    with pytest.raises(ModuleRefused):  # an old Ok is not taken for a match of empty buffers
        module.match()


# Stray error answer before the real one (Adafruit 31); communication error after DownChar (pyfingerprint 89, 113).


def test_stray_error_before_the_match_answer(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    sim.stray_after_down_char = True
    sim.press("one")
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched
    sim.press("two")
    assert not module.finger_match(REFERENCE, stop, 5, quiet).matched
    assert sim.history.count(Instruction.Match) == 2


def test_error_that_is_no_stray_is_told(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.refused.add(Instruction.Match)
    with pytest.raises(ModuleRefused, match="PacketReceiveError"):
        module.match()
    assert sim.history.count(Instruction.Match) == 3


def test_match_without_a_score_is_no_match(sim: SimulatedModule, module: FingerprintModule) -> None:
    """Another command's Ok must never pass for a match."""
    sim.buffers = {1: REFERENCE, 2: REFERENCE}
    sim.faults.append(lambda _: [(0.0, Acknowledge(Confirmation.Ok).to_bytes())])
    with pytest.raises(DeviceProtocolError, match="score"):
        module.match()


# Light on modules that have none (Adafruit 30, 31).


@pytest.mark.parametrize("how", NoLed)
def test_missing_light_disturbs_nothing(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, how: NoLed
) -> None:
    sim.no_led = how
    assert module.led(LedMode.On, LedColour.Blue) is False
    assert module.led(LedMode.Off, LedColour.Blue) is False
    assert sim.history.count(Instruction.AuraLedConfig) == 1
    sim.press("one")
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched


# Enrolment needs more captures than two (Adafruit 90).


def test_enrolment_goes_on_after_a_mismatch(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event
) -> None:
    fingers = iter(["one", "two", "one", "one"])
    said: list[Feedback] = []

    def react(feedback: Feedback) -> None:
        said.append(feedback)
        if feedback is Feedback.WAITING:
            sim.press(next(fingers))
        else:
            sim.lift()

    assert module.enrol(stop, 5, react) == REFERENCE
    assert said.count(Feedback.DIFFERENT) == 1
    assert said.count(Feedback.ONCE_MORE) == 2


# Wrong ReadSysPara (FPM 15).


@pytest.mark.parametrize("odd", [b"", bytes(15), bytes(16), bytes(20), b"\xff" * 16])
def test_unusable_parameters_are_replaced_by_factory_settings(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, odd: bytes
) -> None:
    sim.odd_parameters = odd
    module.close()
    parameters = module.self_test()
    assert parameters.assumed
    assert (parameters.packet_size, parameters.baud) == (128, 57600)
    sim.press("one")
    assert module.finger_match(REFERENCE, stop, 5, quiet).matched


def test_refused_parameters_are_replaced_too(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.refused.add(Instruction.ReadSysPara)
    assert module.self_test().assumed


# Templates of all FF (Adafruit 36), and of sizes no data sheet promised.


@pytest.mark.parametrize("template", [b"", b"\xff" * 512, bytes(768), bytes(range(256)) * 33])
def test_impossible_template_is_refused_before_it_is_sent(
    sim: SimulatedModule, module: FingerprintModule, stop: threading.Event, template: bytes
) -> None:
    with pytest.raises(BadTemplate):
        module.download_template(template)
    with pytest.raises(BadTemplate):
        module.finger_match(template, stop, 5, quiet)
    assert Instruction.DownChar not in sim.history


def test_empty_template_from_the_module(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.buffers[1] = b"\xff" * 512
    with pytest.raises(BadTemplate):
        module.upload_template(1)


@pytest.mark.parametrize("size", [498, 512, 768, 1536])
@pytest.mark.parametrize("packet_code", [0, 1, 2, 3])
def test_any_template_size_in_the_modules_packets(timing: Timing, size: int, packet_code: int) -> None:
    stop = threading.Event()
    with SimulatedModule(template_size=size) as sim:
        sim.parameters = Parameters(0, 0, 200, 3, 0xFFFFFFFF, packet_code, 57600)
        with FingerprintModule(DeviceUri.parse(sim.uri), timing=timing) as module:
            sim.press("one")
            module.capture(stop, 5, quiet)
            template = module.upload_template(1)
            assert template == Finger("one").template(size)
            module.download_template(template, 2)
            # Data packets are not acknowledged: the module may still be taking the last one in.
            wait_for(lambda: sim.buffers.get(2) == template, "the template in the module")


# A module that restarts, or has another address.


def test_restart_while_waiting_is_bridged(sim: SimulatedModule, timing: Timing, stop: threading.Event) -> None:
    sim.password = 7
    sim.restart()

    def react(_: Feedback) -> None:
        sim.restart()
        sim.press("one")

    with FingerprintModule(DeviceUri.parse(sim.uri), password=7, timing=timing) as module:
        assert module.finger_match(REFERENCE, stop, 5, react).matched
        assert sim.history.count(Instruction.VfyPwd) == 2


@pytest.mark.parametrize("operation", ["match", "upload_template"])
def test_restart_between_capture_and_match_is_no_result(
    sim: SimulatedModule, timing: Timing, stop: threading.Event, operation: str
) -> None:
    sim.password = 7
    sim.restart()
    sim.press("one")
    with FingerprintModule(DeviceUri.parse(sim.uri), password=7, timing=timing) as module:
        module.capture(stop, 5, quiet)
        sim.restart()
        with pytest.raises(DeviceGone, match="restarted"):
            getattr(module, operation)()
        assert module.finger_match(REFERENCE, stop, 5, quiet).matched


def test_answer_from_another_address_is_named(sim: SimulatedModule, module: FingerprintModule) -> None:
    foreign = Acknowledge(Confirmation.Ok, address=0x00000005).to_bytes()
    sim.faults.extend([lambda _: [(0.0, foreign)]] * 3)
    with pytest.raises(DeviceTimeout, match="address 00000005"):
        module.self_test()


def test_foreign_data_in_a_transfer_is_passed_over(sim: SimulatedModule, module: FingerprintModule) -> None:
    sim.buffers[1] = REFERENCE
    sim.faults.extend([CLEAN, garbage(Data(b"foreign", address=5).to_bytes())])
    assert module.upload_template(1) == REFERENCE
