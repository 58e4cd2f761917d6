"""The spool against a real IPP printer: printed, out of paper, gone, over TLS; and nothing of it is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.config import Printing
from daemon.printing.printer import BadPrinterUri, Printer, PrinterRefuses
from daemon.printing.spool import CannotSet, Paper, Spool
from daemon.selftest import TESTS, Failed
from evidence.forms.sheet import Sheet
from tests.daemon.printing.printers import RealPrinter
from tests.daemon.support import Home
from tests.evidence.forms.pictures import text_of
from tests.evidence.forms.samples import sheets
from tests.support.brokers import free_port, wait_for

SHEETS = sheets()
PDF = b"%PDF-1.7 a small one"


@contextmanager
def running(uri: str, set_form: Callable[[Sheet], bytes] | None = None) -> Iterator[Spool]:
    spool = Spool(Printer(uri)) if set_form is None else Spool(Printer(uri), set_form=set_form)
    thread = threading.Thread(target=spool.run)
    thread.start()
    try:
        yield spool
    finally:
        spool.close()
        thread.join(30)
        assert not thread.is_alive()
        assert not spool.holds


def becomes(spool: Spool, state: Paper) -> None:
    wait_for(lambda: spool.state is state, f"{state} (it is {spool.state})", 60)


def small(_sheet: Sheet) -> bytes:
    return PDF


def test_forms_come_out_in_order_and_nothing_is_kept(printer: RealPrinter) -> None:
    before = len(printer.printed)
    with running(printer.uri) as spool:
        spool.want([SHEETS["jiangxi"], SHEETS["slip_family"]])
        becomes(spool, Paper.PRINTED)
        assert not spool.holds
    first, second = printer.printed[before:]
    assert "江西省母婴保健服务对象身份核验确认单" in text_of(first)
    assert "致家属" in text_of(second)


def test_out_of_paper_is_named_and_goes_on_by_itself(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.take_paper_out()
    with running(printer.uri, small) as spool:
        spool.want([SHEETS["jiangxi"]])
        becomes(spool, Paper.PAPER_OUT)
        assert not spool.holds  # the printer has it
        spool.want([SHEETS["jiangxi"]])
        becomes(spool, Paper.WAITING)
        becomes(spool, Paper.PAPER_OUT)
        assert spool.holds  # no printer without paper is given a second one
        assert len(printer.printed) == before
        printer.add_paper()
        becomes(spool, Paper.PRINTED)
    assert printer.printed[before:] == [PDF, PDF]


def test_printer_that_is_gone_holds_nobody_up_and_is_tried_again(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.switch_off()
    with running(printer.uri, small) as spool:
        began_s = time.monotonic()
        spool.want([SHEETS["jiangxi"]])
        assert time.monotonic() - began_s < 0.1
        becomes(spool, Paper.GONE)
        printer.switch_on()
        becomes(spool, Paper.PRINTED)
    assert len(printer.printed) == before + 1


def test_what_the_printer_has_not_taken_is_dropped_in_time(printer: RealPrinter) -> None:
    before = len(printer.printed)
    printer.switch_off()
    with running(printer.uri, small) as spool:
        spool.want([SHEETS["jiangxi"]])
        becomes(spool, Paper.GONE)
        spool.end_by(1.0)
        becomes(spool, Paper.DROPPED)
        assert not spool.holds
        printer.switch_on()
        assert spool.state is Paper.DROPPED
    assert len(printer.printed) == before


def test_form_that_cannot_be_set_is_named(printer: RealPrinter) -> None:
    def fails(_sheet: Sheet) -> bytes:
        raise CannotSet("no fonts")

    with running(printer.uri, fails) as spool:
        spool.want([SHEETS["jiangxi"]])
        becomes(spool, Paper.UNUSABLE)
        assert not spool.holds


def test_printer_that_refuses_is_named(printer: RealPrinter) -> None:
    with running(f"ipp://localhost:{printer.port}/no/such/queue", small) as spool:
        spool.want([SHEETS["jiangxi"]])
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


@pytest.mark.parametrize(
    "uri", ["http://p/ipp", "ipp://", "ipp://p", "ipp://p/", "ipp://p:x/ipp", "ipp://me:pin@p/ipp"]
)
def test_uri_that_names_no_printer_is_refused(uri: str) -> None:
    with pytest.raises(BadPrinterUri):
        Printer(uri)


def test_selftest_looks_at_printer_and_fonts(printer: RealPrinter, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    config, test = home.config(), TESTS["printing"]
    assert "no printer" in test(config)
    there = replace(config, printing=Printing(printer.uri))
    assert "is ready" in test(there)
    with pytest.raises(Failed, match="ConnectionRefused"):
        test(replace(config, printing=Printing(f"ipp://localhost:{free_port()}/ipp/print")))
    monkeypatch.setattr("evidence.forms.fonts.FOLDERS", ())
    with pytest.raises(Failed, match="apt-get install fonts-noto-cjk"):
        test(there)
