"""A real browser, and a page that the test shows views on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.daemon.kiosk.support import Bench, Glass, context_of
from tests.daemon.support import Home


@pytest.fixture
def bench(home: Home) -> Iterator[Bench]:
    made = Bench(home)
    yield made
    made.close()


@pytest.fixture
def glass(browser: Browser, bench: Bench) -> Iterator[Glass]:
    """The page on a usual screen, by day; that it asked for nothing elsewhere is checked after every test."""
    with context_of(browser) as context:
        made = Glass(context.new_page(), bench.server.url)
        yield made
        made.check()
