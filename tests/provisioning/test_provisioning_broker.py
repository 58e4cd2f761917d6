"""The generated broker files under a real mosquitto: who comes in, who may say and hear what."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.demo.ports import HOST, free_port
from evidence.topics import DOWN, UP, Address, Channel, every_unit
from provisioning.broker import Broker
from provisioning.enrolment import enrol
from provisioning.site import init_site
from provisioning.unit_toml import UnitSettings
from tests.provisioning.mosquitto import CONNACK_ACCEPTED, Peer, connack, running, tls

A = Address("demo-site", "unit-a")
B = Address("demo-site", "unit-b")
GRANTED = (0, 16)
"""Success, and success with nobody listening (MQTT 5, 3.4.2.1)."""
NOT_AUTHORIZED = 0x87


@dataclass(frozen=True, slots=True)
class Hospital:
    """A site with two units and its broker running."""

    folder: Path
    port: int

    def peer(self, who: str, client_id: str = "") -> Peer:
        folder = self.folder / "site" / "gateway" if who == "gateway" else self.folder / who
        return Peer(folder, self.port, client_id)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def enrol_units(folder: Path, *names: str) -> None:
    for name in names:
        enrol(folder / "site", name, folder / name, UnitSettings(checkpoint="delivery"), now)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], Path]) -> Iterator[Hospital]:
    folder, port = tmp_path_factory.mktemp("hospital"), free_port()
    init_site(folder / "site", "demo-site", Broker(HOST, port), now())
    enrol_units(folder, "unit-a", "unit-b")
    with running(program("mosquitto"), folder / "site" / "broker", port):
        yield Hospital(folder, port)


def test_mosquitto_has_nothing_against_the_configuration(hospital: Hospital) -> None:
    log = (hospital.folder / "site/broker/log").read_text("utf-8")
    complaints = [line for line in log.splitlines() if "Warning" in line or "recommended" in line]
    assert all("should not be run as root" in line for line in complaints), complaints


def test_a_unit_and_the_gateway_come_in(hospital: Hospital) -> None:
    for folder in (hospital.folder / "unit-a", hospital.folder / "site/gateway"):
        assert connack(tls(folder), hospital.port) == CONNACK_ACCEPTED


def test_nobody_comes_in_without_a_certificate(hospital: Hospital) -> None:
    assert connack(tls(hospital.folder / "unit-a", None), hospital.port) == b""


def test_the_record_key_is_no_way_in(hospital: Hospital) -> None:
    assert connack(tls(hospital.folder / "unit-a", "record"), hospital.port) == b""


def test_another_sites_unit_does_not_come_in(hospital: Hospital, tmp_path: Path) -> None:
    init_site(tmp_path / "site", "demo-site", Broker(HOST, hospital.port), now())
    enrol_units(tmp_path, "unit-a")
    context = tls(hospital.folder / "unit-a", None)
    context.load_cert_chain(tmp_path / "unit-a/client.pem", tmp_path / "unit-a/client.key")
    assert connack(context, hospital.port) == b""


def test_a_unit_does_not_talk_to_a_broker_of_another_site(hospital: Hospital, tmp_path: Path) -> None:
    init_site(tmp_path / "site", "demo-site", Broker(HOST, hospital.port), now())
    enrol_units(tmp_path, "unit-a")
    with pytest.raises(ssl.SSLCertVerificationError), Peer(tmp_path / "unit-a", hospital.port):
        pass


def test_a_unit_delivers_and_the_gateway_answers(hospital: Hospital) -> None:
    with hospital.peer("unit-a") as unit, hospital.peer("gateway") as gateway:
        gateway.subscribe(*(every_unit("demo-site", channel) for channel in UP))
        unit.subscribe(*(A.topic(channel) for channel in DOWN))
        for channel in UP:
            assert unit.publish(A.topic(channel), channel.encode()) in GRANTED
            assert gateway.received() == (A.topic(channel), channel.encode())
        for channel in DOWN:
            assert gateway.publish(A.topic(channel), channel.encode()) in GRANTED
            assert unit.received() == (A.topic(channel), channel.encode())


@pytest.mark.parametrize("channel", UP)
def test_a_unit_cannot_speak_for_another(hospital: Hospital, channel: Channel) -> None:
    with hospital.peer("unit-a") as unit:
        assert unit.publish(B.topic(channel)) == NOT_AUTHORIZED


@pytest.mark.parametrize("channel", DOWN)
def test_a_unit_cannot_speak_for_the_gateway(hospital: Hospital, channel: Channel) -> None:
    with hospital.peer("unit-a") as unit:
        assert unit.publish(A.topic(channel)) == NOT_AUTHORIZED
        assert unit.publish(B.topic(channel)) == NOT_AUTHORIZED


@pytest.mark.parametrize("listening", [B.topic(Channel.RECEIPT), every_unit("demo-site", Channel.RECEIPT), "#"])
def test_a_unit_cannot_hear_anothers_receipts(hospital: Hospital, listening: str) -> None:
    with hospital.peer("unit-a") as a, hospital.peer("unit-b") as b, hospital.peer("gateway") as gateway:
        a.subscribe(listening, A.topic(Channel.ROSTER))
        b.subscribe(B.topic(Channel.RECEIPT))
        gateway.publish(B.topic(Channel.RECEIPT), b"for b")
        assert b.received() == (B.topic(Channel.RECEIPT), b"for b")
        # The broker hands on in order: had it given a the receipt, that would lie before this.
        gateway.publish(A.topic(Channel.ROSTER), b"for a")
        assert a.received() == (A.topic(Channel.ROSTER), b"for a")


@pytest.mark.parametrize("channel", [Channel.RECORD, Channel.STATE])
def test_a_unit_cannot_hear_what_others_deliver(hospital: Hospital, channel: Channel) -> None:
    with hospital.peer("unit-a") as a, hospital.peer("unit-b") as b, hospital.peer("gateway") as gateway:
        b.publish(B.topic(channel), b"mine", retain=channel is Channel.STATE)
        a.subscribe(every_unit("demo-site", channel), A.topic(Channel.ROSTER))
        b.publish(B.topic(channel), b"mine again")
        gateway.publish(A.topic(Channel.ROSTER), b"for a")
        assert a.received() == (A.topic(Channel.ROSTER), b"for a")
        b.publish(B.topic(Channel.STATE), b"", retain=True)


def test_a_client_id_is_no_way_into_anothers_session(hospital: Hospital) -> None:
    with hospital.peer("unit-a", "unit-a") as a, hospital.peer("unit-b", "unit-a"):
        # Had b taken the session over, a would have been thrown out before this.
        assert a.publish(A.topic(Channel.HEALTH)) in GRANTED


def test_a_packet_as_large_as_an_envelope_may_be_comes_through(hospital: Hospital) -> None:
    with hospital.peer("unit-a") as unit, hospital.peer("gateway") as gateway:
        gateway.subscribe(every_unit("demo-site", Channel.RECORD))
        unit.publish(A.topic(Channel.RECORD), b"r" * (1 << 20))
        topic, payload = gateway.received()
        assert (topic, len(payload)) == (A.topic(Channel.RECORD), 1 << 20)
