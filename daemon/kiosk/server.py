"""The page's server: static files, one stream of views (server-sent events), touches, questions, and the mirror.

Only for this machine: it binds to localhost, answers only to its names (against DNS rebinding), and a touch, a
question or a look into the mirror needs the token that the page was served with (against other pages in the same
browser).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.config import Kiosk
from daemon.environment import EnvironmentUnusable
from daemon.events import Emergency, Event, Press
from daemon.kiosk.asks import Asks
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.meant import meant
from daemon.kiosk.touches import EMERGENCY, Touches
from evidence.encoding import json_object
from evidence.errors import MalformedError

log = logging.getLogger(__name__)

_STATIC = Path(__file__).with_name("static")
_MAX_BODY = 80_000
MAX_CHECKING = 4
"""PINs being checked at once; two officers at one screen need one."""
_PROOFS = {"pin", "badge", "assertion"}
ALIVE_S = 2.0
"""Between two signs of life on a stream where nothing changes; the page says so when several fail to come."""
KEPT_S = 1.0
"""How long an emergency's answer waits for the press to be where no cut takes it away; then the page tells it again."""
_LOOK_S = 0.02
_FRAME_S = 1.0
_NO_FRAME = -1

Mirror = Callable[[int, float], tuple[int, bytes] | None]
"""Number and JPEG of a frame newer than a number, waited for so many seconds; None unless a face is being compared."""
Room = Callable[[bool | None], None]
"""Told that somebody has touched the glass; True or False where that was for night's or day's light."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Unit(Protocol):
    """Who is told of touches; asked from the server's own loop, so that nothing here may wait."""

    def post(self, event: Event) -> None:
        """Tell what happened."""

    def keeps(self, press: Press) -> bool:
        """Whether an emergency's press survives a cut."""


class KioskServer:
    """Serves the screen. :meth:`show` may be called from any thread."""

    def __init__(
        self,
        address: Kiosk,
        touches: Touches,
        unit: Unit,
        page: dict[str, Any],
        *,
        asks: Asks | None = None,
        mirror: Mirror = lambda _number, _wait_s: None,
        room: Room = lambda _night: None,
    ) -> None:
        """Take the port; ``page`` is what the page needs to know once (texts of the policy, checkpoints).

        Args:
            address, touches, unit: where to serve, what touches mean, who is told of them.
            page: see above.
            asks: answers questions of staff; without it there is none.
            mirror: the picture of herself that she sees while her face is compared.
            room: hears of touches that are no part of a check.

        Raises:
            EnvironmentUnusable: the port is taken, or not this user's to take.
        """
        self._token = secrets.token_urlsafe(24)
        self._touches, self._unit, self._page = touches, unit, page
        self._asks, self._mirror, self._room = asks, mirror, room
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            self._socket = socket.create_server((address.host, address.port), family=family)
            # Every answer at once, and every view: asyncio does this for its own sockets only, and a browser that
            # waits with its acknowledgement would have the second of two small packets 40 ms later.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            where = f"kiosk.port: cannot serve the screen at {address.host} port {address.port}: {reason}"
            advice = "end the program that has it, or take another port in the configuration"
            raise EnvironmentUnusable(f"{where}; {advice}") from error
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._view: dict[str, Any] = {}
        self._version = 0
        self._changed: asyncio.Condition | None = None
        self._closing = threading.Event()
        self._checking = 0
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where the page is: by its name, where it has one, since browsers give security keys to no address."""
        return f"http://[::1]:{self._port}/" if self._socket.family == socket.AF_INET6 else f"{self.origin}/"

    @property
    def origin(self) -> str:
        """Of the page where security keys may be asked."""
        return f"http://localhost:{self._port}"

    @property
    def _port(self) -> int:
        return int(self._socket.getsockname()[1])

    def run(self) -> None:
        """Serve until :meth:`close`; one thread's whole life."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Condition()
        await self._server.serve(sockets=[self._socket])

    def show(self, view: dict[str, Any]) -> None:
        """Send ``view`` to every open page."""
        self._view = view
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just closed: no page is open any more
                loop.call_soon_threadsafe(self._tell_soon)

    def _tell_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._tell())
        self._telling.add(task)  # else it could be collected before it has run
        task.add_done_callback(self._telling.discard)

    async def _tell(self) -> None:
        assert self._changed is not None
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End :meth:`run`; open streams end within a second."""
        self._closing.set()
        self._server.should_exit = True
        self.show(self._view)

    # --- the application ---------------------------------------------------------------------------------------

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/views", self._views),
                Route("/touch/{name}", self._touch, methods=["POST"]),
                Route("/ask/{name}", self._ask, methods=["POST"]),
                Route("/mirror", self._look, methods=["POST"]),
                Route("/room", self._somebody, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
            middleware=[
                Middleware(_SafeHeaders),
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"]),
            ],
        )

    async def _index(self, _request: Request) -> Response:
        page = (_STATIC / "index.html").read_text("utf-8")
        values = json.dumps({**self._page, "token": self._token}, ensure_ascii=False).replace("<", "\\u003c")
        light = "night" if self._view.get("night") else "day"  # no white flash at 3 a.m. before the first view
        page = page.replace("{{light}}", light).replace("{{page}}", values)
        return Response(page, media_type="text/html; charset=utf-8")

    async def _views(self, _request: Request) -> Response:
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[str]:
        seen = -1  # a new page gets the current view at once
        while not self._closing.is_set():
            try:
                seen = await asyncio.wait_for(self._newer(seen), ALIVE_S)
            except TimeoutError:
                yield "event: alive\ndata\n\n"
            else:
                yield f"data: {json.dumps(self._view, ensure_ascii=False)}\n\n"

    async def _newer(self, seen: int) -> int:
        assert self._changed is not None
        async with self._changed:
            await self._changed.wait_for(lambda: self._version != seen)
        return self._version

    def _is_ours(self, request: Request) -> bool:
        # As bytes: text with other characters than ASCII cannot be compared this way.
        return secrets.compare_digest(request.headers.get("X-Vernix-Token", "").encode(), self._token.encode())

    async def _look(self, request: Request) -> Response:
        """One frame at a time: a slow screen gets fewer, never old ones. Nothing is kept on the way."""
        if not self._is_ours(request):
            return _refusal("wrong_token", 403)
        try:
            number = (await _values(request)).get("after", _NO_FRAME)
            if type(number) is not int:
                raise TouchRefused("after_must_be_a_number")
        except TouchRefused as error:
            return _refusal(error.cause, error.status)
        frame = await asyncio.to_thread(self._mirror, number, _FRAME_S)
        if frame is None:
            return _refusal("no_face_is_compared", 409)
        return Response(frame[1], media_type="image/jpeg", headers={"X-Vernix-Frame": str(frame[0])})

    async def _somebody(self, request: Request) -> Response:
        if not self._is_ours(request):
            return _refusal("wrong_token", 403)
        try:
            night = (await _values(request)).get("night")
            if night is not None and not isinstance(night, bool):
                raise TouchRefused("night_must_be_true_or_false")
        except TouchRefused as error:
            return _refusal(error.cause, error.status)
        self._room(night)
        return JSONResponse({"accepted": True}, status_code=202)

    async def _ask(self, request: Request) -> Response:
        if not self._is_ours(request):
            return _refusal("wrong_token", 403)
        try:
            return JSONResponse(await self._answer(request.path_params["name"], await _values(request)))
        except TouchRefused as error:
            return _refusal(error.cause, error.status)

    async def _answer(self, name: str, values: dict[str, Any]) -> Any:
        if self._asks is None:
            raise TouchRefused("unknown_question", 404)
        if self._checking >= MAX_CHECKING:
            raise TouchRefused("too_many_tries_at_once", 429)
        self._checking += 1
        try:
            return await asyncio.to_thread(self._asks.answer, name, values)
        finally:
            self._checking -= 1

    async def _touch(self, request: Request) -> Response:
        if not self._is_ours(request):
            return _refusal("wrong_token", 403)
        try:
            event = await self._event(request)
        except TouchRefused as error:
            return _refusal(error.cause, error.status)
        self._unit.post(event)
        if isinstance(event, Emergency) and not await self._kept(event.press):
            return _refusal("not_kept_yet", 503)
        return JSONResponse({"accepted": True}, status_code=202)

    async def _kept(self, press: Press | None) -> bool:
        """The door is open already: this waits for the journal. A press without a number nobody would tell again."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + KEPT_S
        while press is not None and not self._unit.keeps(press):
            if loop.time() >= until_s:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def _event(self, request: Request) -> Event:
        name = request.path_params["name"]
        if name == EMERGENCY:  # waits for nobody, and for no body either
            said = {"press": request.headers.get("X-Vernix-Press"), "age_ms": request.headers.get("X-Vernix-Age-Ms")}
            return self._touches.event(name, said)
        values = await _values(request)
        if not _PROOFS & values.keys():
            return meant(self._touches, name, values)
        # Checking a PIN or badge takes a noticeable time on purpose: not in the loop that feeds the screens.
        if self._checking >= MAX_CHECKING:
            raise TouchRefused("too_many_tries_at_once", 429)
        self._checking += 1
        try:
            return await asyncio.to_thread(meant, self._touches, name, values)
        finally:
            self._checking -= 1


class _SafeHeaders:
    """Puts :data:`_HEADERS` on every answer: pages, files and refusals."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_safely)


async def _values(request: Request) -> dict[str, Any]:
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _MAX_BODY:
                raise TouchRefused("too_large", 413)
    except ClientDisconnect:  # nobody reads the answer
        raise TouchRefused("not_whole") from None
    try:
        return json_object(body or b"{}")
    except MalformedError:
        raise TouchRefused("not_json") from None


def _refusal(cause: str, status: int) -> Response:
    return JSONResponse({"accepted": False, "cause": cause}, status_code=status)
