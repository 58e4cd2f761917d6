"""The demo's finger on the screen: touches over HTTP, and the stream of views, as a browser would."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

View = dict[str, Any]


class DemoError(Exception):
    """Something of the demo did not do what it should; the text says what and where to look."""


class TouchRefusedError(DemoError):
    """The unit answered, and did not take it; ``status`` is the answer's."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Screen:
    """A page opened on the unit's kiosk. ``shown`` is every view it has shown; ``told`` is called with each."""

    def __init__(self, port: int, alive: Callable[[], bool], opens_within_s: float = 30.0) -> None:
        """Open the page as soon as the unit serves it.

        Args:
            port: of the unit's kiosk.
            alive: whether the unit's process still runs; there is nothing to wait for when it does not.
            opens_within_s: how long to wait.

        Raises:
            DemoError: it does not open.
        """
        self._port = port
        self._view: View = {}
        self.shown: list[View] = []
        self.told: Callable[[View], None] = lambda _: None
        self._news = threading.Condition()
        self._token = self._open_page(alive, time.monotonic() + opens_within_s)
        self._ended = False
        self._socket = self._connect()
        self._thread = threading.Thread(target=self._listen, name="demo-screen", daemon=True)
        self._thread.start()

    def _connect(self) -> socket.socket:
        try:
            return socket.create_connection(("127.0.0.1", self._port))
        except OSError as error:
            raise DemoError(f"the unit's page on port {self._port} is gone again: {error}") from error

    def _open_page(self, alive: Callable[[], bool], deadline_s: float) -> str:
        while True:
            try:
                page = self._request("GET", "/").decode("utf-8")
                break
            except OSError as error:
                if not alive():
                    raise DemoError("the unit has ended") from error
                if time.monotonic() > deadline_s:
                    raise DemoError(f"the unit's page on port {self._port} does not open: {error}") from error
                time.sleep(0.05)
        found = re.search(r'"token": "([^"]+)"', page)
        if found is None:
            raise DemoError("the unit's page has no token")
        return found[1]

    def _request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            headers = {"Content-Type": "application/json", "X-Vernix-Token": getattr(self, "_token", "")}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            said = f"{method} {path}: {answer.status} {content.decode('utf-8', 'replace')}"
            raise TouchRefusedError(said, answer.status)
        return content

    def touch(self, name: str, **values: object) -> None:
        """Touch something on the screen, as soon as it shows anything; an emergency does not wait even for that.

        Raises:
            TouchRefusedError: the unit refused it.
            DemoError: the unit is gone.
        """
        view = self._view if name == "emergency" else self.wait("a first view", lambda _: True)
        decision = view.get("decision")
        if name == "confirm" and decision:  # as the page does: what is confirmed is what it shows
            values = {"statement": decision["statement"], **values}
        shown = {key: view.get(key) for key in ("check", "step")}
        try:
            self._request("POST", f"/touch/{name}", json.dumps({"shown": shown, **values}).encode())
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"touch {name}: the unit does not answer: {error}") from error

    def wait(self, what: str, condition: Callable[[View], bool], within_s: float = 30.0) -> View:
        """The first view that fulfils ``condition``.

        Raises:
            DemoError: none does within ``within_s``, or the unit has died.
        """
        with self._news:
            found = self._news.wait_for(lambda: self._ended or (self._view and condition(self._view)), within_s)
            if self._ended:
                raise DemoError(f"waited for {what}, but the unit is gone")
            if not found:
                raise DemoError(
                    f"waited {within_s:g} s for {what}; the screen shows {self._view.get('step')!r}"
                    f" {self._view.get('trouble') or ''}"
                )
            return self._view

    def _listen(self) -> None:
        stream = http.client.HTTPConnection("127.0.0.1", self._port)
        stream.sock = self._socket
        # A unit that dies, or a page that is closed, ends the stream.
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            stream.request("GET", "/views")
            response = stream.getresponse()
            while line := response.readline():
                if line.startswith(b"data: "):
                    self._show(json.loads(line[6:]))
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _show(self, view: View) -> None:
        with self._news:
            self._view = view
            self.shown.append(view)
            self._news.notify_all()
        self.told(view)

    def close(self) -> None:
        """Close the page."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; closing alone would wait for it
        self._thread.join()
        self._socket.close()
