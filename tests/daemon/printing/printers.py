"""A real IPP printer: CUPS' ``ippeveprinter``, with paper that can run out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.printing.printer import Printer, PrinterGone
from tests.support.brokers import free_port, wait_for
from tests.support.programs import FindProgram

_ENGINE = """\
#!/bin/sh
# What ippeveprinter runs for a document: waits for paper, then prints it into a folder.
while [ -e '{folder}/empty' ]; do echo 'STATE: +media-empty-error' >&2; sleep 0.1; done
echo 'STATE: -media-empty-error' >&2
cp "$1" "{folder}/printed/$(ls '{folder}/printed' | wc -l).pdf"
"""
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


@dataclass(slots=True)
class RealPrinter:
    """The printer, its paper tray and what came out of it."""

    folder: Path
    command: list[str]
    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"ipp://localhost:{self.port}/ipp/print"

    @property
    def printed(self) -> list[bytes]:
        """Documents that came out, in order."""
        return [path.read_bytes() for path in sorted((self.folder / "printed").iterdir())]

    def take_paper_out(self) -> None:
        (self.folder / "empty").touch()

    def add_paper(self) -> None:
        (self.folder / "empty").unlink(missing_ok=True)

    def switch_on(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        wait_for(self._answers, "ippeveprinter", 30)

    def switch_off(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text("utf-8", "replace")[-500:]
        try:
            return Printer(self.uri).status().accepts
        except PrinterGone:
            return False


@contextmanager
def real_printer(program: FindProgram, folder: Path, formats: str = "application/pdf") -> Iterator[RealPrinter]:
    """A printer that is on. It wants D-Bus even when it announces nothing; this one is its own."""
    with ExitStack() as stack:
        for name in ("printed", "spool", "keys"):
            (folder / name).mkdir(parents=True)
        engine = folder / "engine"
        engine.write_text(_ENGINE.format(folder=folder))
        engine.chmod(0o755)
        (folder / "bus.conf").write_text(_BUS.format(socket=folder / "bus"))
        bus = [str(program("dbus-daemon")), f"--config-file={folder / 'bus.conf'}", "--nofork"]
        stack.callback(_end, subprocess.Popen(bus, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for((folder / "bus").exists, "D-Bus", 30)
        port = free_port()
        options = ["--no-web-forms", "-r", "off", "-n", "localhost", "-p", str(port), "-f", formats]
        options += ["-c", str(engine), "-d", str(folder / "spool"), "-K", str(folder / "keys"), "test"]
        environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'bus'}"}
        printer = RealPrinter(folder, [str(program("ippeveprinter")), *options], environment, port)
        stack.callback(printer.switch_off)
        printer.switch_on()
        yield printer


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
