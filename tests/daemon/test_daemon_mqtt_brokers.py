"""The link against real brokers over TLS: mosquitto (MQTT 5) and the demo's embedded amqtt (3.1.1, by falling back)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.demo.broker import DemoBroker
from daemon.demo.ports import free_port
from daemon.mqtt import Cause, Dialect
from evidence.topics import DOWN, Channel
from tests.daemon.mqtt_probe import UNIT, Probe, address_of
from tests.support import ROOT
from tests.support.brokers import Mosquitto, Site, Watcher, wait_for
from tests.support.programs import FindProgram

STATE = UNIT.topic(Channel.STATE)
RECORD = UNIT.topic(Channel.RECORD)


class Stage:
    """A running broker of either kind, and what to expect of it."""

    def __init__(self, kind: str, site: Site, broker: Mosquitto | DemoBroker) -> None:
        self.site = site
        self.broker = broker
        self.dialect = Dialect.MQTT_5 if kind == "mosquitto" else Dialect.MQTT_3_1_1
        self.address = address_of(site, broker.port)

    def probe(self) -> Probe:
        return Probe(self.address, remembered=self.site.folder / "remembered.json")

    def watcher(self) -> Watcher:
        return Watcher(self.site, self.broker.port, v5=self.dialect == Dialect.MQTT_5)


@pytest.fixture(params=["mosquitto", "amqtt"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, program: FindProgram) -> Iterator[Stage]:
    site = Site(tmp_path / "site")
    broker: Mosquitto | DemoBroker
    if request.param == "mosquitto":
        broker = Mosquitto(program("mosquitto"), site, free_port())
    else:
        broker = DemoBroker(site.folder, free_port())
    with broker:
        yield Stage(request.param, site, broker)


def states(watcher: Watcher) -> list[str]:
    return [json.loads(payload)["state"] for payload in watcher.payloads(STATE)]


def test_birth_message_and_way_out(stage: Stage) -> None:
    with stage.watcher() as watcher:
        with stage.probe() as probe:
            state = probe.wait_connected()
            assert state.cause == Cause.CONNECTED
            assert state.dialect == stage.dialect
            wait_for(lambda: states(watcher) == ["online"], "the birth message")
            assert json.loads(watcher.payloads(STATE)[0]) == {"v": 1, "state": "online", "software": "0.1.0"}
        wait_for(lambda: states(watcher) == ["online", "offline"], "the offline message")
    assert probe.states[-1].cause == Cause.STOPPED
    assert not probe.link.connected
    assert probe.published == []  # the link's own messages are its own business
    with stage.watcher() as later:
        wait_for(lambda: states(later) == ["offline"], "the retained state")
        assert later.seen[0].retain


def test_record_arrives_and_is_acknowledged(stage: Stage) -> None:
    payload = bytes(range(256)) * 40
    with stage.watcher() as watcher, stage.probe() as probe:
        probe.wait_connected()
        numbers = [probe.publish(payload), probe.publish(b"2")]
        wait_for(lambda: watcher.payloads(RECORD) == [payload, b"2"], "both records")
        assert probe.published == numbers
        assert len(set(numbers)) == 2
        content_type = next(seen.content_type for seen in watcher.seen if seen.topic == RECORD)
        assert content_type == ("application/jose+json" if stage.dialect == Dialect.MQTT_5 else None)


def test_every_channel_down_reaches_the_unit(stage: Stage) -> None:
    with stage.watcher() as watcher, stage.probe() as probe:
        probe.wait_connected()
        for channel in DOWN:
            watcher.send(UNIT.topic(channel), channel.encode())
        wait_for(lambda: len(probe.messages) == len(DOWN), "the messages down")
        assert set(probe.messages) == {(channel, channel.encode()) for channel in DOWN}


def test_receipt_sent_while_away_arrives_later(stage: Stage) -> None:
    with stage.watcher() as watcher:
        with stage.probe() as probe:
            probe.wait_connected()
        watcher.send(UNIT.topic(Channel.RECEIPT), b"while you were out")
        with stage.probe() as again:
            wait_for(lambda: again.messages == [(Channel.RECEIPT, b"while you were out")], "the kept receipt")


def test_killed_unit_goes_offline_by_its_will(stage: Stage, tmp_path: Path) -> None:
    script = tmp_path / "unit.py"
    script.write_text(
        "import sys, time\nfrom pathlib import Path\nfrom daemon.mqtt import *\nfrom evidence.topics import Address\n"
        "a, c, k = map(Path, sys.argv[2:5])\n"
        "broker = BrokerAddress('127.0.0.1', int(sys.argv[1]), TlsFiles(a, c, k))\n"
        "ignore = lambda *_: None\n"
        f"MqttLink(broker, Address({UNIT.site!r}, {UNIT.unit!r}), on_message=ignore, on_state=ignore,"
        " on_published=ignore, remembered=None).start()\ntime.sleep(600)\n"
    )
    tls = stage.address.tls
    assert tls is not None
    command = [sys.executable, *map(str, (script, stage.address.port, tls.authority, tls.certificate, tls.key))]
    with stage.watcher() as watcher, subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}) as unit:
        wait_for(lambda: states(watcher) == ["online"], "the birth message")
        unit.kill()
        wait_for(lambda: states(watcher) == ["online", "offline"], "the last will")
        assert json.loads(watcher.payloads(STATE)[-1]) == {"v": 1, "state": "offline"}


def test_broker_killed_and_back(stage: Stage) -> None:
    with stage.probe() as probe:
        probe.wait_connected()
        before = probe.publish(b"before")
        stage.broker.kill()
        probe.wait_cause(Cause.LOST)
        assert probe.link.publish(Channel.RECORD, b"into the void") is None
        probe.wait_cause(Cause.UNREACHABLE)
        stage.broker.start()
        probe.wait_connected()
        with stage.watcher() as watcher:
            assert probe.publish(b"after") > before
            wait_for(lambda: watcher.payloads(RECORD) == [b"after"], "the record after the outage, and only that")
            wait_for(lambda: states(watcher) == ["online"], "the birth message after the outage")


def test_remembered_fallback_asks_version_5_once(stage: Stage) -> None:
    for attempt in range(2):
        with stage.probe() as probe:
            probe.wait_connected()
            old = stage.dialect == Dialect.MQTT_3_1_1
            assert probe.link.counters.attempts == {
                Dialect.MQTT_5: 0 if old and attempt else 1,
                Dialect.MQTT_3_1_1: 1 if old else 0,
            }


def test_callbacks_may_publish_and_take_the_locks_of_publishers(stage: Stage) -> None:
    lock = threading.Lock()
    open_numbers: set[int | None] = set()
    with stage.watcher() as watcher, stage.probe() as probe:
        probe.wait_connected()

        def answer(_channel: Channel, data: bytes) -> None:
            with lock:
                open_numbers.add(probe.link.publish(Channel.ALERT, b"re: " + data))

        def done(number: int) -> None:
            with lock:
                open_numbers.remove(number)

        probe.on_message, probe.on_published = answer, done
        sent = 0
        while sent < 200:
            with lock:
                number = probe.link.publish(Channel.RECORD, b"%d" % sent)
                if number is not None:
                    open_numbers.add(number)
                    sent += 1
            if sent % 20 == 0 and number is not None:
                watcher.send(UNIT.topic(Channel.COMMAND), b"%d" % sent)
        wait_for(lambda: len(watcher.payloads(RECORD)) == 200, "all records")
        wait_for(lambda: len(watcher.payloads(UNIT.topic(Channel.ALERT))) == 10, "all answers")
        wait_for(lambda: not open_numbers, "all acknowledgements")
        assert probe.link.failure is None


def test_failing_callback_surfaces_and_its_message_comes_again(stage: Stage) -> None:
    with stage.watcher() as watcher:
        with stage.probe() as probe:
            probe.wait_connected()

            def fail(_channel: Channel, _data: bytes) -> None:
                raise OSError("the outbox's disk is full")

            probe.on_message = fail
            watcher.send(UNIT.topic(Channel.RECEIPT), b"important")
            assert probe.link.failed.wait(20)
            assert str(probe.link.failure) == "the outbox's disk is full"
            assert probe.link.state.cause == Cause.FAILED
            assert probe.link.publish(Channel.RECORD, b"no") is None
        if isinstance(stage.broker, DemoBroker):
            return  # amqtt forgets a message whose acknowledgement did not come
        with stage.probe() as again:
            wait_for(lambda: (Channel.RECEIPT, b"important") in again.messages, "the message, again")
