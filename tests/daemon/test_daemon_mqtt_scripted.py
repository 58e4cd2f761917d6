"""The link against peers that no real broker can be made to be: old, silent, broken, or no broker at all."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from daemon.demo.ports import HOST, free_port
from daemon.mqtt import BrokerAddress, Cause, Dialect, Timing, TlsFiles
from evidence.topics import Address, Channel
from tests.daemon.mqtt_probe import SCRIPTED, UNIT, Probe, ScriptedBroker, packet, read_packet
from tests.support.brokers import Site, wait_for

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xE0


def silent(_connection: socket.socket, _level: int) -> None:
    """Takes CONNECT and says nothing."""


def hang_up(connection: socket.socket, _level: int) -> None:
    connection.close()


def says(first: bytes, then: bytes = b"") -> Callable[[socket.socket, int], None]:
    """Answers MQTT 5 with ``first``, and 3.1.1 with ``then``."""

    def answer(connection: socket.socket, level: int) -> None:
        connection.sendall(first if level == Dialect.MQTT_5 else then)

    return answer


def accept(connection: socket.socket) -> None:
    """CONNACK and SUBACK of MQTT 3.1.1."""
    connection.sendall(packet(CONNACK, b"\0\0"))
    first, body = read_packet(connection)
    assert first == SUBSCRIBE
    connection.sendall(packet(SUBACK, body[:2] + b"\1\1\1\1"))


@pytest.mark.parametrize(
    "refusal",
    [packet(CONNACK, b"\0\1"), packet(CONNACK, b"\0\x84\0"), packet(CONNACK, b"\0\1\0")],
    ids=["code 1 of MQTT 3", "reason 0x84", "code 1 in the form of MQTT 5"],
)
def test_unsupported_protocol_version(refusal: bytes, tmp_path: Path) -> None:
    def answer(connection: socket.socket, level: int) -> None:
        if level == Dialect.MQTT_5:
            connection.sendall(refusal)
            connection.close()
        else:
            accept(connection)
            read_packet(connection)

    remembered = tmp_path / "remembered.json"
    with ScriptedBroker(answer) as broker:
        with Probe(broker.address, remembered=remembered) as probe:
            assert probe.wait_connected().dialect == Dialect.MQTT_3_1_1
            assert [state.cause for state in probe.states] == [Cause.CONNECTED]
        with Probe(broker.address, remembered=remembered) as probe:
            probe.wait_connected()
        assert broker.levels == [5, 4, 4]
        with Probe(broker.address, remembered=remembered, software="the next version") as probe:
            probe.wait_connected()
        assert broker.levels == [5, 4, 4, 5, 4]


def test_broker_that_learnt_version_5_and_forgot_the_old_one(tmp_path: Path) -> None:
    remembered = tmp_path / "remembered.json"
    old = True

    def answer(connection: socket.socket, level: int) -> None:
        if old and level == Dialect.MQTT_3_1_1:
            accept(connection)
        elif old or level == Dialect.MQTT_3_1_1:
            connection.sendall(packet(CONNACK, b"\0\1"))
        else:
            connection.sendall(packet(CONNACK, b"\0\0\0"))
            _, body = read_packet(connection)
            connection.sendall(packet(SUBACK, body[:2] + b"\0\1\1\1\1"))

    with ScriptedBroker(answer) as broker:
        with Probe(broker.address, remembered=remembered) as probe:
            probe.wait_connected()
        old = False
        with Probe(broker.address, remembered=remembered) as probe:
            wait_for(lambda: probe.link.state.dialect == Dialect.MQTT_5, "MQTT 5")


def test_silence_is_tried_in_both_versions_and_not_remembered(tmp_path: Path) -> None:
    remembered = tmp_path / "remembered.json"
    timing = Timing(answer_s=0.2, first_retry_s=0.01, longest_retry_s=0.02)
    with ScriptedBroker(silent) as broker, Probe(broker.address, remembered=remembered, timing=timing) as probe:
        wait_for(lambda: len(broker.levels) >= 4, "four attempts")
        assert broker.levels[:4] == [5, 4, 5, 4]
        assert probe.states[0].cause == Cause.SILENT
        assert probe.states[0].reason == f"{broker.address} does not answer CONNECT"
    assert not remembered.exists()


def test_subscription_without_an_answer() -> None:
    timing = Timing(answer_s=0.2, first_retry_s=0.05)
    with ScriptedBroker(says(packet(CONNACK, b"\0\0\0"))) as broker, Probe(broker.address, timing=timing) as probe:
        assert probe.wait_cause(Cause.SILENT).reason == f"{broker.address} does not answer the subscription"
        assert not probe.link.connected


def test_refused_subscription() -> None:
    def answer(connection: socket.socket, _level: int) -> None:
        connection.sendall(packet(CONNACK, b"\0\0\0"))
        _, body = read_packet(connection)
        connection.sendall(packet(SUBACK, body[:2] + b"\0\1\1\x87\1"))

    with ScriptedBroker(answer) as broker, Probe(broker.address) as probe:
        assert probe.wait_cause(Cause.REFUSED).reason.endswith("access list (subscription)")


def test_broker_that_ends_the_connection_says_why() -> None:
    def answer(connection: socket.socket, _level: int) -> None:
        connection.sendall(packet(CONNACK, b"\0\0\0"))
        _, body = read_packet(connection)
        connection.sendall(packet(SUBACK, body[:2] + b"\0\1\1\1\1"))
        connection.sendall(packet(0xE0, b"\x8e\0"))

    with ScriptedBroker(answer) as broker, Probe(broker.address) as probe:
        assert "two units must not share one" in probe.wait_cause(Cause.REFUSED).reason


def test_connection_closed_without_an_answer() -> None:
    with ScriptedBroker(hang_up) as broker, Probe(broker.address) as probe:
        assert probe.wait_cause(Cause.LOST).reason == f"{broker.address} closed the connection without an answer"
        assert set(broker.levels) == {5}


def test_nothing_listens() -> None:
    with Probe(BrokerAddress(HOST, free_port(), None)) as probe:
        assert "is the broker running?" in probe.wait_cause(Cause.UNREACHABLE).reason
        wait_for(lambda: probe.link.counters.attempts[Dialect.MQTT_5] >= 3, "further attempts")
        assert len(probe.states) == 1  # the same state is told once


@pytest.mark.parametrize("host", ["no-such-broker.invalid", "a..b", "x" * 70])
def test_name_that_cannot_be_resolved(host: str) -> None:
    with Probe(BrokerAddress(host, 8883, None)) as probe:
        assert "cannot be resolved" in probe.wait_cause(Cause.UNREACHABLE).reason


def test_port_that_never_answers_tls(tmp_path: Path) -> None:
    site = Site(tmp_path)
    identity = site.client("unit-1")

    with socket.create_server((HOST, 0)) as listener:
        files = TlsFiles(site.authority, identity.certificate, identity.key)
        address = BrokerAddress(HOST, listener.getsockname()[1], files)
        timing = Timing(dial_s=0.3, first_retry_s=0.05)
        with Probe(address, timing=timing) as probe:
            assert probe.wait_cause(Cause.UNREACHABLE).reason == f"the broker {address} does not answer"


def test_service_without_tls(tmp_path: Path) -> None:
    site = Site(tmp_path)
    identity = site.client("unit-1")

    def greet(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")

    with ScriptedBroker(silent, on_open=greet) as broker:
        files = TlsFiles(site.authority, identity.certificate, identity.key)
        with Probe(BrokerAddress(HOST, broker.address.port, files)) as probe:
            assert probe.wait_cause(Cause.REFUSED).reason.startswith(f"no TLS with {HOST}")


GARBAGE = [
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    packet(CONNACK, b""),
    packet(CONNACK, b"\0"),
    packet(CONNACK, b"\0\0\xff\xff\xff\xff"),
    packet(CONNACK, b"\0\x33\0"),
    packet(CONNACK, b"\0\x18\0"),  # a reason code of another packet
    packet(CONNACK, b"\0\0\0") + packet(SUBACK, b"\0"),
    packet(CONNACK, b"\0\0\0") + packet(PUBLISH | 2, b"\xff\xff"),
    packet(CONNACK, b"\0\0\0") + packet(PUBLISH | 6, b"\0\1t\0"),
    packet(CONNACK, b"\0\0\0") + packet(PUBACK, b"\0"),
    packet(CONNACK, b"\0\0\0") + packet(0xE0, b"\x01\xff\xff"),
    packet(0x00, b""),
    b"\x20\xff\xff\xff\xff\xff",
    *(Random(seed).randbytes(300) for seed in range(20)),
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("piece", [1000, 1], ids=["whole", "byte by byte"])
def test_garbage_is_a_state(data: bytes, piece: int) -> None:
    def answer(connection: socket.socket, _level: int) -> None:
        for start in range(0, len(data), piece):
            connection.sendall(data[start : start + piece])
        connection.shutdown(socket.SHUT_WR)

    with ScriptedBroker(answer) as broker, Probe(broker.address) as probe:
        wait_for(lambda: bool(probe.states) and len(broker.levels) >= 2, "a state, and another attempt")
        assert probe.link.failure is None
        assert probe.states[0].cause in (Cause.GARBAGE, Cause.LOST, Cause.REFUSED, Cause.OLD_PROTOCOL)


def accepted_311(then: Callable[[socket.socket], None]) -> Callable[[socket.socket, int], None]:
    """A broker of MQTT 3.1.1 that goes on with ``then``."""

    def answer(connection: socket.socket, level: int) -> None:
        if level == Dialect.MQTT_5:
            connection.sendall(packet(CONNACK, b"\0\1"))
        else:
            accept(connection)
            then(connection)

    return answer


def test_window_is_bounded_and_leaves_room_for_an_alert() -> None:
    def never_acknowledge(connection: socket.socket) -> None:
        while True:
            read_packet(connection)

    with ScriptedBroker(accepted_311(never_acknowledge)) as broker, Probe(broker.address) as probe:
        probe.wait_connected()
        records = [probe.link.publish(Channel.RECORD, b"%d" % number) for number in range(40)]
        alerts = [probe.link.publish(Channel.ALERT, b"%d" % number) for number in range(40)]
        assert len([number for number in records if number is not None]) == 15  # the birth message has a place too
        assert len([number for number in alerts if number is not None]) == 4
        assert probe.published == []


def publication(topic: bytes, payload: bytes, mid: int) -> bytes:
    return packet(PUBLISH | 2, len(topic).to_bytes(2, "big") + topic + mid.to_bytes(2, "big") + payload)


def test_messages_that_are_not_ours_are_counted_and_acknowledged() -> None:
    receipt = UNIT.topic(Channel.RECEIPT).encode()
    messages = [
        (Address(UNIT.site, "unit-2").topic(Channel.RECEIPT).encode(), b"for another unit"),
        (UNIT.topic(Channel.RECORD).encode(), b"the wrong way"),
        (b"vernix/v2/demo-hospital/unit-1/receipt", b"another version"),
        (b"\xff\xfe", b"no text"),
        (receipt, bytes(1024 * 1024 + 1)),
        (receipt, bytes(1024 * 1024)),
    ]
    acknowledged: list[int] = []

    def send(connection: socket.socket) -> None:
        for mid, (topic, payload) in enumerate(messages, 1):
            connection.sendall(publication(topic, payload, mid))
        while True:
            first, body = read_packet(connection)
            if first == PUBACK:
                acknowledged.append(int.from_bytes(body[:2], "big"))

    with ScriptedBroker(accepted_311(send)) as broker, Probe(broker.address) as probe:
        wait_for(lambda: acknowledged == [1, 2, 3, 4, 5, 6], "every acknowledgement")
        assert probe.link.counters.foreign == 4
        assert probe.link.counters.oversize == 1
        assert probe.messages == [(Channel.RECEIPT, bytes(1024 * 1024))]


def test_stop_does_not_wait_for_a_broker_that_is_gone_quiet() -> None:
    timing = Timing(answer_s=1, farewell_s=0.3)
    with ScriptedBroker(accepted_311(lambda _: None)) as broker, Probe(broker.address, timing=timing) as probe:
        probe.wait_connected()
        probe.link.stop()
        assert probe.link.state.cause == Cause.STOPPED


def test_stop_from_a_callback() -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(publication(UNIT.topic(Channel.COMMAND).encode(), b"restart", 1))

    with ScriptedBroker(accepted_311(send)) as broker, Probe(broker.address) as probe:
        probe.on_message = lambda *_: probe.link.stop()
        probe.wait_cause(Cause.STOPPED)


def test_silent_connection_is_noticed_by_keepalive() -> None:
    timing = Timing(answer_s=1, first_retry_s=0.05, keepalive_s=1)
    with ScriptedBroker(accepted_311(lambda _: None)) as broker, Probe(broker.address, timing=timing) as probe:
        probe.wait_connected()
        assert probe.wait_cause(Cause.LOST).reason == f"the connection to {broker.address} was lost"


def acknowledges_all(said: list[int], *, answers: bool = False) -> Callable[[socket.socket], None]:
    """A broker that acknowledges everything; ``said`` gets the first bytes of all packets. ``answers``: a record."""
    record, receipt = (UNIT.topic(channel).encode() for channel in (Channel.RECORD, Channel.RECEIPT))

    def serve(connection: socket.socket) -> None:
        while True:
            first, body = read_packet(connection)
            said.append(first)
            if first & 0xF0 == PUBLISH:
                at = 2 + int.from_bytes(body[:2], "big")
                connection.sendall(packet(PUBACK, body[at : at + 2]))
                if answers and body[2:at] == record:
                    connection.sendall(publication(receipt, b"receipt", 1))

    return serve


def test_records_that_stay_unanswered_end_the_connection_in_order() -> None:
    timing = replace(SCRIPTED, unanswered_s=0.3)
    said: list[int] = []
    with ScriptedBroker(accepted_311(acknowledges_all(said))) as broker, Probe(broker.address, timing=timing) as probe:
        probe.wait_connected()
        probe.publish(b"a record")
        state = probe.wait_cause(Cause.SILENT)
        assert "the gateway does not answer" in state.reason
        wait_for(lambda: probe.link.connected, "another connection")
        assert said.count(DISCONNECT) == 1  # or the broker would have published the will


def test_ever_more_patient_with_a_gateway_that_is_away() -> None:
    timing, said, times = replace(SCRIPTED, unanswered_s=0.2), list[int](), list[float]()
    with ScriptedBroker(accepted_311(acknowledges_all(said))) as broker, Probe(broker.address, timing=timing) as probe:
        for _ in range(4):
            probe.wait_connected()
            began_s = time.monotonic()
            probe.publish(b"a record")
            wait_for(lambda: not probe.link.connected, "the end of patience")
            times.append(time.monotonic() - began_s)
    assert times[3] > 1.5, "0.2 s, 0.4 s, 0.8 s, 1.6 s"


def test_what_is_answered_or_needs_no_answer_is_not_missed() -> None:
    timing = replace(SCRIPTED, unanswered_s=0.3)
    serve = acknowledges_all([], answers=True)
    with ScriptedBroker(accepted_311(serve)) as broker, Probe(broker.address, timing=timing) as probe:
        probe.wait_connected()
        probe.publish(b"a record")
        wait_for(lambda: probe.messages == [(Channel.RECEIPT, b"receipt")], "the receipt")
        probe.publish(b"{}", Channel.HEALTH)
        with pytest.raises(AssertionError, match="in vain"):
            wait_for(lambda: not probe.link.connected, "what must not be", 1.0)


def test_back_off_doubles_with_jitter_up_to_its_end() -> None:
    timing, random = Timing(), Random(7)
    for failures, longest in ((1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (5000, 30)):
        pauses = [timing.retry_s(failures, random) for _ in range(100)]
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
