"""The firmware itself, on MicroPython's Unix port, behind a pseudo-terminal like any simulated device.

``python -m tests.firmware.real_firmware`` runs it alone and prints its URI, for the demo or a bench.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from hw.coprocessor.numbers import RingPattern
from hw.coprocessor.simulated_light import Light
from hw.pty_device import PtyDevice
from tests.firmware.micropython import FIRMWARE, HEAP_BYTES, HERE, command, environment

LOCK, PI_CUT, EMERGENCY, TAMPER, DOOR = 2, 3, 4, 5, 6
START_S = 15.0

Noise = Callable[[bytes], bytes]
FULL = 160
"""The ring's full single colour (firmware/coprocessor/lights.py)."""


class RealFirmware(PtyDevice):
    """The firmware in a process of its own. ``levels`` has the pins' levels, ``told`` every line it printed; ``light``
    is told the ring's colour, 0 to 1.

    ``firmware`` is the folder of its modules, compiled or not. ``to_host`` and ``to_device`` may damage what travels.
    ``flash`` is the file that holds its flash and stays through :meth:`kill`;
    ``scratch`` holds the watchdog's scratch register. ``limits``: milliseconds of the
    firmware's ``Limits`` other than the real ones.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes | None = None,
        limits: Mapping[str, int] | None = None,
        firmware: Path = FIRMWARE,
        file_system: int = 1376256,
    ) -> None:
        self.flash = folder / "flash"
        self.scratch = folder / "scratch"
        self.firmware = firmware
        self.home = folder / "files"
        self.home.mkdir(exist_ok=True)
        if key is not None:
            (self.home / "event.key").write_text(key.hex(), encoding="ascii")
        self.file_system = file_system
        self.service = False
        self.heap_bytes = HEAP_BYTES
        self.limits = dict(limits or {})
        self.levels: dict[int, int] = {}
        self.told: list[str] = []
        self.light: Light = lambda _: None
        self.to_host: Noise = bytes
        self.to_device: Noise = bytes
        self._process: subprocess.Popen[str] | None = None
        self._wire: int | None = None
        self._threads: list[threading.Thread] = []
        super().__init__("firmware")
        self.start()

    def start(self, *, watchdog: bool = False, wait: bool = True) -> None:
        """Power on, or the reset of its watchdog."""
        master, slave = os.openpty()
        tty.setraw(slave)
        settings = termios.tcgetattr(slave)
        settings[6][termios.VMIN] = settings[6][termios.VTIME] = 0
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        self.told.clear()
        extra = {
            "STAND_IN_UART": os.ttyname(slave),
            "STAND_IN_FLASH": str(self.flash),
            "STAND_IN_FILES": str(self.file_system),
            "STAND_IN_RESET": "3" if watchdog else "1",
            "STAND_IN_SCRATCH": str(self.scratch),
        }
        if not watchdog:
            self.scratch.unlink(missing_ok=True)
        if self.service:
            extra["STAND_IN_SERVICE"] = "1"
        limits = [f"{name}={value}" for name, value in self.limits.items()]
        self._process = subprocess.Popen(
            command(HERE / "run_firmware.py", *limits, heap_bytes=self.heap_bytes),
            env=environment(extra, self.firmware),
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._wire = master
        self._threads = [
            threading.Thread(target=self._listen, args=(self._process.stdout,), name="firmware-out", daemon=True),
            threading.Thread(target=self._carry, args=(master, self._process), name="firmware-wire", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            if wait:
                self.wait(lambda: "watchdog 2000" in self.told, "the firmware does not start")
        finally:
            os.close(slave)

    def kill(self) -> None:
        """Cut its power, wherever it is."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def stop(self) -> int:
        """End it in order; how many bytes of its heap were in use."""
        self._say("stop")
        self.wait(lambda: any(line.startswith("heap") for line in self.told), "the firmware does not stop")
        self._end()
        return int(next(line for line in self.told if line.startswith("heap")).split()[1])

    def close(self) -> None:
        """Stop everything."""
        self.kill()
        super().close()

    def pin(self, number: int, level: int) -> None:
        """Drive an input: 1 is a contact that has opened."""
        self._say(f"pin {number} {level}")

    def press_emergency(self) -> None:
        """Press the emergency button and let go."""
        self.pin(EMERGENCY, 1)
        self.pin(EMERGENCY, 0)

    def tamper(self, opened: bool) -> None:
        """Open or close the housing."""
        self.pin(TAMPER, int(opened))

    def door(self, opened: bool) -> None:
        """Open or close the door."""
        self.pin(DOOR, int(opened))

    def restart(self) -> None:
        """A reset by its watchdog, at any instruction."""
        self.kill()
        self.start(watchdog=True)

    @property
    def locked(self) -> bool:
        """Whether the lock's pin is high. A dead processor drives no pin."""
        return self.alive and self.levels.get(LOCK, 0) == 1

    @property
    def powered(self) -> bool:
        """Whether the Pi has its power."""
        return not self.alive or self.levels.get(PI_CUT, 0) == 0

    @property
    def alive(self) -> bool:
        """Whether the processor runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self, condition: Callable[[], bool], otherwise: str, timeout_s: float = START_S) -> None:
        """Wait until ``condition`` holds. Raises AssertionError with what the firmware said."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end_s, f"{otherwise}: {self.told[-20:]}"
            time.sleep(0.005)

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        data = self.to_device(data)
        if self._wire is not None and data:
            os.write(self._wire, data)

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            if not line.endswith("\n"):
                break  # its power was cut while it said this
            words = line.split()
            if words[:1] == ["out"]:
                self.levels[int(words[1])] = int(words[2])
            elif words[:1] == ["ring"]:
                red, green, blue = (int(word) / FULL for word in words[1:])
                self.light((red, green, blue))
            self.told.append(line.strip())
            if len(self.told) > 20000:
                del self.told[:10000]

    def _carry(self, master: int, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            ready, _, _ = select.select([master], [], [], 0.05)
            if ready:
                try:
                    data = self.to_host(os.read(master, 4096))
                except OSError:  # the other end is closed: the process has ended
                    return
                if data:
                    self.answer(data)

    def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.wait(timeout=10)
        for thread in self._threads:
            thread.join(timeout=5)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self.levels.clear()
        wire, self._wire = self._wire, None
        if wire is not None:
            os.close(wire)


def main() -> int:
    """Run the firmware alone; lines on standard input go to it (``pin 4 1``: emergency, 5 tamper, 6 door)."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "firmware-state")
    folder.mkdir(exist_ok=True)
    with RealFirmware(folder, key=bytes.fromhex(sys.argv[2]) if len(sys.argv) > 2 else None) as firmware:
        sys.stdout.write(f"{firmware.uri}\n{len(RingPattern)} ring patterns; pin NUMBER LEVEL, or an end of input\n")
        sys.stdout.flush()
        for line in sys.stdin:
            firmware._say(line.strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
