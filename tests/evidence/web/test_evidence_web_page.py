"""The page as a file: one piece, what its sources say, and closed to every network."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from evidence.web import build
from tests.evidence.web.support import PAGE
from tests.support import ROOT

SOURCES = ROOT / "evidence" / "web" / "source"


def test_the_page_is_what_its_sources_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == build.page(), "run: python -m evidence.web.build"


def test_the_page_names_nothing_outside() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"\b(?:src|href|action|url)\s*[=(]|@import|https?:|\bimport\s*\(", text) == []


def test_nothing_of_it_comes_from_the_first_implementation() -> None:
    """No script is left out, and none mentions Python's modules but as the text it was written from."""
    assert {path.stem for path in SOURCES.glob("*.js")} == set(build.SCRIPTS)
    assert "evidence" not in re.sub(r'"""[\s\S]*?"""', "", (SOURCES.parent / "build.py").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(SOURCES.iterdir()), ids=lambda path: path.name)
def test_a_source_is_one_thing(path: object) -> None:
    """The same bound as for Python modules."""
    assert len((SOURCES / str(path)).read_text(encoding="utf-8").splitlines()) <= 400


class Ear:
    """A server of this machine that counts requests; a connection without a byte (Chromium makes one ahead) is none."""

    def __init__(self) -> None:
        self.calls = 0
        ear = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(10)
                ear.calls += bool(self.request.recv(1))

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


CALL = """async (address) => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
  const url = `http://${address}/`;
  const add = (name, values) => document.body.append(Object.assign(document.createElement(name), values));
  await fetch(url).catch(() => undefined);
  navigator.sendBeacon(url, "x");
  try { new WebSocket(`ws://${address}/`); } catch {}
  try { new EventSource(url); } catch {}
  add("img", { src: url });
  add("link", { rel: "stylesheet", href: url });
  add("iframe", { src: url });
  try { add("script", { src: url }); } catch { refused.push("trusted-types"); }
  try { document.body.innerHTML += "<b>x</b>"; } catch { refused.push("trusted-types"); }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return [...new Set(refused)].sort();
}"""


def test_the_page_may_call_nobody(browser: Browser, ear: Ear) -> None:
    """With the network on: whatever a script in the page tries, its own policy refuses it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(PAGE.as_uri())
    refused = page.evaluate(CALL, ear.address)
    context.close()
    assert {"connect-src", "img-src", "style-src-elem", "frame-src", "trusted-types"} <= set(refused), refused
    assert ear.calls == 0


def test_without_that_policy_the_call_would_be_heard(browser: Browser, ear: Ear) -> None:
    """So the test above can fail."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(PAGE.as_uri())
    page.evaluate(CALL, ear.address)
    context.close()
    assert ear.calls > 0
