"""Ten thousand records: the page goes on answering, says how far it is, and can be stopped."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.evidence.web.support import BASE, Files, Verifier, bundle_of
from tests.vectors.evidence import by_hand

COUNT = 10_000

#: In one worker, so that the records are made once.

LONGEST_SILENCE = """() => {
  const seen = { longest: 0, said: new Set() };
  let last = performance.now();
  setInterval(() => {
    seen.longest = Math.max(seen.longest, performance.now() - last);
    last = performance.now();
    seen.said.add(document.getElementById("progress-text").textContent);
  }, 5);
  globalThis.seen = seen;
}"""


@pytest.fixture(scope="session")
def many() -> bytes:
    """A chain of ``COUNT`` records, most of them checks."""
    tokens = [BASE[0]]
    digest = by_hand.sha256(BASE[0].encode())
    whole = {"document": by_hand.DOCUMENT, "consent": by_hand.CONSENT, "face": by_hand.FACE, "liveness": by_hand.LIVE}
    for seq in range(2, COUNT + 1):
        payload = by_hand.check(10, seq, "passed", **whole) | {"seq": seq, "prev": digest}
        tokens.append(by_hand.signed(by_hand.text_of(payload)))
        digest = by_hand.sha256(tokens[-1].encode())
    return bundle_of(tokens)


def test_the_page_stays_alive(verifier: Verifier, files: Files, many: bytes) -> None:
    verifier.page.evaluate(LONGEST_SILENCE)
    verifier.verify(bundle=files.bundle(many), authority=files.authority())
    assert verifier.state == "sound"
    assert f"{COUNT} 条记录" in verifier.text
    longest, said = verifier.page.evaluate("[seen.longest, seen.said.size]")
    assert longest < 2000, "ms without an answer; a frozen page would be silent for all of its work"
    assert said > 10
    assert verifier.page.locator("table.checks tbody tr").count() == 100
    verifier.page.click("text=下一页")
    expect(verifier.page.locator("table.checks tbody tr").first).to_contain_text("102")
    verifier.screenshot("verify-large")


def test_it_can_be_stopped(verifier: Verifier, files: Files, many: bytes) -> None:
    verifier.choose(bundle=files.bundle(many), authority=files.authority())
    verifier.page.click("#verify")
    verifier.wait_until("document.getElementById('progress').value > 0")
    verifier.screenshot("verify-progress")
    verifier.page.click("#cancel")
    verifier.page.wait_for_selector(".verdict")
    assert verifier.state == "stopped"
