"""What is left when processes are killed: nothing, neither process nor memory nor descriptor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hw.camera.driver import Camera
from hw.errors import HardwareError
from hw.uri import DeviceUri

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import sys, threading
sys.path.append(sys.argv[1])
from hw.camera.driver import Camera
from hw.uri import DeviceUri
camera = Camera(DeviceUri.parse(sys.argv[2]))
opening = threading.Thread(target=camera.open, daemon=True)
opening.start()
while camera.pid is None: pass
if "blocks" not in sys.argv:
    opening.join()
    camera.latest()
print(camera.pid, flush=True)
threading.Event().wait()
"""


def alive(pid: int) -> bool:
    """Whether ``pid`` still runs; a zombie that nobody reaped has given everything back."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 5
    while not condition() and time.monotonic() < until_s:
        time.sleep(0.01)
    return condition()


def maps(label: str) -> list[int]:
    """Processes that map memory of this label."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if label in (process / "maps").read_text():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


@pytest.mark.parametrize("fault", ["none", "block", "spin"])
def test_a_killed_parent_takes_everything_with_it(fault: str) -> None:
    uri = f"sim:camera?fault={fault}&after_frames=3"
    command = [sys.executable, "-c", PARENT, str(ROOT), uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        label = f"memfd:vernix-camera-{parent.pid}"
        assert sorted(maps(label)) == sorted([parent.pid, child])
        parent.kill()
    assert eventually(lambda: not alive(child))
    assert maps(label) == []


def test_a_parent_killed_while_the_child_starts_takes_it_along() -> None:
    command = [sys.executable, "-c", PARENT, str(ROOT), "sim:camera?fault=spin", "blocks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert eventually(lambda: not alive(child))


def test_shared_memory_has_no_name_anywhere() -> None:
    with Camera(DeviceUri.parse("sim:camera")) as camera:
        camera.latest()
        assert not list(Path("/dev/shm").glob("*vernix-camera*"))
        assert camera.pid in maps(f"memfd:vernix-camera-{os.getpid()}")
    assert maps(f"memfd:vernix-camera-{os.getpid()}") == []


def test_no_descriptor_or_process_is_left_however_it_ended() -> None:
    own = psutil.Process()
    before, children = own.num_fds(), {child.pid for child in own.children()}
    for options in ("", "&fault=die&after_frames=1", "&fault=busy", "&fault=block&after_frames=1"):
        camera = Camera(DeviceUri.parse(f"sim:camera?width=64&height=48&fps=60{options}"))
        try:
            with camera:
                for _ in range(3):
                    camera.latest(camera.latest().number)
        except HardwareError:
            continue
    with pytest.raises(HardwareError):
        Camera(DeviceUri.parse("sim:camera"), interpreter="/nowhere/python3").open()
    assert own.num_fds() == before
    assert {child.pid for child in own.children()} <= children


def test_the_child_ignores_the_consoles_interrupt() -> None:
    with Camera(DeviceUri.parse("sim:camera")) as camera:
        assert camera.pid is not None
        assert os.getpgid(camera.pid) != os.getpgid(0)
        assert os.getpgid(camera.pid) == camera.pid
        number = camera.latest().number
        os.kill(camera.pid, signal.SIGCONT)
        assert camera.latest(number).number > number
