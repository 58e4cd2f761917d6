"""A command whose gateway dies before the broker has acknowledged it goes out again, and is obeyed once."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import command
from tests.delivery.cli import make_broker, make_site, working_folder
from tests.delivery.packets import Publish
from tests.delivery.proxy import LyingLine
from tests.delivery.stage import PATIENCE_S, Case, Hospital, opened, receipted
from tests.support import ROOT
from tests.support.brokers import wait_for
from tests.support.programs import FindProgram

RECORDS = 10
HURRY = 30.0
"""The unit says how it is each 2 s instead of each minute; what shows is whether the command comes, not when."""


@pytest.fixture
def hospital(program: FindProgram) -> Iterator[Hospital]:
    program("mosquitto")
    with working_folder() as folder, opened(make_broker("mosquitto", make_site(folder / "site"))) as made:
        yield made


class GatewayProcess:
    """``vernix-gateway`` on the site's files, its broker at the end of ``line``."""

    def __init__(self, hospital: Hospital, line: LyingLine) -> None:
        made = hospital.site.folder / "gateway/gateway.toml"
        self.toml = made.with_name("by-line.toml")
        self.toml.write_text(re.sub(r"(?m)^port = \d+$", f"port = {line.port}", made.read_text()))
        self._command = [sys.executable, "-m", "gateway.cli", "--config", str(self.toml)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([*self._command, "run"], cwd=ROOT, stderr=subprocess.DEVNULL)

    def resend(self, unit: str, last: int) -> None:
        """As an operator asks for it."""
        done = subprocess.run([*self._command, "resend", unit, "1", str(last)], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(20)
            self._process = None


@pytest.mark.parametrize("arrived", [False, True], ids=["not_arrived", "arrived"])
def test_killed_before_the_puback(hospital: Hospital, tmp_path: Path, *, arrived: bool) -> None:
    """The broker never had the command, or had it and its PUBACK did not come through, nor the health that shows it."""
    sent: list[Publish] = []
    unheard = threading.Event()

    def note(message: Publish) -> bool:
        if message.topic.endswith("/record"):
            sent.append(message)
        return unheard.is_set() and message.topic.endswith("/health")

    with Case(hospital, RECORDS, HURRY, tmp_path) as case:
        line = case.lying_line(hospital.site.folder / "gateway")
        gateway = GatewayProcess(hospital, line)
        unit_line = case.lying_line(case.folder)
        unit_line.forget = note
        try:
            gateway.start()
            unit = case.unit(unit_line)
            unit.append(RECORDS)
            receipted(case, unit)
            before = len(sent)

            line.keep_pubacks = True
            unheard.set()
            line.forget = lambda message: message.topic.endswith("/command") and not arrived
            gateway.resend(case.name, RECORDS)
            if arrived:
                wait_for(lambda: len(sent) >= before + RECORDS, "the command to be obeyed", PATIENCE_S)
            else:
                wait_for(lambda: bool(line.forgotten), "the command on its way", PATIENCE_S)
            gateway.kill()
            assert [one.unit for one in command.waiting(hospital.store)] == [case.name]

            line.keep_pubacks, line.forget = False, lambda _: False
            unheard.clear()
            gateway.start()
            wait_for(lambda: not list(command.waiting(hospital.store)), "the command to be cleared away", PATIENCE_S)
            wait_for(lambda: len(sent) >= before + RECORDS, "the command to be obeyed", PATIENCE_S)
            receipted(case, unit)
        finally:
            gateway.kill()
        assert case.judge().sound
