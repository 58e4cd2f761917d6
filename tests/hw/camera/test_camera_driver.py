"""The camera through its real process: every fault a named error in bounded time, and what survives it."""

from __future__ import annotations

import itertools
import os
import signal
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from hw.camera.driver import Camera
from hw.camera.errors import CameraDark
from hw.camera.frame import Frame
from hw.camera.mode import Mode
from hw.camera.ring import SLOTS, Layout
from hw.camera.simulator import picture
from hw.errors import (
    BadDeviceUri,
    DeviceBusy,
    DeviceGone,
    DeviceMissing,
    DeviceProtocolError,
    DeviceTimeout,
    HardwareError,
)
from tests.hw.camera.support import BOUND_S, camera, drained, failure, sim


def test_frames_come_new_whole_and_stamped() -> None:
    with sim() as source:
        number = -1
        for _ in range(10):
            before_s = time.monotonic()
            frame = source.latest(number)
            assert frame.number > number
            assert before_s - 2 < frame.captured_at_s <= time.monotonic()
            np.testing.assert_array_equal(frame.image, picture(Mode(64, 48, 60), frame.number))
            number = frame.number


def test_a_frame_is_the_callers_own_and_shows_nobody_in_its_repr() -> None:
    with sim() as source:
        frame = source.latest()
        kept = frame.image.copy()
        source.latest(frame.number + 6)
        np.testing.assert_array_equal(frame.image, kept)
        frame.image[:] = 0
    assert frame.image.flags.c_contiguous
    assert frame.camera == source.uri.text
    assert "image" not in repr(frame)


def test_latest_without_an_argument_takes_what_is_there() -> None:
    with sim() as source:
        first = source.latest()
        assert source.latest().number >= first.number


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("block", DeviceTimeout, "no opening within"),
        ("spin", DeviceTimeout, "no opening within"),
        ("busy", DeviceBusy, "in use by another program"),
        ("gone", DeviceMissing, "No such device"),
        ("die", DeviceGone, "killed by SIGKILL"),
        ("raise", DeviceGone, "status 1"),
        ("flood", BadDeviceUri, "unknown fault 'flood'"),
    ],
)
def test_a_fault_while_opening(fault: str, error: type[HardwareError], words: str) -> None:
    source = sim(f"fault={fault}")
    told = failure(source.open)
    assert type(told) is error
    assert words in str(told)
    assert told.device == source.uri.text
    assert source.pid is None


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("block", DeviceTimeout, "no frame within"),
        ("spin", DeviceTimeout, "no frame within"),
        ("busy", DeviceBusy, "in use by another program"),
        ("gone", DeviceGone, "No such device"),
        ("black", CameraDark, "black for a second"),
        ("die", DeviceGone, "killed by SIGKILL"),
        ("raise", DeviceGone, "status 1"),
        ("huge", DeviceProtocolError, "does not fit"),
    ],
)
def test_a_fault_while_running(fault: str, error: type[HardwareError], words: str) -> None:
    with sim(f"fault={fault}&after_frames=5") as source:
        pid = source.pid
        told = drained(source)
        assert type(told) is error
        assert words in str(told)
        assert source.pid is None
        assert pid is not None
        assert not psutil.pid_exists(pid)
        again = failure(source.latest)
        assert (type(again), str(again)) == (error, str(told))


def test_a_process_killed_from_outside_is_gone() -> None:
    with sim() as source:
        source.latest()
        assert source.pid is not None
        os.kill(source.pid, signal.SIGKILL)
        assert type(drained(source)) is DeviceGone


def test_a_stopped_process_is_killed_although_it_cannot_answer() -> None:
    with sim() as source:
        source.latest()
        pid = source.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        assert type(drained(source)) is DeviceTimeout
        assert not psutil.pid_exists(pid)


def test_an_old_frame_is_never_delivered() -> None:
    with sim("fault=block&after_frames=3") as source:
        source.latest()
        time.sleep(2.0)
        assert type(failure(lambda: source.latest(-1))) is DeviceTimeout


def scribble(source: Camera, header: bytes) -> None:
    """Write ``header`` over every slot, as a capture process gone wild would."""
    layout = Layout(SLOTS, 64 * 48 * 3)
    open_files = Path(f"/proc/{source.pid}/fd").iterdir()
    memory = next(fd for fd in open_files if "vernix-camera" in str(fd.readlink()))
    with memory.open("r+b", buffering=0) as file:
        for slot in range(SLOTS):
            os.pwrite(file.fileno(), header, layout.offset(slot))


@pytest.mark.parametrize(
    ("captured_ns", "stride", "words"), [(0, 0, "header says"), (2**63, 192, "capture time lies in the future")]
)
def test_a_process_gone_wild_is_a_protocol_error(captured_ns: int, stride: int, words: str) -> None:
    with camera("sim:camera?width=64&height=48&fps=1") as source:
        number = source.latest().number
        stamp_ns = captured_ns or time.monotonic_ns()
        scribble(source, struct.pack("<QQIII4s", number + 9, stamp_ns, 64, 48, stride, b"BGR3"))
        told = failure(lambda: source.latest(number))
    assert type(told) is DeviceProtocolError
    assert words in str(told)


def test_impatience_does_not_kill_the_camera() -> None:
    with camera("sim:camera?width=64&height=48&fps=2") as source:
        frame = source.latest()
        told = failure(lambda: source.latest(frame.number, timeout_s=0.05))
        assert "no frame above number" in str(told)
        assert source.latest(frame.number).number > frame.number


def test_restart_gives_a_new_process_and_numbers_go_on() -> None:
    with sim() as source:
        before, pid = source.latest().number, source.pid
        source.restart()
        assert source.pid != pid
        assert source.latest(before).number > before


def test_restart_after_a_failure() -> None:
    with sim("fault=die&after_frames=3") as source:
        drained(source)
        source.restart()
        assert source.latest().number > 0


def test_wrong_order_is_our_own_mistake() -> None:
    source = sim()
    with pytest.raises(RuntimeError, match="open the camera first"):
        source.latest()
    with source, pytest.raises(RuntimeError, match="open already"):
        source.open()


def test_after_close_the_camera_is_gone_and_can_be_opened_again() -> None:
    source = sim()
    source.open()
    source.close()
    source.close()
    assert type(failure(source.latest)) is DeviceGone
    with source:
        assert source.latest().number >= 1


def test_close_ends_a_latest_that_waits_in_another_thread() -> None:
    source = camera("sim:camera?width=64&height=48&fps=1")
    source.open()
    number, told = source.latest().number, []

    def wait() -> None:
        told.append(failure(lambda: source.latest(number + 100, timeout_s=60)))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    source.close()
    thread.join(BOUND_S)
    assert [type(error) for error in told] == [DeviceGone]


def test_two_threads_share_a_camera() -> None:
    with sim() as source:
        numbers: list[list[int]] = [[], []]

        def follow(into: list[int]) -> None:
            for _ in range(20):
                into.append(source.latest(into[-1] if into else -1).number)

        threads = [threading.Thread(target=follow, args=(into,)) for into in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * BOUND_S)
    assert all(len(seen) == 20 and seen == sorted(set(seen)) for seen in numbers)


def test_a_thread_that_waits_longer_than_it_may_for_another_is_told() -> None:
    with camera("sim:camera?width=64&height=48&fps=1") as source:
        number = source.latest().number
        thread = threading.Thread(target=lambda: failure(lambda: source.latest(number + 100, timeout_s=1.5)))
        thread.start()
        time.sleep(0.1)
        assert "another thread" in str(failure(lambda: source.latest(timeout_s=0.05)))
        thread.join(BOUND_S)


def test_the_camera_outlives_the_thread_that_opened_it() -> None:
    source = sim()
    thread = threading.Thread(target=source.open)
    thread.start()
    thread.join(2 * BOUND_S)
    number = source.latest().number
    assert source.latest(number + 5).number > number + 5
    source.close()


def test_no_camera_configured_is_missing_on_use() -> None:
    with camera("none:") as source:
        assert "no camera is configured" in str(failure(source.latest))
        assert type(next(source.frames(threading.Event()))) is DeviceMissing
        assert source.pid is None


@pytest.mark.parametrize("text", ["serial:///dev/ttyUSB0", "picamera:0?fsp=3", "sim:camera?fsp=3", "sim:camera?fps=0"])
def test_a_bad_uri_is_told_before_anything_starts(text: str) -> None:
    with pytest.raises(BadDeviceUri):
        camera(text)


def test_picamera_runs_under_the_systems_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.camera.driver.SYSTEM_PYTHON", "/nowhere/system/python3")
    assert "cannot start /nowhere/system/python3" in str(failure(camera("picamera:0").open))
    assert "/nowhere/other" in str(failure(camera("picamera:0", interpreter="/nowhere/other").open))


def test_a_missing_interpreter_is_named() -> None:
    told = failure(camera("sim:camera", interpreter="/nowhere/python3").open)
    assert type(told) is DeviceMissing
    assert "/nowhere/python3" in str(told)


def test_an_interpreter_without_the_library_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "python-without-packages"
    bare.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    told = failure(camera("sim:camera", interpreter=str(bare)).open)
    assert type(told) is DeviceMissing
    assert "No module named 'numpy'" in str(told)


def test_an_interpreter_that_fails_is_gone() -> None:
    assert "status 1" in str(failure(camera("sim:camera", interpreter="/bin/false").open))


def test_an_interpreter_that_says_nonsense_is_a_protocol_error(tmp_path: Path) -> None:
    wild = tmp_path / "wild"
    wild.write_text("#!/bin/sh\necho nonsense > /proc/self/fd/$8\nexec sleep 60\n")
    wild.chmod(0o755)
    assert type(failure(camera("sim:camera", interpreter=str(wild)).open)) is DeviceProtocolError


def test_frames_goes_on_after_a_failure_and_ends_when_told() -> None:
    stop = threading.Event()
    with sim("fault=die&after_frames=3") as source:
        seen = list(itertools.islice(source.frames(stop), 9))
        stop.set()
        assert list(source.frames(stop)) == []
    kinds = [type(item) for item in seen]
    assert kinds.count(DeviceGone) >= 1
    numbers = [item.number for item in seen if isinstance(item, Frame)]
    assert numbers == sorted(set(numbers))
    assert kinds[-1] is Frame or kinds[-2] is Frame


def test_frames_stops_between_two_frames() -> None:
    stop = threading.Event()
    with camera("sim:camera?width=64&height=48&fps=1") as source:
        found = source.frames(stop)
        next(found)
        threading.Timer(0.05, stop.set).start()
        began_s = time.monotonic()
        assert len(list(found)) <= 1
        assert time.monotonic() - began_s < BOUND_S


def test_frames_does_not_repeat_a_hopeless_attempt() -> None:
    with pytest.raises(BadDeviceUri):
        next(sim("fault=flood").frames(threading.Event()))
