"""Who may do what at mosquitto on the generated files: a unit reaches beyond its own, and others saw nothing of it."""

from __future__ import annotations

import datetime as dt
import signal
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from daemon.demo.ports import HOST
from daemon.mqtt import BrokerAddress, Cause, TlsFiles
from daemon.mqtt.broker import client_context
from evidence.certificates import Profile, issue, make_request, subject_name, to_pem
from evidence.keys import load_private_key
from evidence.topics import DOWN, UP, Address, Channel, every_unit
from provisioning.broker import CRL
from provisioning.cli import main
from provisioning.site import load_site
from tests.daemon.mqtt_probe import Probe
from tests.delivery.brokers import Mosquitto
from tests.delivery.cli import make_site, working_folder
from tests.delivery.packets import publish
from tests.provisioning.mosquitto import CONNACK_ACCEPTED, CONNECT, Peer, tls
from tests.support.brokers import wait_for
from tests.support.programs import FindProgram

SITE = "site-test"
A, B = Address(SITE, "unit-a"), Address(SITE, "unit-b")
GRANTED = (0, 16)
NOT_AUTHORIZED = 0x87
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(slots=True)
class Ground:
    """A site with units a and b and its broker; ``other`` is another site whose names are the same."""

    folder: Path
    broker: Mosquitto
    other: Path = field(init=False)

    def __post_init__(self) -> None:
        for name in ("unit-a", "unit-b"):
            provision("unit", "enrol", "--site", self.site, "--unit", name, *enrolment(self.folder / name))
        self.other = self.folder / "other"
        make_site(self.other / "site")
        provision("unit", "enrol", "--site", self.other / "site", "--unit", "unit-a", *enrolment(self.other / "unit-a"))

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def port(self) -> int:
        return self.broker.ports[0]

    def peer(self, who: str, **options: Any) -> Peer:
        folder = self.site / "gateway" if who == "gateway" else self.folder / who
        return Peer(folder, self.port, **options)


def enrolment(folder: Path) -> tuple[str | Path, ...]:
    return ("--into", folder, "--checkpoint", "delivery", "--camera", "none:", "--card-reader", "none:")


def provision(*arguments: str | Path) -> None:
    """Run ``vernix-provision``, which must succeed."""
    assert main([str(one) for one in arguments]) == 0


@pytest.fixture
def ground(program: FindProgram) -> Iterator[Ground]:
    with working_folder() as folder:
        broker = Mosquitto(make_site(folder / "site"), program("mosquitto"))
        made = Ground(folder, broker)
        broker.start()
        yield made
        broker.end(signal.SIGKILL)


class Witnesses:
    """The gateway, and unit b: those who would hear what unit a must not say."""

    def __init__(self, ground: Ground, stack: ExitStack) -> None:
        self.gateway = stack.enter_context(ground.peer("gateway"))
        self.b = stack.enter_context(ground.peer("unit-b"))
        self.listen()

    def listen(self) -> None:
        """Subscribe to everything they may hear."""
        self.gateway.subscribe(*(every_unit(SITE, channel) for channel in UP))
        self.b.subscribe(*(B.topic(channel) for channel in DOWN))

    def hear_only_what_is_allowed(self, a: Peer) -> None:
        """Positive control: both hear what they may, and nothing came before it."""
        for channel in UP:
            assert a.publish(A.topic(channel), b"allowed") in GRANTED
            assert self.gateway.received() == (A.topic(channel), b"allowed")
        for channel in DOWN:
            assert self.gateway.publish(B.topic(channel), b"allowed") in GRANTED
            assert self.b.received() == (B.topic(channel), b"allowed")


@pytest.mark.parametrize("retain", [False, True], ids=["", "retained"])
@pytest.mark.parametrize("version", [V5, V311], ids=["v5", "v311"])
def test_a_unit_speaks_only_for_itself(ground: Ground, version: MQTTProtocolVersion, *, retain: bool) -> None:
    foreign = [B.topic(channel) for channel in (*UP, *DOWN)] + [A.topic(channel) for channel in DOWN]
    foreign += [f"vernix/v1/{SITE}/gateway/command", f"vernix/v1/other/{A.unit}/record", "vernix", "$SYS/broker/x"]
    with ExitStack() as stack:
        witnesses = Witnesses(ground, stack)
        a = stack.enter_context(ground.peer("unit-a", version=version))
        for topic in foreign:
            answer = a.publish(topic, b"forged", retain=retain)
            assert version == V311 or answer == NOT_AUTHORIZED, topic  # 3.1.1 has no word for it
        witnesses.listen()  # again: now would come what is retained
        witnesses.hear_only_what_is_allowed(a)


@pytest.mark.parametrize("version", [V5, V311], ids=["v5", "v311"])
def test_a_unit_hears_only_what_is_its_own(ground: Ground, version: MQTTProtocolVersion) -> None:
    wanted = ["#", "vernix/#", "+/+/+/+/receipt", "$SYS/#", "$share/x/vernix/#", f"vernix/v1/{SITE}/unit-b/#"]
    wanted += [B.topic(channel) for channel in (*UP, *DOWN)] + [every_unit(SITE, channel) for channel in (*UP, *DOWN)]
    with ExitStack() as stack:
        witnesses = Witnesses(ground, stack)
        a = stack.enter_context(ground.peer("unit-a", version=version))
        a.subscribe(A.topic(Channel.RECEIPT), *wanted)
        for channel in UP:
            assert witnesses.b.publish(B.topic(channel), b"of b") in GRANTED
            assert witnesses.gateway.received() == (B.topic(channel), b"of b")
        for channel in DOWN:
            assert witnesses.gateway.publish(B.topic(channel), b"for b") in GRANTED
            assert witnesses.b.received() == (B.topic(channel), b"for b")
        assert witnesses.gateway.publish(A.topic(Channel.RECEIPT), b"for a") in GRANTED
        assert a.received() == (A.topic(Channel.RECEIPT), b"for a")
        assert {topic for topic, _ in a.rest()} <= {A.topic(Channel.RECEIPT)}  # once for each filter that fits


@pytest.mark.parametrize("version", [V5, V311], ids=["v5", "v311"])
def test_a_last_will_speaks_only_for_the_unit(ground: Ground, version: MQTTProtocolVersion) -> None:
    with ExitStack() as stack:
        witnesses = Witnesses(ground, stack)
        for address in (B, A):
            a = ground.peer("unit-a", version=version, will=address.topic(Channel.STATE))
            with suppress(AssertionError), a:  # mosquitto may refuse the connection for its will
                a.vanish()
        assert witnesses.gateway.received() == (A.topic(Channel.STATE), b"will")
        witnesses.hear_only_what_is_allowed(stack.enter_context(ground.peer("unit-a", version=version)))


def intrude(context: ssl.SSLContext, port: int) -> bytes:
    """CONNECT and a record of unit a in one breath, before the broker has said anything; what it answers."""
    with socket.create_connection((HOST, port), timeout=20) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=HOST) as secure:
                secure.sendall(CONNECT + publish(A.topic(Channel.RECORD), b"intruder", 4))
                return secure.recv(4)
        except TimeoutError:
            raise
        except OSError:
            return b""


def expired(ground: Ground) -> ssl.SSLContext:
    """Unit a's own key, with a certificate that ended yesterday."""
    site, folder = load_site(ground.site), ground.folder / "unit-a"
    key = load_private_key(folder / "client.key")
    then = dt.datetime.now(dt.UTC) - Profile.CLIENT.lifetime - dt.timedelta(days=1)
    request = make_request(subject_name("unit-a", SITE), key)
    made = issue(request, Profile.CLIENT, site.authority, site.authority_key, then)
    (folder / "expired.pem").write_bytes(to_pem(made))
    context = tls(folder, None)
    context.load_cert_chain(folder / "expired.pem", folder / "client.key")
    return context


def of_another_site(ground: Ground) -> ssl.SSLContext:
    context = tls(ground.folder / "unit-a", None)
    context.load_cert_chain(ground.other / "unit-a/client.pem", ground.other / "unit-a/client.key")
    return context


def revoked(ground: Ground) -> ssl.SSLContext:
    provision("unit", "revoke", "unit-a", "--site", ground.site, "--reason", "lost")
    provision("broker", "crl", ground.site / "broker", ground.site / "authority" / CRL)
    ground.broker.restart(signal.SIGTERM)
    return tls(ground.folder / "unit-a")


def old_tls(ground: Ground) -> ssl.SSLContext:
    """TLS 1.1, with which this side at least would be content."""
    context = tls(ground.folder / "unit-a")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


INTRUDERS: dict[str, Callable[[Ground], ssl.SSLContext]] = {
    "no certificate": lambda ground: tls(ground.folder / "unit-a", None),
    "the record key": lambda ground: tls(ground.folder / "unit-a", "record"),
    "expired": expired,
    "of another site": of_another_site,
    "revoked": revoked,
    "TLS 1.1": old_tls,
}


@pytest.mark.parametrize("who", INTRUDERS)
def test_an_intruder_is_not_let_in_and_nobody_hears_it(ground: Ground, who: str) -> None:
    context = INTRUDERS[who](ground)
    with ExitStack() as stack:
        witnesses = Witnesses(ground, stack)
        assert intrude(context, ground.port) == b""
        witnesses.b.publish(B.topic(Channel.RECORD), b"allowed")
        assert witnesses.gateway.received() == (B.topic(Channel.RECORD), b"allowed")
        if who != "revoked":
            assert intrude(tls(ground.folder / "unit-a"), ground.port) == CONNACK_ACCEPTED
            assert witnesses.gateway.received() == (A.topic(Channel.RECORD), b"intruder")


@pytest.mark.parametrize(("newest", "spoken"), [(None, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")])
def test_tls_1_3_is_spoken_and_1_2_is_the_floor(ground: Ground, newest: ssl.TLSVersion | None, spoken: str) -> None:
    files = TlsFiles(*(ground.folder / "unit-a" / name for name in ("authority.pem", "client.pem", "client.key")))
    context = client_context(files)
    if newest is not None:
        context.maximum_version = newest
    plain = socket.create_connection((HOST, ground.port))
    with context.wrap_socket(plain, server_hostname=HOST) as secure:
        secure.sendall(CONNECT)
        assert secure.recv(4) == CONNACK_ACCEPTED
        assert secure.version() == spoken


def link(ground: Ground, address: Address) -> Probe:
    folder = ground.folder / address.unit
    files = TlsFiles(folder / "authority.pem", folder / "client.pem", folder / "client.key")
    return Probe(BrokerAddress(HOST, ground.port, files), address=address)


def test_an_open_session_is_cut_when_its_certificate_is_revoked(ground: Ground) -> None:
    """The whole procedure as the commands print it: revoke, carry the list to the broker, restart it."""
    with link(ground, A) as a, link(ground, B) as b:
        a.wait_connected()
        b.wait_connected()
        provision("unit", "revoke", "unit-a", "--site", ground.site, "--reason", "lost")
        provision("broker", "crl", ground.site / "broker", ground.site / "authority" / CRL)
        ground.broker.restart(signal.SIGTERM)
        assert intrude(tls(ground.folder / "unit-a"), ground.port) == b""
        state = a.wait_cause(Cause.CERTIFICATE)
        assert state.reason.startswith("this unit's TLS certificate is revoked")
        with ground.peer("gateway") as gateway:
            gateway.subscribe(*(every_unit(SITE, channel) for channel in UP))
            attempts = sum(a.link.counters.attempts.values())
            wait_for(lambda: sum(a.link.counters.attempts.values()) > attempts + 5, "it to try again and again")
            assert not a.link.connected
            b.wait_cause(Cause.LOST)
            wait_for(lambda: b.link.connected, "unit b to be back")
            b.publish(b"of b")
            heard = [gateway.received()]
            while heard[-1][1] != b"of b":
                heard.append(gateway.received())
            retained = A.topic(Channel.STATE)  # what unit a said before
            assert {topic for topic, _ in heard} <= {retained, *(B.topic(channel) for channel in UP)}
            assert gateway.publish(B.topic(Channel.RECEIPT), b"for b") in GRANTED
            wait_for(lambda: b.messages == [(Channel.RECEIPT, b"for b")], "unit b to hear")
