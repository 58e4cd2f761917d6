"""One HTTP exchange with a printer: bounded as a whole, however its bytes drip, and cut from any thread."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

WAIT_S = 5.0
"""For one address to take the connection, and for each byte after it."""
EXCHANGE_S = 10.0
"""For the whole of it. Only the resolver, which has nothing of a person yet, keeps its own time."""
_LARGEST_ANSWER = 1 << 20


@dataclass(slots=True)
class Line:
    """A connection for one POST; ``context`` where it speaks TLS."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    exchange_s: float = EXCHANGE_S
    _wire: socket.socket | None = None
    _cut: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, path: str, content_type: str, body: Callable[[], bytes]) -> tuple[int, bytes]:
        """The HTTP status and the content that came back; ``body`` is asked when the printer is reached.

        Raises:
            OSError, http.client.HTTPException, ValueError: there is no such host, or it did not answer in time.
        """
        timer = threading.Timer(self.exchange_s, self.cut)
        timer.daemon = True
        timer.start()
        try:
            with self._open() as connection:
                connection.request("POST", path, body(), {"Content-Type": content_type})
                with connection.getresponse() as response:
                    content = response.read(_LARGEST_ANSWER)
                if self._cut:
                    raise TimeoutError("cut")  # what was read may end in its middle
                return response.status, content
        finally:
            timer.cancel()

    def cut(self) -> None:
        """End the exchange now; any thread may say so. Whoever waits in it gets an error at once."""
        with self._lock:
            self._cut = True
            if self._wire is not None:
                with contextlib.suppress(OSError):  # the other side was quicker
                    self._wire.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _open(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(self.host, self.port)
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(socket.create_connection((self.host, self.port), WAIT_S))
            stack.enter_context(self._cuttable(raw))
            connection.sock = raw
            if self.context is not None:
                connection.sock = stack.enter_context(self.context.wrap_socket(raw, server_hostname=self.host))
            yield connection

    @contextlib.contextmanager
    def _cuttable(self, raw: socket.socket) -> Iterator[None]:
        """A second handle of ``raw``, for :meth:`cut`: the first one goes over to TLS."""
        with raw.dup() as wire:
            with self._lock:
                if self._cut:
                    raise TimeoutError("cut")
                self._wire = wire
            try:
                yield
            finally:
                with self._lock:
                    self._wire = None
