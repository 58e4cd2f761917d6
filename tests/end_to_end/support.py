"""The demo's stage on other brokers, and a look at what a program leaves behind."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from daemon.demo.scenarios import Act
from daemon.demo.stage import UNIT, MakeBroker, Stage
from tests.provisioning.mosquitto import running


def silent(_text: str) -> None:
    """Says nothing of what the stage does."""


class SiteMosquitto:
    """mosquitto, MQTT 5, on the configuration and access rules that ``vernix-provision site init`` wrote."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self.program, self.folder, self.port = program, folder, port
        self._open: ExitStack | None = None

    def start(self) -> None:
        if self._open is None:
            self._open = ExitStack()
            self._open.enter_context(running(self.program, self.folder, self.port))

    def stop(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    def kill(self) -> None:
        for process in psutil.Process().children():
            if process.name() == "mosquitto" and str(process.cwd()) == str(self.folder):
                process.kill()
        self.stop()

    @classmethod
    def maker(cls, program: Path) -> MakeBroker:
        """What the stage wants."""
        return lambda folder, port: cls(program, folder, port)


class NoBroker:
    """A hospital without a network: the broker's port stays shut."""

    def __init__(self, _folder: Path, _port: int) -> None:
        pass

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...


def act(stage: Stage, visit: str = "V-0001") -> Act:
    """Somebody who plays a scenario."""
    return Act(stage, silent, visit)


def all_receipted(stage: Stage, within_s: float = 60.0) -> None:
    """Wait until nothing waits any longer."""
    stage.screen.wait("all receipts", lambda view: view["online"] and not view["waiting"], within_s)


def check_rows(stage: Stage) -> list[dict[str, Any]]:
    """The check records that the gateway has verified."""
    rows = stage.gateway("list", "--json", "--limit", "-1", "--unit", UNIT)
    return [row for row in rows if row["kind"] == "check" and row["chained"]]


@dataclass(frozen=True, slots=True)
class Mark:
    """Marks a program and all its descendants by an environment variable, and their temporary files by a folder."""

    folder: Path
    word: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environment(self) -> dict[str, str]:
        """For the program to be started with."""
        return {**os.environ, "VERNIX_TEST_MARK": self.word, "TMPDIR": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def processes(self) -> list[psutil.Process]:
        """What of it is still running."""
        return [process for process in psutil.process_iter() if self._is_marked(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            running = process.status() != psutil.STATUS_ZOMBIE
            return running and process.environ().get("VERNIX_TEST_MARK") == self.word
        except psutil.Error:
            return False

    def left(self) -> list[str]:
        """What it left behind: processes and temporary files. Empty, if all is well."""
        return [*(str(one) for one in self.processes()), *(str(one) for one in self.folder.iterdir())]

    def end_all(self) -> None:
        """Kill what is left, so that a test that failed leaves nothing."""
        for process in self.processes():
            process.kill()


def eventually_nothing(left: Callable[[], list[str]]) -> list[str]:
    """What is left when everything had time to go."""
    deadline = time.monotonic() + 30
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
