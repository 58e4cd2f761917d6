"""The demo's finger on the screen: touches over HTTP, and the stream of views, as a browser would."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

View = dict[str, Any]


class DemoError(Exception):
    """Something of the demo did not do what it should; the text says what and where to look."""


class Screen:
    """A page opened on the unit's kiosk."""

    def __init__(self, port: int, opens_within_s: float = 30.0) -> None:
        """Open the page as soon as the unit serves it.

        Raises:
            DemoError: it does not within ``opens_within_s``.
        """
        self._port = port
        self._view: View = {}
        self._news = threading.Condition()
        self._token = self._open_page(time.monotonic() + opens_within_s)
        self._closed = False
        self._stream = http.client.HTTPConnection("127.0.0.1", port)
        self._stream.request("GET", "/views")
        self._thread = threading.Thread(target=self._listen, name="demo-screen", daemon=True)
        self._thread.start()

    def _open_page(self, deadline_s: float) -> str:
        while True:
            try:
                page = self._request("GET", "/").decode("utf-8")
                break
            except OSError as error:
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
            raise DemoError(f"{method} {path}: {answer.status} {content.decode('utf-8', 'replace')}")
        return content

    def touch(self, name: str, **values: object) -> None:
        """Touch something on the screen.

        Raises:
            DemoError: the unit refused it.
        """
        self._request("POST", f"/touch/{name}", json.dumps(values).encode())

    def wait(self, what: str, condition: Callable[[View], bool], within_s: float = 30.0) -> View:
        """The first view that fulfils ``condition``.

        Raises:
            DemoError: none does within ``within_s``.
        """
        with self._news:
            if not self._news.wait_for(lambda: self._view and condition(self._view), within_s):
                raise DemoError(
                    f"waited {within_s:g} s for {what}; the screen shows {self._view.get('step')!r}"
                    f" {self._view.get('trouble') or ''}"
                )
            return self._view

    def _listen(self) -> None:
        try:
            response = self._stream.getresponse()
            while line := response.readline():
                if line.startswith(b"data: "):
                    with self._news:
                        self._view = json.loads(line[6:])
                        self._news.notify_all()
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            if not self._closed:
                return  # the unit died; whoever waits for a view is told by the time limit

    def close(self) -> None:
        """Close the page."""
        self._closed = True
        self._stream.close()
