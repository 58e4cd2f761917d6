"""One real printer for the module's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.printing.printers import RealPrinter, real_printer
from tests.support.programs import FindProgram


@pytest.fixture(scope="module")
def printer(program: FindProgram) -> Iterator[RealPrinter]:
    with tempfile.TemporaryDirectory(prefix="vernix-ipp-") as folder, real_printer(program, Path(folder)) as made:
        yield made
