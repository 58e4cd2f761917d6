"""A real browser, its network off, with the page opened from its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.evidence.web.support import Files, Verifier


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture(scope="module")
def offline(browser: Browser) -> Iterator[Verifier]:
    """One page for all tests of a module, its network off."""
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 900})
    yield Verifier(context.new_page())
    context.close()


@pytest.fixture
def verifier(offline: Verifier) -> Iterator[Verifier]:
    """The page, opened afresh; that it asked for nothing and complained of nothing is checked after every test."""
    offline.open()
    yield offline
    offline.check()


@pytest.fixture
def engine(offline: Verifier) -> Iterator[Verifier]:
    """The page as it is, for functions in it that keep nothing."""
    yield offline
    offline.check()
