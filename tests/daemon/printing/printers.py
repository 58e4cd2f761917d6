"""Printers: CUPS' ``ippeveprinter``, with paper that can run out; and one that answers what a test wants."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from daemon.demo.ports import free_port
from daemon.printing.ipp import Operation
from daemon.printing.printer import Printer, PrinterGone
from tests.support.brokers import wait_for
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
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, "ippeveprinter", 30)

    def switch_off(self) -> None:
        """At the plug: what is half printed does not come out."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
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


# --- one that answers what a test wants ------------------------------------------------------------------------------


def answered(status: int, attributes: bytes = b"") -> bytes:
    """An answer of IPP 1.1."""
    return b"\x01\x01" + status.to_bytes(2) + b"\0\0\0\x01\x02" + attributes + b"\x03"


def number(name: bytes, value: int) -> bytes:
    """An integer among an answer's attributes."""
    return b"\x21" + len(name).to_bytes(2) + name + b"\x00\x04" + value.to_bytes(4)


@dataclass(slots=True)
class ScriptedPrinter:
    """Ready until its ``script`` says otherwise; an answer of None drips for as long as anybody listens.

    Attributes:
        asked: operations in order.
        hung_up: set when whoever listened to a drip hung up.
    """

    script: dict[Operation, bytes | None] = field(default_factory=dict)
    asked: list[Operation] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def uri(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"


@contextmanager
def scripted_printer(script: dict[Operation, bytes | None]) -> Iterator[ScriptedPrinter]:
    printer = ScriptedPrinter({Operation.GET_PRINTER_ATTRIBUTES: answered(0, number(b"printer-state", 3)), **script})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = Operation(int.from_bytes(body[2:4]))
            printer.asked.append(operation)
            answer = printer.script[operation]
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 19 if answer is None else len(answer)))
            self.end_headers()
            if answer is not None:
                self.wfile.write(answer)
                return
            with contextlib.suppress(OSError):
                while not stopped.wait(0.1):
                    self.wfile.write(b"\x01")
            printer.hung_up.set()

        def log_message(self, *_: object) -> None:
            """Not on the test's output."""

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    printer.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield printer
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
