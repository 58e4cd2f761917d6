"""The screen's server over real HTTP, and a client that speaks to it."""

from __future__ import annotations

import http.client
import json
import queue
import re
import threading
from typing import Any

from daemon.config import Kiosk
from daemon.events import Event, Meant, Press
from daemon.kiosk.asks import Asks
from daemon.kiosk.server import KioskServer
from daemon.kiosk.touches import Touches
from daemon.officers import Roster, read_roster
from daemon.outbox.checks import CheckRow
from daemon.policy import load_policy
from daemon.state import State
from tests.daemon.support import Home, now

PATIENCE_S = 20.0
POLICY = load_policy("neutral")
OFFICER = "o-101"


class Screen:
    """A running server, and a client that speaks to it."""

    def __init__(self, home: Home, host: str = "127.0.0.1", asks: Asks | None = None, **touched: Any) -> None:
        self.state = State(POLICY)
        self.rows: dict[str, CheckRow] = {}
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.kept = True
        self.time = now()
        roster = Roster(read_roster(home.config().unit.officers), lambda: self.time)
        touches = Touches(POLICY, "delivery", roster, lambda: self.state, lambda: self.time, self.rows.get, **touched)
        page = {"unit": "unit-test", "notice": {"zh": "</script><script>alert(1)</script>"}}
        self.server = KioskServer(Kiosk(host, 0), touches, self, page, asks=asks)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        found = re.fullmatch(r"http://(.+):(\d+)/", self.server.url)
        assert found is not None
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.token = ""
        answer, body = self.request("GET", "/")
        assert answer.status == 200, body
        self.page = body.decode()
        self.token = json.loads(re.findall(r'"token": ("[^"]+")', self.page)[0])

    def post(self, event: Event) -> None:
        """As the unit hears a touch."""
        self.events.put(event)

    def keeps(self, _press: Press) -> bool:
        """As long as the test says so."""
        return self.kept

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            sent = {"X-Vernix-Token": self.token} | {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def touch(self, name: str, values: object = None, **headers: str) -> tuple[int, Any]:
        """Status and cause (None when it was accepted)."""
        shown = {"check": self.state.check, "step": self.state.step.value}
        said = {"shown": shown, **values} if isinstance(values, dict) else {"shown": shown}
        body = values if isinstance(values, bytes) else json.dumps(said).encode()
        answer, content = self.request("POST", f"/touch/{name}", body, **headers)
        return answer.status, json.loads(content).get("cause")

    def told(self) -> Event:
        event = self.events.get(timeout=PATIENCE_S)
        return event.event if isinstance(event, Meant) else event

    def close(self) -> None:
        self.server.close()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive(), "the kiosk's thread did not end"
