"""What the link says when TLS or a broker's rules stand in the way: mosquitto, MQTT 5."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from daemon.demo.ports import HOST, free_port
from daemon.mqtt import (
    BrokerAddress,
    Cause,
    Dialect,
    LinkError,
    LinkState,
    MessageTooLargeError,
    MqttLink,
    TlsFiles,
    TlsFilesError,
)
from evidence.certificates import Profile
from evidence.topics import Channel
from tests.daemon.mqtt_probe import UNIT, Probe, address_of
from tests.support.brokers import Identity, Mosquitto, Site, wait_for
from tests.support.programs import FindProgram

YEARS = dt.timedelta(days=365)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def mosquitto(program: FindProgram) -> Path:
    return program("mosquitto")


def refusal(broker: BrokerAddress, cause: Cause) -> LinkState:
    """What a link says of ``broker``; it must keep trying, and stop at once when told."""
    with Probe(broker) as probe:
        state = probe.wait_cause(cause)
        attempts = sum(probe.link.counters.attempts.values())
        wait_for(lambda: sum(probe.link.counters.attempts.values()) > attempts, "another attempt")
        assert not any(state.connected for state in probe.states)
        assert probe.link.publish(Channel.RECORD, b"no") is None
        assert probe.link.failure is None
    return state


def with_server(mosquitto: Path, site: Site, server: Identity, cause: Cause) -> str:
    with Mosquitto(mosquitto, site, free_port(), server=server) as broker:
        return refusal(address_of(site, broker.port), cause).reason


def with_client(mosquitto: Path, site: Site, client: Identity) -> LinkState:
    with Mosquitto(mosquitto, site, free_port()) as broker:
        return refusal(address_of(site, broker.port, identity=client), Cause.CERTIFICATE)


def test_broker_of_another_authority(mosquitto: Path, site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    reason = with_server(mosquitto, site, other.server, Cause.CERTIFICATE)
    assert reason == "the broker's certificate was not issued by this site's authority"


def test_expired_broker(mosquitto: Path, site: Site) -> None:
    server = site.issue("old", Profile.SERVER, hosts=(HOST,), age=2 * YEARS)
    reason = with_server(mosquitto, site, server, Cause.CERTIFICATE)
    assert reason == "delivery waits: certificate (the broker's has expired, or this unit's clock is ahead)"


def test_clock_behind(mosquitto: Path, site: Site) -> None:
    server = site.issue("young", Profile.SERVER, hosts=(HOST,), age=-YEARS)
    assert with_server(mosquitto, site, server, Cause.CLOCK).startswith("delivery waits: clock")


@pytest.mark.parametrize("host", ["broker.example", "127.0.0.2"])
def test_broker_of_another_name(mosquitto: Path, site: Site, host: str) -> None:
    server = site.issue("elsewhere", Profile.SERVER, hosts=(host,))
    reason = with_server(mosquitto, site, server, Cause.CERTIFICATE)
    assert reason == f"the broker's certificate is not for {HOST}"


def test_unit_of_another_site(mosquitto: Path, site: Site, tmp_path: Path) -> None:
    client = Site(tmp_path / "other").client("unit-1")
    assert "TLS certificate" in with_client(mosquitto, site, client).reason


def test_expired_unit(mosquitto: Path, site: Site) -> None:
    client = site.client("late", age=YEARS)
    assert with_client(mosquitto, site, client).reason.endswith("has expired: renew it")


def access_list(site: Site, topics: str) -> str:
    path = site.folder / "acl"
    path.write_text(topics)
    path.chmod(0o600)
    return f"acl_file {path}"


def test_broker_whose_list_lacks_the_records(mosquitto: Path, site: Site) -> None:
    extra = access_list(site, f"topic read vernix/#\ntopic write {UNIT.topic(Channel.STATE)}\n")
    with Mosquitto(mosquitto, site, free_port(), extra=extra) as broker, Probe(address_of(site, broker.port)) as probe:
        probe.wait_connected()
        assert probe.link.publish(Channel.RECORD, b"secret") is not None
        state = probe.wait_cause(Cause.REFUSED)
        assert "access list" in state.reason
        assert "(message)" in state.reason
        assert probe.published == []


def test_broker_that_wants_a_password(mosquitto: Path, site: Site) -> None:
    extra = "allow_anonymous false"
    with Mosquitto(mosquitto, site, free_port(), extra=extra) as broker:
        state = refusal(address_of(site, broker.port), Cause.REFUSED)
    assert "access list" in state.reason
    assert "(connection)" in state.reason


def test_message_larger_than_the_broker_takes(mosquitto: Path, site: Site) -> None:
    extra = "max_packet_size 4000"
    with Mosquitto(mosquitto, site, free_port(), extra=extra) as broker, Probe(address_of(site, broker.port)) as probe:
        probe.wait_connected()
        with pytest.raises(MessageTooLargeError) as caught:
            probe.link.publish(Channel.RECORD, bytes(5000))
        assert (caught.value.size, caught.value.limit) == (5000, 4000)
        probe.publish(bytes(3000))


def test_connects_by_name(mosquitto: Path, site: Site) -> None:
    with (
        Mosquitto(mosquitto, site, free_port()) as broker,
        Probe(address_of(site, broker.port, host="localhost")) as probe,
    ):
        assert probe.wait_connected().dialect == Dialect.MQTT_5


def test_renewed_certificate_needs_no_restart(mosquitto: Path, site: Site) -> None:
    client = site.client("unit-1", age=YEARS)
    with (
        Mosquitto(mosquitto, site, free_port()) as broker,
        Probe(address_of(site, broker.port, identity=client)) as probe,
    ):
        probe.wait_cause(Cause.CERTIFICATE)
        client.key.write_text("half a file")
        wait_for(lambda: "unencrypted PEM key" in probe.states[-1].reason, "the damaged file to be noticed")
        site.client("unit-1")
        probe.wait_connected()


def start(files: TlsFiles) -> None:
    link = MqttLink(
        BrokerAddress(HOST, 1, files),
        UNIT,
        on_message=lambda *_: None,
        on_state=lambda *_: None,
        on_published=lambda *_: None,
        remembered=None,
    )
    try:
        link.start()
    finally:
        link.stop()


def test_bad_files_at_the_start(site: Site) -> None:
    good, other = site.client("good"), site.client("other")
    damaged = site.folder / "damaged.pem"
    damaged.write_text("no certificate")
    for files, problem in (
        (TlsFiles(site.folder / "none.pem", good.certificate, good.key), "none.pem: cannot read"),
        (TlsFiles(damaged, good.certificate, good.key), "damaged.pem: not the PEM certificate of an authority"),
        (TlsFiles(site.authority, damaged, good.key), "damaged.pem, "),
        (TlsFiles(site.authority, good.certificate, site.folder), "site: cannot read"),
        (TlsFiles(site.authority, good.certificate, other.key), "other.key: not the key of "),
    ):
        with pytest.raises(TlsFilesError, match=problem):
            start(files)


def test_encrypted_key_is_refused_without_asking_for_its_password(site: Site) -> None:
    client = site.client("good")
    key = load_pem_private_key(client.key.read_bytes(), None)
    client.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(TlsFilesError, match="unencrypted"):
        start(TlsFiles(site.authority, client.certificate, client.key))


def test_link_starts_once(site: Site) -> None:
    with Probe(address_of(site, free_port())) as probe, pytest.raises(LinkError, match="started before"):
        probe.link.start()


def test_link_that_was_never_started_stops(site: Site) -> None:
    Probe(address_of(site, free_port())).link.stop()
