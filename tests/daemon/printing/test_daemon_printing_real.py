"""The spool against a real IPP printer: printed, out of paper, gone, over TLS; and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config import Printing
from daemon.demo.ports import free_port
from daemon.printing.ipp import JobState
from daemon.printing.printer import JobForgotten, Printer, PrinterRefuses, PrintJob
from daemon.printing.spool import Paper
from daemon.selftest import TESTS, Failed
from tests.daemon.printing.printers import RealPrinter
from tests.daemon.printing.support import PDF, SHEETS, becomes, running, small
from tests.daemon.support import Home
from tests.evidence.forms.pictures import text_of
from tests.support.brokers import wait_for


def test_forms_come_out_in_order_and_nothing_is_kept(printer: RealPrinter) -> None:
    before = len(printer.printed)
    with running(printer.uri) as spool:
        spool.want("check", [SHEETS["jiangxi"], SHEETS["slip_family"]])
        becomes(spool, Paper.PRINTED)
        assert not spool.holds
    first, second = printer.printed[before:]
    assert "江西省母婴保健服务对象身份核验确认单" in text_of(first)
    assert "致家属" in text_of(second)


def test_out_of_paper_is_named_and_goes_on_by_itself(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.take_paper_out()
    with running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.PAPER_OUT)
        held = spool.holds
        assert not held  # the printer has it
        spool.want("next", [SHEETS["jiangxi"]])
        becomes(spool, Paper.WAITING)
        becomes(spool, Paper.PAPER_OUT)
        held = spool.holds
        assert held  # no printer without paper is given a second one
        assert spool.stands("check") is Paper.PAPER_OUT
        assert len(printer.printed) == before
        printer.add_paper()
        becomes(spool, Paper.PRINTED)
        assert spool.stands("check") is Paper.PRINTED
    assert printer.printed[before:] == [PDF, PDF]


def test_printer_that_is_gone_holds_nobody_up_and_is_tried_again(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.switch_off()
    with running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.GONE)
        printer.switch_on()
        becomes(spool, Paper.PRINTED)
    assert len(printer.printed) == before + 1


def test_printer_that_dies_in_the_middle_is_not_said_to_have_printed(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.take_paper_out()
    with running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.PAPER_OUT)
        assert not spool.holds  # it has taken it
        printer.switch_off()
        becomes(spool, Paper.GONE)
        printer.add_paper()
        printer.switch_on()
        becomes(spool, Paper.UNKNOWN)
        assert not spool.is_under_way("check")
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.PRINTED)
    assert len(printer.printed) == before + 1


def test_number_that_was_given_to_another_job_tells_nothing_of_ours(printer: RealPrinter) -> None:
    asked = Printer(printer.uri)
    job = asked.print_pdf(lambda: PDF)
    wait_for(lambda: asked.is_over(job) is JobState.COMPLETED, "the job", 30)
    with pytest.raises(JobForgotten, match="another"):
        asked.is_over(PrintJob(job.number, "Vernix 00000000"))


def test_what_the_printer_has_not_taken_is_dropped_in_time(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.switch_off()
    with running(printer.uri, small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.GONE)
        spool.end_by(1.0)
        becomes(spool, Paper.DROPPED)
        assert not spool.holds
        printer.switch_on()
        assert spool.state is Paper.DROPPED
    assert len(printer.printed) == before


def test_printer_that_refuses_is_named(printer: RealPrinter) -> None:
    with running(f"ipp://localhost:{printer.port}/no/such/queue", small) as spool:
        spool.want("check", [SHEETS["jiangxi"]])
        becomes(spool, Paper.REFUSED)
        assert not spool.holds


def test_tls_needs_a_certificate_that_is_believed(printer: RealPrinter) -> None:
    uri = printer.uri.replace("ipp://", "ipps://")
    with pytest.raises(PrinterRefuses, match="certificate"):
        Printer(uri).status()
    (certificate,) = (printer.folder / "keys").glob("*.crt")
    assert Printer(uri, certificate).status().accepts
    with pytest.raises(PrinterRefuses, match="FileNotFoundError"):
        Printer(uri, Path("/nowhere.pem")).status()


def test_selftest_looks_at_printer_and_fonts(printer: RealPrinter, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    config, test = home.config(), TESTS["printing"]
    assert "no printer" in test(config)
    there = replace(config, printing=Printing(printer.uri))
    assert "is ready" in test(there)
    with pytest.raises(Failed, match="ConnectionRefused"):
        test(replace(config, printing=Printing(f"ipp://localhost:{free_port()}/ipp/print")))
    with pytest.raises(Failed, match=r"HTTP status|IPP status"):
        test(replace(config, printing=Printing(f"ipp://localhost:{printer.port}/printers/产科打印机")))
    monkeypatch.setattr("evidence.forms.fonts.FOLDERS", ())
    with pytest.raises(Failed, match="apt-get install fonts-noto-cjk"):
        test(there)
