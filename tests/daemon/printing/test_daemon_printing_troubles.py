"""What printers and configurations do wrong: named, bounded in time, and never the unit's end."""

from __future__ import annotations

import http.client
import resource
import socket
import ssl
import threading
import time

import pytest

from daemon.config import load
from daemon.demo.ports import free_port
from daemon.printing.ipp import Operation
from daemon.printing.line import Line
from daemon.printing.printer import BadPrinterUri, Printer, PrinterGone
from daemon.printing.setting import CannotSet, set_aside
from daemon.printing.spool import Paper
from evidence.forms.sheet import Sheet
from evidence.tree import TreeError
from tests.daemon.printing.printers import answered, number, scripted_printer
from tests.daemon.printing.support import SHEETS, becomes, running, small
from tests.daemon.support import Home
from tests.support.brokers import wait_for

TAKEN = answered(0, number(b"job-id", 7))
BUSY = answered(0x0507)
COMPLETED = answered(0, number(b"job-state", 9))
PROCESSING = answered(0, number(b"job-state", 5))
FORGOTTEN = answered(0x0406)


@pytest.mark.parametrize(
    "uri",
    [
        *("http://p/ipp", "ipp://", "ipp://p", "ipp://p/", "ipp://p:x/ipp", "ipp://me:pin@p/ipp", "ipp://[::1/ipp"),
        *("ipp://printer..internal/ipp/print", f"ipp://{'a' * 64}.internal/ipp/print"),
        *("ipp://p/printers/my printer", "ipp://p/ipp ", "ipp://p/ipp\n", "ipp://p/a#b", "ipp://p/a?b"),
        f"ipp://p/{'产' * 200}",
    ],
)
def test_uri_that_names_no_printer_is_refused(uri: str) -> None:
    with pytest.raises(BadPrinterUri):
        Printer(uri)


def test_configuration_names_the_key_and_what_to_write(home: Home) -> None:
    home.edit("[devices]", '[printing]\nuri = "ipp://printer.internal/printers/my printer"\n\n[devices]')
    with pytest.raises(TreeError, match=r"printing.uri: .*%20"):
        load(home.toml)


@pytest.mark.parametrize(
    ("uri", "wire"),
    [
        ("ipp://p/printers/产科", "ipp://p/printers/%E4%BA%A7%E7%A7%91"),
        ("ipp://p/printers/my%20printer", "ipp://p/printers/my%20printer"),
        ("ipps://[::1]:8631/ipp/print", "ipps://[::1]:8631/ipp/print"),
    ],
)
def test_uri_goes_over_the_wire_in_ascii(uri: str, wire: str) -> None:
    assert Printer(uri).uri == wire


def test_printer_with_a_chinese_name_is_reached() -> None:
    with pytest.raises(PrinterGone, match="ConnectionRefused"):
        Printer(f"ipp://localhost:{free_port()}/printers/产科打印机").status()


def test_whatever_a_form_fails_with_the_next_one_is_printed() -> None:
    failing = [CannotSet("no fonts"), KeyError("a fault of ours"), UnicodeError("label empty or too long")]

    def sets(sheet: Sheet, over: threading.Event) -> bytes:
        if failing:
            raise failing.pop()
        return small(sheet, over)

    script: dict[Operation, bytes | None] = {Operation.PRINT_JOB: TAKEN, Operation.GET_JOB_ATTRIBUTES: COMPLETED}
    with scripted_printer(script) as printer, running(printer.uri, sets) as spool:
        for check in ("first", "second", "third"):
            spool.want(check, [SHEETS["jiangxi"]])
            becomes(spool, Paper.UNUSABLE)
            assert not spool.holds
        spool.want("fourth", [SHEETS["jiangxi"]])
        becomes(spool, Paper.PRINTED)


def test_unit_without_a_handle_left_cannot_set_a_form_and_goes_on() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(CannotSet, match="OSError"):
            set_aside(SHEETS["jiangxi"], threading.Event())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_setting_ends_when_the_form_is_no_longer_wanted() -> None:
    over = threading.Event()
    over.set()
    with pytest.raises(CannotSet, match="no longer wanted"):
        set_aside(SHEETS["jiangxi"], over)


# --- held no longer than said ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drips", "ends"), [(Operation.GET_PRINTER_ATTRIBUTES, Paper.DROPPED), (Operation.PRINT_JOB, Paper.UNKNOWN)]
)
def test_printer_that_drips_keeps_nothing_of_hers_here(drips: Operation, ends: Paper) -> None:
    with scripted_printer({drips: None}) as printer, running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        wait_for(lambda: drips in printer.asked, "the drip", 30)
        held, began_s = spool.holds, time.monotonic()
        assert held
        spool.end_by(0.3)
        becomes(spool, ends)
        assert not spool.holds
        assert printer.hung_up.wait(30)
        assert time.monotonic() - began_s < 4  # it does not wait for the exchange's own end
        assert printer.asked.count(drips) == 1


def test_exchange_ends_in_time_however_it_drips() -> None:
    with scripted_printer({Operation.GET_PRINTER_ATTRIBUTES: None}) as printer:
        ends_in_time(Line("127.0.0.1", printer.port, exchange_s=0.5))


def test_exchange_ends_in_time_when_nobody_speaks_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ends_in_time(Line("127.0.0.1", silent.getsockname()[1], ssl.create_default_context(), exchange_s=0.5))


def ends_in_time(line: Line) -> None:
    began_s = time.monotonic()
    with pytest.raises((OSError, http.client.HTTPException)):
        line.post("/", "application/ipp", lambda: b"\x01\x01\x00\x0b")
    assert time.monotonic() - began_s < 4


# --- what became of it is not known ----------------------------------------------------------------------------------


def test_form_that_may_have_come_out_is_not_handed_over_once_more() -> None:
    with scripted_printer({Operation.PRINT_JOB: None}) as printer, running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        wait_for(lambda: Operation.PRINT_JOB in printer.asked, "the form", 30)
        spool.printer.hang_up()  # as the exchange's end would
        becomes(spool, Paper.UNKNOWN)
        assert not spool.holds
        assert printer.asked.count(Operation.PRINT_JOB) == 1


def test_job_that_the_printer_has_forgotten_may_or_may_not_have_come_out() -> None:
    script: dict[Operation, bytes | None] = {Operation.PRINT_JOB: TAKEN, Operation.GET_JOB_ATTRIBUTES: FORGOTTEN}
    with scripted_printer(script) as printer, running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.UNKNOWN)


def test_busy_printer_is_waited_for() -> None:
    script: dict[Operation, bytes | None] = {Operation.PRINT_JOB: BUSY, Operation.GET_JOB_ATTRIBUTES: COMPLETED}
    with scripted_printer(script) as printer, running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        wait_for(lambda: printer.asked.count(Operation.PRINT_JOB) == 2, "a second try", 30)
        assert spool.state is Paper.WAITING
        printer.script[Operation.PRINT_JOB] = TAKEN
        becomes(spool, Paper.PRINTED)


def test_next_womans_form_goes_out_while_the_last_one_still_prints() -> None:
    script: dict[Operation, bytes | None] = {Operation.PRINT_JOB: TAKEN, Operation.GET_JOB_ATTRIBUTES: PROCESSING}
    with scripted_printer(script) as printer, running(printer.uri, small) as spool:
        spool.want("first", [SHEETS["jiangxi"], SHEETS["slip_family"]])
        becomes(spool, Paper.PRINTING)
        spool.end_by(0.1)
        wait_for(lambda: not spool.holds, "her second sheet to be dropped", 30)
        spool.want("next", [SHEETS["jiangxi"]])
        becomes(spool, Paper.PRINTING)
        assert printer.asked.count(Operation.PRINT_JOB) == 2
        printer.script[Operation.GET_JOB_ATTRIBUTES] = COMPLETED
        becomes(spool, Paper.PRINTED)
        wait_for(lambda: spool.stands("first") is Paper.DROPPED, "what is left of the first", 30)
