"""The gateway as a process that is killed, or whose disk is full: what it had not stored, the broker brings again."""

from __future__ import annotations

import queue
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from daemon.demo.ports import free_port
from evidence.certificates import Profile, issue, make_request, subject_name, to_pem
from evidence.keys import generate_key
from evidence.topics import Channel
from evidence.verify import verify_records
from gateway.store import Row, Store
from tests.gateway.support import SITE, Hospital, Unit
from tests.provisioning.mosquitto import Peer, running
from tests.support import ROOT
from tests.support.brokers import wait_for
from tests.support.programs import FindProgram


class Gateway:
    """``vernix-gateway run`` on a provisioned site."""

    def __init__(self, hospital: Hospital) -> None:
        self.config = hospital.gateway_toml
        self.database = self.config.parent / "data/gateway.db"
        self.log = hospital.folder / "gateway.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        before = self.said().count("connected to")
        command = [sys.executable, "-m", "gateway.cli", "--config", str(self.config), "run"]
        with self.log.open("ab") as log:
            self.process = process = subprocess.Popen(command, cwd=ROOT, stderr=log)
        wait_for(lambda: self.said().count("connected to") > before or process.poll() is not None, "the gateway")
        return process

    def said(self) -> str:
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(20)

    def rows(self) -> list[Row]:
        with closing(Store(self.database)) as store:
            return store.rows()

    def records(self) -> list[str]:
        with closing(Store(self.database)) as store:
            return store.chained_jws("u1")


@pytest.fixture
def hospital(memory: Path) -> Hospital:
    return Hospital.of_site(memory, free_port())


@pytest.fixture
def port(hospital: Hospital, program: FindProgram) -> Iterator[int]:
    """mosquitto on the files that the site was provisioned with."""
    folder = hospital.folder / "site"
    number = int((folder / "gateway/gateway.toml").read_text().partition("port = ")[2].split()[0])
    with running(program("mosquitto"), folder / "broker", number):
        yield number


@pytest.fixture
def unit(hospital: Hospital) -> Unit:
    return hospital.unit()


@pytest.fixture
def peer(hospital: Hospital, port: int) -> Iterator[Peer]:
    """What speaks for unit u1 at the broker."""
    folder = hospital.folder / "tls-u1"
    folder.mkdir()
    request = make_request(subject_name("u1", SITE), generate_key(folder / "client.key"))
    certificate = issue(request, Profile.CLIENT, hospital.authority, hospital.authority_key, hospital.now)
    (folder / "client.pem").write_bytes(to_pem(certificate))
    (folder / "authority.pem").write_bytes(to_pem(hospital.authority))
    with Peer(folder, port) as made:
        made.subscribe(f"vernix/v1/{SITE}/u1/receipt")
        yield made


@pytest.fixture
def gateway(hospital: Hospital, port: int) -> Iterator[Gateway]:
    assert port
    made = Gateway(hospital)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGKILL)


def topic(unit: Unit) -> str:
    return unit.address.topic(Channel.RECORD)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_in_order(gateway: Gateway, how: signal.Signals) -> None:
    assert gateway.end(how) == 0
    assert [one.name for one in gateway.database.parent.iterdir()] == ["gateway.db"]


def test_nothing_is_acknowledged_before_its_commit(gateway: Gateway, unit: Unit, peer: Peer) -> None:
    """The test holds the database's lock: the gateway has the records and cannot commit them. Then it is killed."""
    gateway.database.touch()
    with closing(sqlite3.connect(gateway.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for record in unit.grow(3):
            peer.publish(topic(unit), unit.sealed(record))
        # The broker has given them out by now: to whom else, and what else should the gateway do meanwhile?
        with pytest.raises(queue.Empty):
            peer.inbox.get(timeout=0.5)
        gateway.end(signal.SIGKILL)
    assert gateway.rows() == []
    gateway.start()
    wait_for(lambda: len(gateway.rows()) == 3, "what the broker brings again")
    assert gateway.records() == [record.jws for record in unit.records]


def test_killed_again_and_again(gateway: Gateway, unit: Unit, peer: Peer, hospital: Hospital) -> None:
    """200 records go out once each, while the gateway is killed at random moments: every one is there exactly once."""
    envelopes = [unit.sealed(record) for record in unit.grow(200)]
    pause = threading.Event()
    random = Random(11)

    def publish() -> None:
        for one in envelopes:
            peer.publish(topic(unit), one)
            pause.wait(0.015)

    publisher = threading.Thread(target=publish, name="publisher")
    publisher.start()
    kills = 0
    while publisher.is_alive() or kills < 5:
        pause.wait(random.uniform(0.05, 0.4))
        gateway.end(signal.SIGKILL)
        kills += 1
        gateway.start()
    publisher.join()
    wait_for(lambda: len(gateway.rows()) == 200, "all records")
    assert gateway.records() == [record.jws for record in unit.records]
    assert verify_records(gateway.records(), hospital.authority, unit.head).sound
    assert gateway.end(signal.SIGTERM) == 0
    with closing(Store(gateway.database)) as store:
        assert store.kept_apart() == []


def test_full_disk_ends_it_with_a_sentence(gateway: Gateway, unit: Unit, peer: Peer) -> None:
    process = gateway.process
    assert process is not None
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))  # no file may grow beyond
    for record in unit.grow(80):
        peer.publish(topic(unit), unit.sealed(record))
    assert process.wait(20) == 3
    last = gateway.said().splitlines()[-1]
    assert last.startswith(f"vernix-gateway: {gateway.database.parent}: the store failed: ")
    assert "make room" in last
    assert "Traceback" not in gateway.said()
    gateway.start()
    wait_for(lambda: len(gateway.rows()) == 80, "what was not acknowledged")
    assert gateway.records() == [record.jws for record in unit.records]
