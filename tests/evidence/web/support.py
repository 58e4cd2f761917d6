"""The page as a person uses it, and the files that a person would choose."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Page

from tests.support import ROOT
from tests.vectors.evidence import by_hand

PAGE = ROOT / "evidence" / "web" / "index.html"
SCREENSHOTS = ROOT / "build" / "screenshots"
RECORDS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "evidence" / "records.json").read_text("utf-8"))
BASE: list[str] = RECORDS["base"]
PATIENCE_MS = 60_000


def tokens_of(short: Iterable[int | str]) -> list[str]:
    """The JWS of a vector; a number is a place in the sound chain."""
    return [BASE[token] if isinstance(token, int) else token for token in short]


def head_of(token: str) -> dict[str, Any]:
    return {"seq": by_hand.payload_of(token)["seq"], "sha256": by_hand.sha256(token.encode())}


def bundle_of(tokens: Sequence[str], head: dict[str, Any] | None = None, unit: str = by_hand.UNIT) -> bytes:
    """A bundle, written here and not by evidence/; its head is that of the last record."""
    head = head or head_of(tokens[-1])
    first = {"format": "vernix-bundle", "v": 1, "unit": unit, "site": by_hand.SITE, "head": head}
    return "".join(f"{line}\n" for line in [json.dumps(first), *tokens]).encode()


@dataclass(frozen=True, slots=True)
class Files:
    """Writes files to choose."""

    folder: Path

    def bundle(self, content: bytes, name: str = "records.jsonl") -> Path:
        return self._write(name, content)

    def signed(self, name: str, token: str) -> Path:
        return self._write(f"{name}.jws", token.encode())

    def authority(self, content: bytes = b"") -> Path:
        pem = by_hand.authority().public_bytes(serialization.Encoding.PEM)
        return self._write("authority.pem", content or pem)

    def _write(self, name: str, content: bytes) -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name


CLEAR = """() => {
  for (const input of document.querySelectorAll("input[type=file]")) {
    if (!input.files.length) continue;
    input.value = "";
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}"""


class Verifier:
    """The page in a browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.troubles: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda message: self.troubles.append(message.text))
        self.open()

    def open(self) -> None:
        """Open the page from its file; nothing of before is left."""
        self.requests.clear()
        self.troubles.clear()
        self.page.goto(PAGE.as_uri())

    def clear(self) -> None:
        """No file is chosen, so no result is shown; what else the page keeps would be seen with the next files."""
        self.page.evaluate(CLEAR)

    def check(self) -> None:
        """The page has loaded nothing but itself, and had no error."""
        assert set(self.requests) <= {PAGE.as_uri()}
        assert self.troubles == []

    def choose(self, **chosen: Path) -> None:
        """Choose files by the names of their inputs: bundle, authority, health, revocations, predecessor."""
        for name, path in chosen.items():
            self.page.set_input_files(f"#{name}", path)

    def verify(self, **chosen: Path) -> None:
        """Choose files, press the button, wait for a verdict."""
        self.choose(**chosen)
        self.page.click("#verify")
        self.page.wait_for_selector(".verdict")

    def wait_until(self, expression: str) -> None:
        """Wait until ``expression`` is true, asking from outside.

        ``wait_for_function`` polls by eval in the page, which the page's content security policy forbids.
        """
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, expression
            self.page.wait_for_timeout(5)

    @property
    def state(self) -> str:
        """The verdict's kind: sound, unsound, failed or stopped."""
        (state,) = set(str(self.page.get_attribute(".verdict", "class")).split()) - {"verdict"}
        return state

    @property
    def text(self) -> str:
        """All that is shown of the result."""
        return self.page.inner_text("#result")

    def findings(self) -> list[list[int]]:
        """Step and place of each finding that the table shows; place 0 is the whole bundle."""
        rows: list[list[str]] = self.page.locator("table.findings tbody tr").evaluate_all(
            "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        return [[_number(step), _number(place)] for step, place, _ in rows]

    def screenshot(self, name: str, *, whole: bool = True) -> None:
        """Save the page, or what is in sight of it, for a person to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0
