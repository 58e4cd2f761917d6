"""What holds for every test: where a skip is a failure, how outside programs are asked for, Hypothesis' settings."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from tests.support.programs import FindProgram, read_list
from tests.support.strictness import nothing_may_be_skipped

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Machines differ in speed: how long one example takes says nothing. Examples are the same in every run.
settings.register_profile("vernix", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("vernix")

LONG = ("tests/residue/", "tests/daemon/kiosk/test_kiosk_screens.py")
"""Files of few tests that take minutes: they begin, so that no worker is left alone with one at the end."""

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.fixture(scope="session")
def program() -> FindProgram:
    """Finds an outside program of ``.ci/programs`` by name: ``program("mosquitto")`` is its path.

    Where it is missing the test is skipped with the reason; as root and in CI it fails.
    """
    programs = read_list()

    def find(name: str) -> Path:
        wanted = programs[name]
        path = wanted.find()
        if path is None:
            pytest.skip(wanted.absence())
        return path

    return find


@pytest.fixture(scope="module")
def browser(program: FindProgram) -> Iterator[Browser]:
    """The browser that pages are looked at in, for a module."""
    from tests.support.browsers import launched  # not there where only the networks are tested, beside tflite-runtime

    with launched(program) as started:
        yield started


def pytest_report_header() -> list[str]:
    """Say what this run leaves out, and whether it may leave out more."""
    return [
        "device tests: left out unless asked for (-m device); they need a bench",
        f"skipped tests: {'count as failures' if nothing_may_be_skipped() else 'allowed, see the reasons below'}",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, all else in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test is a failure where everything has to run."""
    return _failed_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skipped module too."""
    return _failed_if_skipped((yield))


def _failed_if_skipped(report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and nothing_may_be_skipped():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: nothing may be skipped as root or in CI. {reason}"
    return report
