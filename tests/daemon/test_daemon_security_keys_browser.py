"""Security keys in a real browser, against the unit's own page and policy: Chromium's virtual authenticators."""

from __future__ import annotations

import datetime as dt
import json
import queue
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, sync_playwright

from daemon.check_id import new_check_id
from daemon.config import Kiosk
from daemon.events import Begin, Confirmed, Declined, Event
from daemon.kiosk.server import KioskServer
from daemon.kiosk.touches import Touches
from daemon.officers import Officers, Roster
from daemon.policy import load_policy
from daemon.roster import read_body
from daemon.session import step
from daemon.state import State, Step
from evidence.instants import write_instant
from evidence.webauthn import challenge_of, read_registration, registration_challenge
from tests.daemon.support import now
from tests.support.programs import FindProgram

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
SITE = "s1"
POLICY = load_policy("neutral")
_BYTES = """const raw = (text) => {
    const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  };"""
REGISTER = f"""async ([challenge, officer]) => {{
  {_BYTES}
  const made = await navigator.credentials.create({{ publicKey: {{
    challenge: raw(challenge), rp: {{ id: "localhost", name: "Vernix" }},
    user: {{ id: new TextEncoder().encode(officer), name: officer, displayName: officer }},
    pubKeyCredParams: [{{ type: "public-key", alg: -7 }}],
    authenticatorSelection: {{ userVerification: "required" }}, timeout: 20000 }} }});
  return made.toJSON();
}}"""
CONFIRM = f"""async ([challenge, officer, id, token]) => {{
  {_BYTES}
  const made = await navigator.credentials.get({{ publicKey: {{
    challenge: raw(challenge), rpId: "localhost", userVerification: "required", timeout: 20000,
    allowCredentials: [{{ type: "public-key", id: raw(id) }}] }} }});
  const {{ id: credential_id, response }} = made.toJSON();
  const assertion = {{ credential_id, authenticator_data: response.authenticatorData,
    client_data: response.clientDataJSON, signature: response.signature }};
  const answer = await fetch("/touch/confirm", {{ method: "POST", headers: {{ "X-Vernix-Token": token }},
    body: JSON.stringify({{ officer, assertion }}) }});
  return [answer.status, (await answer.json()).cause ?? null];
}}"""


class Post:
    """A served page, a browser on it, and a check whose statement wants two officers."""

    def __init__(self, page: Page) -> None:
        self.roster = Roster(Officers({}), now)
        self.state = State(POLICY)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        touches = Touches(
            POLICY, "delivery", self.roster, lambda: self.state, now, lambda _: None, origin=lambda: self.origin
        )
        self.touches = touches
        self.server = KioskServer(Kiosk("127.0.0.1", 0), touches, self.events.put, {})
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.origin = self.server.url.rstrip("/").replace("127.0.0.1", "localhost")
        self.page = page
        answer = page.goto(self.origin + "/", wait_until="commit")
        assert answer is not None
        self.token = json.loads(re.findall(r'"token": ("[^"]+")', answer.text())[0])
        self.keys: dict[str, str] = {}

    def take(self, event: Event) -> None:
        self.state, _ = step(self.state, event)

    def propose(self) -> None:
        self.take(Begin(new_check_id(), "delivery", "V-1", "typed"))
        self.take(Declined("other_way"))
        self.take(self.touches.event("propose", {"outcome": "unable", "reason": "unconscious"}))
        assert self.state.step is Step.CONFIRM

    def register(self, officer: str) -> None:
        """A security key for ``officer``, as the gateway reads it, in a new roster."""
        made = self.page.evaluate(REGISTER, [registration_challenge(SITE, officer), officer])
        key, cose = read_registration(made, SITE, officer)
        self.keys[officer] = key
        start = write_instant(now() - dt.timedelta(days=1))
        shown = {"method": "webauthn", "id": key, "key": cose}
        facts: dict[str, Any] = {"id": officer, "role": "officer", "regular": True, "valid_from": start}
        known = read_body({"version": 1, "officers": [{**facts, "credentials": [shown]}]})
        self.roster.replace(Officers({**self.roster._all.by_id, **known.by_id}))

    def confirm(self, officer: str, key_of: str = "") -> tuple[int, str | None]:
        assert self.state.statement is not None
        challenge = challenge_of(self.state.statement.sha256)
        key = self.keys[key_of or officer]
        status, cause = self.page.evaluate(CONFIRM, [challenge, officer, key, self.token])
        return status, cause

    def close(self) -> None:
        self.server.close()
        self.thread.join(20)
        assert not self.thread.is_alive()


def _authenticator(session: CDPSession) -> str:
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}
    return str(session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])


@pytest.fixture
def page(program: FindProgram) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program("chromium"), args=FLAGS, headless=True)
        yield browser.new_page()
        browser.close()


@pytest.fixture
def session(page: Page) -> CDPSession:
    made = page.context.new_cdp_session(page)
    made.send("WebAuthn.enable")
    return made


@pytest.fixture
def post(page: Page) -> Iterator[Post]:
    made = Post(page)
    yield made
    made.close()


def test_two_officers_with_two_keys(post: Post, session: CDPSession) -> None:
    plugged = {}
    for officer in ("o-1", "o-2"):  # one key is plugged in at a time, as at the unit
        plugged[officer] = _authenticator(session)
        post.register(officer)
        kept = session.send("WebAuthn.getCredentials", {"authenticatorId": plugged[officer]})["credentials"]
        session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": plugged[officer]})
        plugged[officer] = kept[0]
    post.propose()
    for number, officer in enumerate(("o-1", "o-2"), start=1):
        authenticator = _authenticator(session)
        session.send("WebAuthn.addCredential", {"authenticatorId": authenticator, "credential": plugged[officer]})
        other = "o-2" if officer == "o-1" else "o-1"
        assert post.confirm(other, key_of=officer) == (403, "wrong_key"), "a key is its officer's alone"
        assert post.confirm(officer) == (202, None)
        confirmed = post.events.get(timeout=20)
        assert isinstance(confirmed, Confirmed)
        post.take(confirmed)
        assert len(post.state.confirmations) == number
        session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})
    assert post.state.step is not Step.CONFIRM
    assert [one.officer for one in post.state.confirmations] == ["o-1", "o-2"]
