"""The screen's server: other pages, other names, other scripts."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from daemon.kiosk.asks import Asks
from daemon.officers import Roster
from tests.daemon.kiosk_screen import PATIENCE_S, Screen
from tests.daemon.support import Home, now
from tests.support import ROOT


@pytest.fixture
def screen(home: Home) -> Iterator[Screen]:
    made = Screen(home)
    yield made
    made.close()


@pytest.mark.parametrize("token", ["", "x", "é\xff", "0" * 32])
def test_other_pages_have_no_token(token: str, screen: Screen) -> None:
    status, cause = screen.touch("emergency", X_Vernix_Token=token)
    assert (status, cause) == (403, "wrong_token")
    assert screen.events.empty()
    for path in ("/ask/checks", "/mirror", "/room"):
        answer, body = screen.request("POST", path, b"{}", X_Vernix_Token=token)
        assert (answer.status, json.loads(body)["cause"]) == (403, "wrong_token"), path


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((name, 200) for name in ("127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80")),
        *((name, 400) for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]")),
    ],
)
def test_only_our_own_names_are_answered(host: str, status: int, screen: Screen) -> None:
    """Against DNS rebinding: a page of evil.example whose name suddenly points here."""
    for path in ("/", "/static/app.js"):
        answer, body = screen.request("GET", path, Host=host)
        assert answer.status == status
        assert status == 200 or screen.token.encode() not in body


SOURCES = [
    "default-src 'none'",
    *(f"{kind}-src 'self'" for kind in ("script", "style", "connect", "img", "media")),
    *(f"{kind} 'none'" for kind in ("base-uri", "form-action", "frame-ancestors")),
]
"""All that the page may load, ask, send and be framed by: itself, and nothing else."""


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/static/style.css", "/missing", "/touch/left", "/static/../server.py"]
)
def test_every_answer_is_fenced(path: str, screen: Screen) -> None:
    answer, body = screen.request("GET", path)
    assert answer.headers["Content-Security-Policy"].split("; ") == SOURCES
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert b"KioskServer" not in body


def test_four_are_checked_at_once_and_a_fifth_comes_again(home: Home) -> None:
    """Checking a PIN costs memory and time on purpose: nobody may have it done as often as she likes."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def slowly(_values: object) -> None:
        begun.release()
        go_on.wait(PATIENCE_S)

    with closing(home.outbox()) as outbox, ThreadPoolExecutor(6) as pool:
        screen = Screen(home, asks=Asks(outbox, Roster({}, now), list, slowly))
        try:
            asked = [pool.submit(screen.request, "POST", "/ask/statement", b"{}") for _ in range(4)]
            for _ in asked:
                assert begun.acquire(timeout=PATIENCE_S)
            fifth = screen.touch("confirm", {"officer": "o-101", "pin": "000000"})
            sixth = pool.submit(screen.request, "POST", "/ask/statement", b"{}")
            assert not begun.acquire(timeout=0.5)
            go_on.set()
            assert (fifth, sixth.result()[0].status) == ((429, "too_many_tries_at_once"), 429)
            assert [one.result()[0].status for one in asked] == [200] * 4
        finally:
            go_on.set()
            screen.close()


def test_page_cannot_be_broken_out_of(screen: Screen) -> None:
    assert "alert(1)" in screen.page
    assert "<script>alert" not in screen.page
    assert len(re.findall(r"(?i)<script", screen.page)) == 2, "the page's data and app.js"
    assert " onclick=" not in screen.page
    assert "http://" not in screen.page.replace("http://127.0.0.1", "")


SCRIPTS = sorted((ROOT / "daemon" / "kiosk" / "static").rglob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.name))
def test_script_writes_text_and_never_html(path: Path) -> None:
    """A visit called <script> travels as JSON; what the page does with it must not make elements of it."""
    script = path.read_text("utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in script
