"""A real mosquitto on the files of a site, and clients that hold a unit's or the gateway's certificate."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from daemon.demo.ports import HOST

WAIT_S = 20.0
CONNECT = bytes.fromhex("10100004 4d515454 0402003c 0004 70726f62".replace(" ", ""))
"""MQTT 3.1.1 CONNECT of a client called ``prob``, clean session, 60 s."""
CONNACK_ACCEPTED = bytes.fromhex("20020000")


@contextmanager
def running(mosquitto: Path, folder: Path, port: int) -> Iterator[None]:
    """mosquitto on the generated files in ``folder``, until the block ends."""
    conf = folder / "mosquitto.conf"
    if os.geteuid() == 0:
        # As root mosquitto changes to an account of its own, which cannot enter the tests' folders.
        conf = folder / "as-root.conf"
        conf.write_text("user root\n" + (folder / "mosquitto.conf").read_text("utf-8"), "utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([mosquitto, "-c", conf.name], cwd=folder, stdout=log, stderr=log)
    try:
        _await_port(process, folder / "log", port)
        yield
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _await_port(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        assert process.poll() is None, f"mosquitto ended: {log.read_text('utf-8')}"
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.02)
        else:
            return


def tls(folder: Path, identity: str | None = "client") -> ssl.SSLContext:
    """TLS as a program of ``folder`` speaks it; ``identity`` names its certificate and key, None leaves them out."""
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    # What Python 3.13 does by itself.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if identity is not None:
        context.load_cert_chain(folder / f"{identity}.pem", folder / f"{identity}.key")
    return context


def connack(context: ssl.SSLContext, port: int) -> bytes:
    """What the broker answers to a CONNECT: 4 bytes, or none when it breaks the connection off."""
    with socket.create_connection((HOST, port), timeout=WAIT_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=HOST) as secure:
                secure.sendall(CONNECT)
                return secure.recv(4)
        except TimeoutError:
            raise
        except OSError:
            return b""


class Peer:
    """One client, MQTT 5 unless told otherwise; use as a context manager."""

    def __init__(
        self,
        folder: Path,
        port: int,
        client_id: str = "",
        *,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        will: str | None = None,
    ) -> None:
        self.inbox: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=version)
        if will is not None:
            self._client.will_set(will, b"will", 1)
        self._client.tls_set_context(tls(folder))
        self._client.on_connect = lambda _client, _data, _flags, code, _properties: self._note("connect", code.value)
        self._client.on_disconnect = lambda _client, _data, _flags, code, _properties: self._note("gone", code.value)
        self._client.on_subscribe = lambda _client, _data, _mid, codes, _properties: self._note("suback", codes)
        self._client.on_publish = lambda _client, _data, _mid, code, _properties: self._note("puback", code.value)
        self._client.on_message = self._message
        self._client.connect(HOST, port)

    def _note(self, event: str, value: Any) -> None:
        self._events.put((event, value))

    def _message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.inbox.put((message.topic, bytes(message.payload)))

    def _next(self, wanted: str) -> Any:
        event, value = self._events.get(timeout=WAIT_S)
        assert event == wanted, f"{event} {value} instead of {wanted}"
        return value

    def __enter__(self) -> Peer:
        self._client.loop_start()
        assert self._next("connect") == 0
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """End without a word: the broker publishes the will."""
        sock = self._client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)

    def subscribe(self, *filters: str) -> None:
        """Subscribe with QoS 1 and wait for the broker's answer, whatever it is."""
        for item in filters:
            self._client.subscribe(item, 1)
            self._next("suback")

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish with QoS 1; the reason code of the broker's answer (MQTT 5, 3.4.2.1)."""
        self._client.publish(topic, payload, 1, retain)
        return int(self._next("puback"))

    def received(self) -> tuple[str, bytes]:
        """The next message that arrived."""
        return self.inbox.get(timeout=WAIT_S)

    def rest(self) -> list[tuple[str, bytes]]:
        """What else has arrived by now."""
        found = []
        while not self.inbox.empty():
            found.append(self.inbox.get())
        return found
