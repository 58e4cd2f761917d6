"""Real brokers for tests: a site's certificates, mosquitto on a free port, and a client that watches what arrives."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from daemon.demo.ports import HOST
from evidence.certificates import Profile, issue, make_authority, make_request, subject_name, to_pem

PATIENCE_S = 20.0
"""How long a test waits for what has to happen. Not a measure of speed."""


def wait_for(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as ``condition`` holds.

    Raises:
        AssertionError: it did not within ``patience_s``; the message says ``what`` was awaited.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files of one TLS party."""

    certificate: Path
    key: Path


class Site:
    """A site's authority and the TLS identities it issues, in a folder laid out as the demo's broker wants it."""

    def __init__(self, folder: Path, name: str = "demo-hospital") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = make_authority(name, self._key, _now() - dt.timedelta(days=3000))
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(to_pem(self._certificate))
        self.server = self.issue("server", Profile.SERVER, hosts=(HOST, "localhost"))

    def client(self, name: str, *, age: dt.timedelta = dt.timedelta()) -> Identity:
        """A TLS client identity, issued ``age`` ago."""
        return self.issue(name, Profile.CLIENT, age=age)

    def issue(
        self, name: str, profile: Profile, *, hosts: Sequence[str] = (), age: dt.timedelta = dt.timedelta()
    ) -> Identity:
        """A certificate issued ``age`` ago (in the future, if negative), as ``name.pem`` and ``name.key``."""
        key = ec.generate_private_key(ec.SECP256R1())
        request = make_request(subject_name(name, self.name), key)
        certificate = issue(request, profile, self._certificate, self._key, _now() - age, hosts)
        return self._write(name, certificate, key)

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
        identity = Identity(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        identity.certificate.write_bytes(to_pem(certificate))
        identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return identity


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Mosquitto:
    """mosquitto with MQTT 5, TLS and required client certificates, on a port of its own."""

    def __init__(
        self, program: Path, site: Site, port: int, *, server: Identity | None = None, extra: str = ""
    ) -> None:
        """Prepare.

        Args:
            program: path of mosquitto.
            site: whose authority it trusts.
            port: where it listens on 127.0.0.1.
            server: its own identity, if not the site's ``server``.
            extra: further lines of its configuration.
        """
        server = server or site.server
        self.port = port
        self._program = program
        self._config = site.folder / f"mosquitto-{port}.conf"
        self._config.write_text(
            f"listener {port} {HOST}\ncafile {site.authority}\ncertfile {server.certificate}\nkeyfile {server.key}\n"
            f"require_certificate true\nallow_anonymous true\nlog_type error\npersistence false\n{extra}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it listens."""
        # As root mosquitto changes to its own user, who may not read a test's folder.
        self._config.write_text(self._config.read_text().replace("user root\n", "") + "user root\n")
        self._process = subprocess.Popen([self._program, "-c", self._config], stderr=subprocess.DEVNULL)
        wait_for(self._listens, "mosquitto to listen")

    def stop(self) -> None:
        """SIGTERM."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto ended at once: see its configuration"
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            return True
        return False


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as a subscriber gets it."""

    topic: str
    payload: bytes
    retain: bool
    content_type: str | None
    qos: int = 0


class Watcher:
    """The other side: a plain client that subscribes to everything of Vernix, and publishes what a test wants."""

    def __init__(self, site: Site, port: int, *, v5: bool, topics: str = "vernix/#") -> None:
        self._arrived = threading.Event()
        self.seen: list[Seen] = []
        identity = site.client(f"watcher-{port}")
        version = MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311
        self._client = Client(CallbackAPIVersion.VERSION2, f"watcher-{port}", protocol=version)
        context = ssl.create_default_context(cafile=str(site.authority))
        context.load_cert_chain(identity.certificate, identity.key)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, 1)
        self._client.on_subscribe = lambda *_: self._arrived.set()
        self._client.on_message = self._note
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        assert self._arrived.wait(PATIENCE_S), "the watcher's subscription was not answered"
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, and return when the broker has it."""
        self._client.publish(topic, payload, 1).wait_for_publish(PATIENCE_S)

    def payloads(self, topic: str) -> list[bytes]:
        """What came on ``topic``, in order."""
        return [seen.payload for seen in list(self.seen) if seen.topic == topic]

    def _note(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        content_type = getattr(message.properties, "ContentType", None)
        self.seen.append(Seen(message.topic, bytes(message.payload), message.retain, content_type, message.qos))
