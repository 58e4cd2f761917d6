"""A line to a broker that a test can slow down, cut and lead to another node; and one that lies.

:class:`Line` passes bytes on, TLS and all. :class:`LyingLine` ends TLS on both sides with the site's own certificates,
so what it says is, to unit and gateway, what the broker says.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from daemon.demo.ports import HOST
from tests.delivery.packets import Kind, Packet, Publish, Reader, level_of, puback, publish, read_publish

_PIECE = 65536
_TURN_S = 0.05
_WAIT_S = 20.0
_Result = TypeVar("_Result")


class Line:
    """Listens on a port of its own and connects each client to the first of ``backends`` that answers."""

    def __init__(self, backends: Sequence[int]) -> None:
        """Prepare; ``backends`` are ports of 127.0.0.1 in order of preference."""
        self.backends = list(backends)
        self.bytes_per_s: float | None = None
        """How fast bytes pass in each direction; None: as they come."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(self._listen())
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()

    def cut(self) -> None:
        """End every connection at once; new ones are served."""
        self._do(self._cut())

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._begin, HOST, 0, ssl=self._server_context())

    async def _shut(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut()

    async def _cut(self) -> None:
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _server_context(self) -> ssl.SSLContext | None:
        return None

    def _client_context(self) -> ssl.SSLContext | None:
        return None

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            far_reader, far_writer = await self._connect()
            writers.append(far_writer)
            await self._pass_on(reader, writer, far_reader, far_writer)
        except OSError:
            pass  # no broker: the client sees its connection end
        finally:
            for one in writers:
                one.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = self._client_context()
        for port in self.backends[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(HOST, port, ssl=context)
        return await asyncio.open_connection(HOST, self.backends[-1], ssl=context)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        await _until_one_ends(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(self._piece()):
            if self.bytes_per_s is not None:
                await asyncio.sleep(len(data) / self.bytes_per_s)
            writer.write(data)
            await writer.drain()

    def _piece(self) -> int:
        return _PIECE if self.bytes_per_s is None else max(1, int(self.bytes_per_s * _TURN_S))


async def _until_one_ends(*directions: Coroutine[Any, Any, None]) -> None:
    """When one direction has ended, in whatever way, the other ends too."""
    tasks = [asyncio.ensure_future(one) for one in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class LyingLine(Line):
    """Reads every PUBLISH, acknowledges and drops those it is told to forget, and puts others in.

    Attributes:
        forget: says of a PUBLISH from the client whether it is acknowledged and dropped.
        forgotten: what was dropped, in order.
        keep_pubacks: keep the broker's own acknowledgements to itself.
        told: every PUBLISH that the broker sent to the client, in order.
    """

    def __init__(self, backends: Sequence[int], broker: Path, client: Path) -> None:
        """Prepare.

        Args:
            broker: folder with ``server.pem``, ``server.key`` and ``authority.pem``.
            client: folder with ``client.pem`` and ``client.key`` of the one client on this line.
        """
        super().__init__(backends)
        self._broker, self._client = broker, client
        self.forget: Callable[[Publish], bool] = lambda _: False
        self.forgotten: list[Publish] = []
        self.keep_pubacks = False
        self.told: list[Publish] = []
        self._level = 0
        self._to_client: asyncio.StreamWriter | None = None

    def say(self, topic: str, payload: bytes) -> None:
        """Send the client a message that the broker never had."""
        self._do(self._say(topic, payload))

    async def _say(self, topic: str, payload: bytes) -> None:
        if self._to_client is None:
            raise ConnectionError("nobody is connected")
        self._to_client.write(publish(topic, payload, self._level))

    def _server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._broker / "server.pem", self._broker / "server.key")
        context.load_verify_locations(self._broker / "authority.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._broker / "authority.pem")
        context.load_cert_chain(self._client / "client.pem", self._client / "client.key")
        return context

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        self._to_client = writer
        await _until_one_ends(self._up(reader, writer, far_writer), self._down(far_reader, writer))

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, far_writer: asyncio.StreamWriter
    ) -> None:
        packets = Reader()
        while data := await reader.read(_PIECE):
            for packet in packets.receive_data(data):
                answer = self._lie_about(packet)
                (far_writer if answer is None else writer).write(packet.to_bytes() if answer is None else answer)
            await far_writer.drain()
            await writer.drain()

    def _lie_about(self, packet: Packet) -> bytes | None:
        """The acknowledgement of a PUBLISH that is forgotten; None for what is passed on."""
        if packet.kind == Kind.CONNECT:
            self._level = level_of(packet)
        if packet.kind != Kind.PUBLISH:
            return None
        message = read_publish(packet, self._level)
        if not self.forget(message):
            return None
        self.forgotten.append(message)
        return b"" if self.keep_pubacks else puback(message.mid)

    async def _down(self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packets = Reader()
        while data := await far_reader.read(_PIECE):
            for packet in packets.receive_data(data):
                if packet.kind == Kind.PUBLISH:
                    self.told.append(read_publish(packet, self._level))
                if packet.kind != Kind.PUBACK or not self.keep_pubacks:
                    writer.write(packet.to_bytes())
            await writer.drain()
