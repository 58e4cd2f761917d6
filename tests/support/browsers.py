"""The browser that the pages are tested in: Chromium's own shell without windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support.programs import FindProgram

SHELL = "chromium-headless-shell"
"""The same engine as the unit's Chromium, of the same release, for half the processor time."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)


@contextmanager
def launched(program: FindProgram) -> Iterator[Browser]:
    """One for a module: a process can drive only one at a time, and runs no other event loop meanwhile."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program(SHELL), args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            browser.close()
