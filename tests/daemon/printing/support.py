"""A spool that runs, and a form that is quickly set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon.printing.printer import Printer
from daemon.printing.setting import set_aside
from daemon.printing.spool import Paper, Spool
from evidence.forms.sheet import Sheet
from tests.evidence.forms.samples import sheets
from tests.support.brokers import wait_for

SHEETS = sheets()
PDF = b"%PDF-1.7 a small one"


def small(_sheet: Sheet, _over: threading.Event) -> bytes:
    return PDF


@contextmanager
def running(uri: str, set_form: Callable[[Sheet, threading.Event], bytes] = set_aside) -> Iterator[Spool]:
    spool = Spool(Printer(uri), set_form=set_form)
    thread = threading.Thread(target=spool.run)
    thread.start()
    try:
        yield spool
        assert thread.is_alive(), "it ended, and the unit with it"
    finally:
        spool.close()
        thread.join(30)
        assert not thread.is_alive()
        assert not spool.holds


def becomes(spool: Spool, state: Paper) -> None:
    wait_for(lambda: spool.state is state, f"{state} (it is {spool.state})", 60)
