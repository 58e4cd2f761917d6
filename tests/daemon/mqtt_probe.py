"""A link with its callbacks recorded, and a broker that says whatever a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Self

from daemon.demo.ports import HOST
from daemon.mqtt import BrokerAddress, Cause, LinkState, MqttLink, Timing, TlsFiles
from evidence.topics import Address, Channel
from tests.support.brokers import Identity, Site, wait_for

UNIT = Address("demo-hospital", "unit-1")
QUICK = Timing(dial_s=1.0, answer_s=1.0, first_retry_s=0.05, longest_retry_s=0.2)
SCRIPTED = replace(QUICK, farewell_s=0.2)
"""For a broker that does not acknowledge the farewell."""


def address_of(site: Site, port: int, *, identity: Identity | None = None, host: str = HOST) -> BrokerAddress:
    """A broker at ``port`` that presents the site's certificate."""
    identity = identity or site.client("unit-1")
    return BrokerAddress(host, port, TlsFiles(site.authority, identity.certificate, identity.key))


class Probe:
    """A link under test. ``on_message`` and ``on_published`` may be replaced by a test."""

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        remembered: Path | None = None,
        software: str = "",
        timing: Timing | None = None,
        address: Address = UNIT,
    ) -> None:
        self.states: list[LinkState] = []
        self.messages: list[tuple[Channel, bytes]] = []
        self.published: list[int] = []
        self.on_message: Callable[[Channel, bytes], None] = lambda channel, data: self.messages.append((channel, data))
        self.on_published: Callable[[int], None] = self.published.append
        self.link = MqttLink(
            broker,
            address,
            on_message=lambda channel, data: self.on_message(channel, data),
            on_state=self.states.append,
            on_published=lambda number: self.on_published(number),
            remembered=remembered,
            software=software,
            about={"software": "0.1.0"},
            timing=timing or (QUICK if broker.tls else SCRIPTED),
            random=Random(1),
        )

    def __enter__(self) -> Self:
        before = set(threading.enumerate())
        self.link.start()
        self._threads = set(threading.enumerate()) - before
        return self

    def __exit__(self, *exc: object) -> None:
        self.link.stop()
        assert not [thread for thread in self._threads if thread.name == "mqtt-link" and thread.is_alive()]

    def wait_connected(self) -> LinkState:
        """The state of the connection, once it stands."""
        wait_for(lambda: self.link.connected, "the link to connect")
        return self.states[-1]

    def wait_cause(self, cause: Cause) -> LinkState:
        """The first state with ``cause``."""
        wait_for(lambda: any(state.cause == cause for state in self.states), f"the state {cause}")
        return next(state for state in self.states if state.cause == cause)

    def publish(self, payload: bytes, channel: Channel = Channel.RECORD) -> int:
        """Publish, and return when the broker has acknowledged it."""
        number = self.link.publish(channel, payload, content_type="application/jose+json")
        assert number is not None
        wait_for(lambda: number in self.published, "the acknowledgement")
        return number


Answer = Callable[[socket.socket, int], None]
"""Says something on a connection, whose CONNECT had this protocol level, then returns or blocks on reading."""


class ScriptedBroker:
    """A TCP server without TLS that reads CONNECT and lets ``answer`` say something; it never closes by itself."""

    def __init__(self, answer: Answer, *, on_open: Callable[[socket.socket], None] = lambda _: None) -> None:
        """Prepare; ``on_open`` speaks before CONNECT."""
        self._answer = answer
        self._on_open = on_open
        self._listener = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = []
        self.levels: list[int] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> BrokerAddress:
        """Where it listens."""
        return BrokerAddress(HOST, self._listener.getsockname()[1], None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            self._on_open(connection)
            _, body = read_packet(connection)
            level = body[6]  # after the length and the four letters "MQTT"
            self.levels.append(level)
            self._answer(connection, level)


def read_packet(connection: socket.socket) -> tuple[int, bytes]:
    """First byte and body of one MQTT packet.

    Raises:
        OSError: the connection ended.
    """
    first = _exactly(connection, 1)[0]
    length, shift = 0, 0
    while True:
        byte = _exactly(connection, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return first, _exactly(connection, length)


def packet(first: int, body: bytes) -> bytes:
    """An MQTT packet."""
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(digits) + body


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data
