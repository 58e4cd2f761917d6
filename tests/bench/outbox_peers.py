"""What other programs do with a message that they have confirmed, when they are killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from daemon.demo.ports import free_port

MESSAGES = 500
PAYLOAD = os.urandom(2400)
"""As large as a sealed record."""
QUIET_S = 3.0
"""Nothing more came for so long: nothing more comes."""
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Killed:
    """Messages a second that were confirmed, and how many of them never arrived."""

    rate: float
    lost: int
    note: str = ""


class Mosquitto:
    """A broker without TLS, on a port of its own; it can be killed and started again."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        common = f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_type error\nuser root\n"
        self._config.write_text(common + "max_queued_messages 0\nmax_inflight_messages 100\n" + extra)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it listens."""
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        assert program is not None
        self.process = subprocess.Popen([program, "-c", self._config], stderr=subprocess.DEVNULL)
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError("mosquitto does not listen")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Hospital:
    """The broker that is away at first, and somebody who counts what arrives there."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder)
        self.arrived: set[bytes] = set()
        self._last_s = 0.0

    @contextmanager
    def open(self) -> Iterator[None]:
        """It is there."""
        self.broker.start()
        client = Client(CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        client.on_connect = lambda one, *_: one.subscribe("record", 1)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _client, _data, message: self._note(bytes(message.payload))
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        try:
            ready.wait(PATIENCE_S)
            yield
        finally:
            client.disconnect()
            client.loop_stop()
            self.broker.kill()

    def _note(self, payload: bytes) -> None:
        self.arrived.add(payload[:8])
        self._last_s = time.monotonic()

    def count(self) -> int:
        """How many different messages come, until all are there or none comes any more."""
        self._last_s = time.monotonic() + PATIENCE_S / 2  # the first may take a while
        while len(self.arrived) < MESSAGES and time.monotonic() - self._last_s < QUIET_S:
            time.sleep(0.05)
        return len(self.arrived)


def _message(number: int) -> bytes:
    return b"%08d" % number + PAYLOAD


class PahoQueue:
    """paho's client keeps what it cannot send in memory; ``publish`` has returned, the program goes on."""

    def __init__(self, folder: Path) -> None:
        self._hospital = Hospital(folder)

    def measure(self) -> Killed:
        """Queue, kill, start the same program again."""
        heard, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            self._publish(mouth)
        os.close(mouth)
        with os.fdopen(heard, "r") as lines:
            rate = float(lines.readline())
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        with self._hospital.open():
            again = self._client()  # the program starts again; it has nothing to say
            time.sleep(QUIET_S)
            lost = MESSAGES - len(self._hospital.arrived)
            again.disconnect()
            again.loop_stop()
        return Killed(rate, lost, "confirmed: publish() has returned")

    def _client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, "unit", clean_session=False)
        client.max_queued_messages_set(0)
        client.connect_async("127.0.0.1", self._hospital.broker.port)
        client.loop_start()
        return client

    def _publish(self, mouth: int) -> None:
        client = self._client()
        began_s = time.perf_counter()
        for number in range(MESSAGES):
            client.publish("record", _message(number), qos=1)
        os.write(mouth, f"{MESSAGES / (time.perf_counter() - began_s)}\n".encode())
        time.sleep(60)
        os._exit(0)


class Bridge:
    """A mosquitto on the unit that bridges to the hospital's; a message is confirmed by its PUBACK."""

    def __init__(self, folder: Path, extra: str) -> None:
        self._hospital = Hospital(folder / "hospital")
        here = folder / "unit"
        self._local = Mosquitto(
            here,
            f"persistence true\npersistence_location {here}/\n{extra}"
            f"connection hospital\naddress 127.0.0.1:{self._hospital.broker.port}\ntopic record out 1\n"
            "cleansession false\nnotifications false\nrestart_timeout 1\nbridge_protocol_version mqttv311\n",
        )

    def measure(self) -> Killed:
        """Publish to the local broker, kill it, start it again with the hospital's there."""
        self._local.start()
        try:
            rate = self._publish()
            self._local.kill()
            with self._hospital.open():
                self._local.start()
                lost = MESSAGES - self._hospital.count()
        finally:
            self._local.kill()
        return Killed(rate, lost, "confirmed: PUBACK")

    def _publish(self) -> float:
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self._local.port)
        client.loop_start()
        began_s = time.perf_counter()
        for sent in [client.publish("record", _message(number), qos=1) for number in range(MESSAGES)]:
            sent.wait_for_publish(PATIENCE_S)
        rate = MESSAGES / (time.perf_counter() - began_s)
        client.disconnect()
        client.loop_stop()
        return rate
