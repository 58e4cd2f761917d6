"""The receiver on real brokers, over TLS with client certificates: mosquitto and the demo's amqtt."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from daemon.demo.broker import DemoBroker
from daemon.demo.ports import HOST, free_port
from evidence import downlink, receipt
from evidence.encoding import MAX_BYTES
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.topics import Channel
from gateway import command
from gateway.config import Broker, Tls
from gateway.connection import TlsFileError
from gateway.receiver import Receiver
from gateway.store import Store
from tests.gateway.support import Hospital, Unit
from tests.support.background import Background
from tests.support.brokers import Mosquitto, Site, Watcher, wait_for
from tests.support.programs import FindProgram


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Running:
    """A receiver at work in a thread, with a store of its own; what it dies of is raised at the end."""

    def __init__(self, hospital: Hospital, folder: Path, broker: Broker) -> None:
        self.store = Store(folder / "gateway.db")
        self.receiver = Receiver(broker, hospital.site, hospital.intake(self.store), self.store, hospital.signer)
        self.background = Background("receiver", self.receiver.run)

    def stored(self) -> list[int]:
        return [row.seq for row in self.store.rows() if row.chained]

    def wait_connected(self) -> None:
        wait_for(lambda: self.receiver.connected, "the receiver's connection")

    def __enter__(self) -> Running:
        self.background.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.receiver.stop()
        self.background.end(20)
        self.store.close()


class AnyBroker(Protocol):
    """A broker that comes and goes."""

    port: int

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...


def broker_of(site: Site, port: int) -> Broker:
    gateway = site.client("gateway")
    return Broker(HOST, port, Tls(site.authority, gateway.certificate, gateway.key))


@pytest.fixture
def site(memory: Path) -> Site:
    return Site(memory / "tls", "s1")


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, site: Site, program: FindProgram) -> Iterator[AnyBroker]:
    made: AnyBroker = (
        Mosquitto(program("mosquitto"), site, free_port())
        if request.param == "mosquitto"
        else DemoBroker(site.folder, free_port())
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def mosquitto(site: Site, program: FindProgram) -> Iterator[Mosquitto]:
    with Mosquitto(program("mosquitto"), site, free_port()) as made:
        yield made


@pytest.fixture
def running(hospital: Hospital, memory: Path, site: Site, mosquitto: Mosquitto) -> Iterator[Running]:
    with Running(hospital, memory, broker_of(site, mosquitto.port)) as made:
        made.wait_connected()
        yield made


def topic(unit: Unit, channel: Channel = Channel.RECORD) -> str:
    return unit.address.topic(channel)


def test_records_are_stored_and_receipted(
    hospital: Hospital, unit: Unit, memory: Path, site: Site, broker: AnyBroker
) -> None:
    records = unit.grow(5)
    with Running(hospital, memory, broker_of(site, broker.port)) as running:
        running.wait_connected()
        with Watcher(site, broker.port, v5=isinstance(broker, Mosquitto)) as watcher:
            for record in records:
                watcher.send(topic(unit), unit.sealed(record))
            wait_for(lambda: covered(watcher, unit, hospital) == {1, 2, 3, 4, 5}, "receipts for all")
        assert running.store.chained_jws("u1") == [record.jws for record in records]


def introduce(running: Running, watcher: Watcher, unit: Unit) -> None:
    for record in unit.grow(2):
        watcher.send(topic(unit), unit.sealed(record))
    wait_for(lambda: has_stored(running, 2), "the unit to be known")


def test_command_is_kept_until_health_shows_it(
    running: Running, hospital: Hospital, unit: Unit, site: Site, mosquitto: Mosquitto
) -> None:
    with Watcher(site, mosquitto.port, v5=True) as watcher:
        introduce(running, watcher, unit)
        path = command.resend(running.store, unit.address, [(1, 2)], hospital.signer, now())
        sent, counter = path.read_bytes(), next(command.waiting(running.store)).counter
        wait_for(lambda: bool(watcher.payloads(topic(unit, Channel.COMMAND))), "the command")
        health = unit.health(2, minute=1, counters={"command": counter - 1})
        watcher.send(topic(unit, Channel.HEALTH), health.payload)
        wait_for(lambda: running.store.units()[0].claimed.seq == 2, "its health")
        assert path.exists(), "the broker has acknowledged it, and the unit has not shown it"
        health = unit.health(2, minute=2, counters={"command": counter})
        watcher.send(topic(unit, Channel.HEALTH), health.payload)
        wait_for(lambda: not path.exists(), "the command to be cleared away")
    assert watcher.payloads(topic(unit, Channel.COMMAND)) == [sent], "and nothing goes out twice so soon"


def test_a_list_of_revoked_keys_goes_by_itself_to_a_unit_without_it(
    hospital: Hospital, unit: Unit, memory: Path, site: Site, mosquitto: Mosquitto
) -> None:
    entry = Revoked("k" * 43, "1", hospital.now, Reason.COMPROMISED)
    token = sign_revocations(hospital.site, 4, [entry], hospital.now, KeySigner(hospital.authority_key))
    with closing(Store(memory / "gateway.db")) as store:
        store.set_revocations(token)
    with Running(hospital, memory, broker_of(site, mosquitto.port)) as running:
        running.wait_connected()
        with Watcher(site, mosquitto.port, v5=True) as watcher:
            introduce(running, watcher, unit)
            watcher.send(topic(unit, Channel.HEALTH), unit.health(2, minute=1, revocations=3).payload)
            wait_for(lambda: bool(watcher.payloads(topic(unit, Channel.COMMAND))), "the list")
            (sent,) = watcher.payloads(topic(unit, Channel.COMMAND))
    key, to = hospital.key_for, unit.address
    told = downlink.read(sent.decode(), Channel.COMMAND, to, key, last_counter=0, now=now())
    assert told.body == {"command": "revocations", "list": token}


def covered(watcher: Watcher, unit: Unit, hospital: Hospital) -> set[int]:
    """The numbers that valid receipts name, each with the right hash and a counter above the last."""
    found: set[int] = set()
    counter = 0
    for token in watcher.payloads(topic(unit, Channel.RECEIPT)):
        accepted = downlink.read(
            token.decode(), Channel.RECEIPT, unit.address, hospital.key_for, last_counter=counter, now=None
        )
        counter, body = accepted.counter, accepted.body
        numbers = [seq for first, last in receipt.read_ranges(body) for seq in range(first, last + 1)]
        receipt.check_hash(body, [unit.records[seq - 1].sha256 for seq in numbers])
        found |= set(numbers)
    return found


def has_stored(running: Running, seq: int) -> bool:
    return seq in running.stored()


def test_broker_restart(hospital: Hospital, unit: Unit, memory: Path, site: Site, broker: AnyBroker) -> None:
    records = unit.grow(4)
    with Running(hospital, memory, broker_of(site, broker.port)) as running:
        for end, part in ((broker.kill, records[:2]), (broker.stop, records[2:])):
            running.wait_connected()
            with Watcher(site, broker.port, v5=isinstance(broker, Mosquitto)) as watcher:
                for record in part:
                    watcher.send(topic(unit), unit.sealed(record))
                wait_for(partial(has_stored, running, part[-1].seq), "the records")
            end()
            wait_for(lambda: not running.receiver.connected, "the receiver to notice")
            broker.start()


def test_broker_that_is_not_there_yet(
    hospital: Hospital, memory: Path, site: Site, program: FindProgram, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    with Running(hospital, memory, broker_of(site, port)) as running:
        wait_for(lambda: "refused" in caplog.text, "a first attempt")
        with Mosquitto(program("mosquitto"), site, port):
            running.wait_connected()
    assert caplog.text.count("Connection refused") == 1  # said once, however often it was tried


def test_what_nobody_can_keep_is_dropped_and_acknowledged(
    running: Running, unit: Unit, site: Site, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    records = unit.grow(2)
    with Watcher(site, mosquitto.port, v5=True) as watcher:
        watcher.send(topic(unit), unit.sealed(records[0]))
        watcher.send("vernix/v1/s1/bad unit!/record", b"x")
        watcher.send(topic(unit), b"x" * (MAX_BYTES + 1))
        watcher.send("vernix/v1/s1/u1/wish", b"x")  # not even subscribed
        watcher.send("vernix/v1/s2/u1/record", unit.sealed(records[1]))
        watcher.send(topic(unit), unit.sealed(records[1]))
        wait_for(lambda: running.stored() == [1, 2], "the good ones")
    assert "a message on a foreign topic was dropped" in caplog.text
    assert "too large" in caplog.text
    assert running.store.kept_apart() == []


def test_garbage_is_acknowledged_and_kept(running: Running, unit: Unit, site: Site, mosquitto: Mosquitto) -> None:
    with Watcher(site, mosquitto.port, v5=False) as watcher:
        for payload in (b"", b"\xff" * 100, b"{}"):
            watcher.send(topic(unit), payload)
        watcher.send(topic(unit), unit.sealed(unit.birth()))
        wait_for(lambda: running.stored() == [1], "the birth record")
    assert len(running.store.kept_apart()) == 3


def test_session_outlives_the_gateway(
    hospital: Hospital, unit: Unit, memory: Path, site: Site, mosquitto: Mosquitto
) -> None:
    records = unit.grow(3)
    broker = broker_of(site, mosquitto.port)
    with Running(hospital, memory, broker) as running:
        running.wait_connected()
    with Watcher(site, mosquitto.port, v5=True) as watcher:
        for record in records:
            watcher.send(topic(unit), unit.sealed(record))
    with Running(hospital, memory, broker) as running:
        wait_for(lambda: running.stored() == [1, 2, 3], "what came in the meantime")


def test_store_that_fails_ends_the_receiver_and_nothing_is_acknowledged(
    hospital: Hospital, unit: Unit, memory: Path, site: Site, mosquitto: Mosquitto
) -> None:
    messages = [unit.sealed(record) for record in unit.grow(60)]
    broker = broker_of(site, mosquitto.port)
    with Running(hospital, memory, broker) as running, Watcher(site, mosquitto.port, v5=True) as watcher:
        running.wait_connected()
        running.store._db.execute("PRAGMA max_page_count = 20")
        for message in messages:
            watcher.send(topic(unit), message)
        assert "full" in str(running.background.failure(20))
        before = running.stored()
    with Running(hospital, memory, broker) as running:  # with room again; nobody publishes anything
        wait_for(lambda: running.stored() == list(range(1, 61)), "what was not acknowledged")
    assert len(before) < 60


def test_refused_by_the_broker(
    hospital: Hospital, memory: Path, site: Site, program: FindProgram, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that wants a name and password: said once, and tried on until the hospital has put it right."""
    port = free_port()
    passwords = memory / "passwords"
    passwords.touch(mode=0o600)
    strict = f"allow_anonymous false\npassword_file {passwords}\n"
    with Running(hospital, memory, broker_of(site, port)) as running:
        config = site.folder / f"mosquitto-{port}.conf"
        broker = Mosquitto(program("mosquitto"), site, port)
        config.write_text(config.read_text().replace("allow_anonymous true\n", strict))
        with broker:
            wait_for(lambda: "the broker refuses the gateway: Not authorized" in caplog.text, "the refusal")
        with Mosquitto(program("mosquitto"), site, port):
            running.wait_connected()


def test_renewed_and_damaged_certificate(
    hospital: Hospital, memory: Path, site: Site, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = broker_of(site, mosquitto.port)
    assert broker.tls is not None
    good = broker.tls.certificate.read_bytes()
    with Running(hospital, memory, broker) as running:
        running.wait_connected()
        broker.tls.certificate.write_text("half a renewal")
        mosquitto.kill()
        mosquitto.start()
        wait_for(lambda: "not a certificate and its unencrypted key" in caplog.text, "the complaint")
        broker.tls.certificate.write_bytes(good)
        running.wait_connected()


def test_broker_of_another_site(hospital: Hospital, memory: Path, site: Site, program: FindProgram) -> None:
    other = Site(memory / "other", "s1")
    with (
        Mosquitto(program("mosquitto"), other, free_port()) as broker,
        Running(hospital, memory, broker_of(site, broker.port)) as running,
        pytest.raises(AssertionError, match="in vain"),
    ):
        wait_for(lambda: running.receiver.connected, "what must not be", 1.5)


def test_unusable_tls_file_at_the_start(hospital: Hospital, memory: Path, site: Site) -> None:
    broker = Broker(HOST, 1, Tls(site.authority, memory / "none.pem", memory / "none.key"))
    with pytest.raises(TlsFileError, match=r"none\.pem: cannot be read: No such file"):
        Running(hospital, memory, broker)


CONNACK = bytes.fromhex("20020000")


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """A broker without TLS on each of whose connections the packets in come and the ``answers`` go, one for one."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    for answer in answers:
                        connection.recv(4096)
                        connection.sendall(answer)
                    while connection.recv(4096):
                        pass
                except OSError:
                    continue

    with closing(socket.create_server((HOST, 0))) as listener:
        thread = threading.Thread(target=serve, name="scripted-broker")
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([CONNACK, bytes.fromhex("9005 0001 808080")], "refuses the gateway's subscriptions"),
        ([bytes.fromhex("20020005")], "refuses the gateway: Not authorized"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "the connection has ended"),
        ([bytes.fromhex("20020000 30")], None),
        ([CONNACK, bytes.fromhex("9005 0001 010101 32 07 0002 fffe 0001 78")], "foreign topic"),
        ([b""], "the connection has ended"),
    ],
    ids=["suback", "connack", "http", "half", "topic_not_utf8", "silence_then_end"],
)
def test_broker_that_says_strange_things(
    hospital: Hospital, memory: Path, caplog: pytest.LogCaptureFixture, answers: list[bytes], says: str | None
) -> None:
    """It is told, and the receiver lives on."""
    caplog.set_level("INFO")
    with scripted(*answers) as port, Running(hospital, memory, Broker(HOST, port)) as running:
        if says is None or (says == "the connection has ended" and answers == [b""]):
            with pytest.raises(TimeoutError):
                running.background.failure(1)
        else:
            wait_for(lambda: says in caplog.text, says)
        assert running.background.is_running


def test_stop_before_the_start(hospital: Hospital, memory: Path) -> None:
    running = Running(hospital, memory, Broker(HOST, free_port()))
    running.receiver.stop()
    running.receiver.run()
    running.store.close()


def test_host_that_can_be_no_name(hospital: Hospital, memory: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Running(hospital, memory, Broker("a" * 70 + ".example", 8883)) as running:
        wait_for(lambda: "broker aaa" in caplog.text, "the complaint")
        assert running.background.is_running
