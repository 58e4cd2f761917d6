"""Real traffic against the contract: unit, broker and gateway of production, and a witness who hears everything."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from daemon.delivery import Delivery
from daemon.demo.ports import HOST, free_port
from daemon.identity import bring_into_force
from daemon.mqtt import BrokerAddress, MqttLink, TlsFiles
from daemon.outbox import Outbox
from evidence import downlink
from evidence.certificates import load_certificate
from evidence.envelope import open_envelope
from evidence.keys import PublicKey, Signer, load_private_key, open_signer
from evidence.topics import CONTENT_TYPES, Address, Channel
from gateway import command
from gateway.config import Broker, Tls
from gateway.intake import Intake
from gateway.receiver import Receiver
from gateway.store import Store
from provisioning.rotation import rotate
from tests.daemon.support import SITE, UNIT, Home, build, check_fields, now
from tests.evidence.contract import BrokenContractError, Contract
from tests.support.brokers import Identity, Mosquitto, Seen, Site, Watcher, wait_for
from tests.support.programs import FindProgram


@dataclass
class Hospital:
    """Everything that runs, and the witness."""

    home: Home
    outbox: Outbox
    delivery: Delivery
    link: MqttLink
    store: Store
    gateway: Signer
    witness: Watcher
    contract: Contract

    def deliver(self) -> None:
        """Until the gateway has receipted everything."""

        def done() -> bool:
            self.delivery.pump()
            return self.outbox.count_waiting() == 0

        wait_for(done, "all receipts")

    def topic(self, channel: Channel) -> str:
        return Address(SITE, UNIT).topic(channel)


def _link(address: BrokerAddress, held: list[Delivery]) -> MqttLink:
    return MqttLink(
        address,
        Address(SITE, UNIT),
        on_message=lambda channel, payload: held[0].receive(channel, payload),
        on_state=lambda _: None,
        on_published=lambda _: None,
        remembered=None,
        about={"boot": 1},
    )


def _publish(link: MqttLink, channel: Channel, payload: bytes) -> bool:
    return link.publish(channel, payload, content_type=CONTENT_TYPES[channel]) is not None


def _tls(identity: Identity, site: Site) -> tuple[Path, Path, Path]:
    return site.authority, identity.certificate, identity.key


@pytest.fixture
def hospital(tmp_path: Path, program: FindProgram) -> Iterator[Hospital]:
    build(tmp_path)
    home, site = Home(tmp_path), Site(tmp_path / "tls", SITE)
    identity, gateway = home.identity(), home.gateway()
    encryption = load_private_key(home.site / "gateway/encryption.key")
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(program("mosquitto"), site, free_port()))
        outbox = stack.enter_context(closing(home.outbox()))
        keys: dict[str, PublicKey] = {gateway.kid: gateway.public_key, identity.signer.kid: identity.signer.public_key}
        rotate(home.site, home.toml.parent, "yearly", None, now)
        outbox.append(check_fields())
        assert bring_into_force(outbox, home.identity()) == 1
        keys[outbox.signer.kid] = outbox.signer.public_key
        witness = stack.enter_context(Watcher(site, broker.port, v5=True, topics="#"))
        held: list[Delivery] = []
        link = _link(BrokerAddress(HOST, broker.port, TlsFiles(*_tls(site.client(UNIT), site))), held)
        held.append(
            Delivery(
                outbox,
                Address(SITE, UNIT),
                outbox.signer,
                identity.gateway_key,
                publish=lambda channel, data: (
                    link.publish(channel, data, content_type=CONTENT_TYPES[channel]) is not None
                ),
                storage=lambda: {"state": "ok", "free_bytes": 1, "days_left": None},
            )
        )
        store = stack.enter_context(closing(Store(tmp_path / "gateway.db")))
        intake = Intake(store, SITE, load_certificate(home.site / "authority/authority.pem"), encryption)
        tls = Tls(*_tls(site.client("gateway"), site))
        receiver = Receiver(Broker(HOST, broker.port, tls), SITE, intake, store, gateway)
        thread = threading.Thread(target=receiver.run)
        thread.start()
        stack.callback(thread.join)
        stack.callback(receiver.stop)
        link.start()
        stack.callback(link.stop)
        contract = Contract(lambda data: open_envelope(data, encryption).jws, keys.get)
        yield Hospital(home, outbox, held[0], link, store, gateway, witness, contract)


def _hold(contract: Contract, seen: Seen) -> None:
    # The gateway speaks MQTT 3.1.1, which knows no content type; a live message does not say whether it is retained.
    contract.check(seen.topic, seen.payload, qos=seen.qos, content_type=seen.content_type, retained=None)


def test_every_message_is_what_the_document_says(hospital: Hospital) -> None:
    for number in range(5):
        hospital.outbox.append(check_fields(), alert=number == 2)
    hospital.outbox.append({"kind": "event", "event": {"type": "start"}})
    hospital.deliver()
    command.resend(hospital.store, Address(SITE, UNIT), [(2, 4)], hospital.gateway, now())
    wait_for(lambda: hospital.outbox.count_waiting() > 0, "the command")
    hospital.deliver()
    hospital.link.stop()
    states = [json.loads(one)["state"] for one in hospital.witness.payloads(hospital.topic(Channel.STATE))]
    wait_for(lambda: len(hospital.witness.payloads(hospital.topic(Channel.STATE))) == 2, "the unit to say goodbye")
    for seen in hospital.witness.seen:
        _hold(hospital.contract, seen)
    assert states[0] == "online"
    assert set(hospital.contract.seen) == {"record", "alert", "state", "health", "receipt", "command"}
    assert hospital.contract.seen["record"] >= 12  # 9 and the 3 that were asked for again
    told = {seen.content_type for seen in hospital.witness.seen if seen.topic.endswith(("record", "health", "state"))}
    assert told == {"application/jose+json", "application/jose", "application/json"}
    assert hospital.store.kept_apart() == []


def test_state_is_retained_and_nothing_else_is(hospital: Hospital) -> None:
    hospital.deliver()
    retained = {seen.topic for seen in hospital.witness.seen if seen.retain}
    assert retained == set()  # live messages come without the flag; who subscribes later gets what was retained
    hospital.witness._client.unsubscribe("#")
    before = len(hospital.witness.seen)
    hospital.witness._client.subscribe("#", 1)
    wait_for(lambda: any(seen.retain for seen in hospital.witness.seen[before:]), "the retained state")
    assert {seen.topic for seen in hospital.witness.seen[before:] if seen.retain} == {hospital.topic(Channel.STATE)}


BAD = [b"", b"junk", b"\xff\xfe", b"a.b.c", b'{"command": "resend"}']


def test_what_is_refused_is_counted_and_the_hospital_sees_it(hospital: Hospital) -> None:
    """By anybody who can publish there; also the gateway's own words, for another unit, again, or too late."""
    hospital.deliver()
    replayed = hospital.witness.payloads(hospital.topic(Channel.RECEIPT))[0]
    body, counter = {"command": "resend", "ranges": [[1, 1]]}, downlink.counter_at(now())
    other = hospital.home.downlink(Channel.COMMAND, body, counter, address=Address(SITE, "unit-other"))
    late = hospital.home.downlink(Channel.COMMAND, body, counter, issued=now() - dt.timedelta(days=2))
    stranger = open_signer(f"file:{hospital.home.site / 'broker/server.key'}")
    forged = hospital.home.downlink(Channel.COMMAND, body, counter, signer=stranger)
    bad = [*((Channel.COMMAND, one) for one in (*BAD, other, late, forged)), (Channel.RECEIPT, replayed)]
    for channel, payload in bad:
        hospital.witness.send(hospital.topic(channel), payload)
    wait_for(lambda: hospital.delivery.refused == len(bad), "all refusals")
    assert hospital.outbox.count_waiting() == 0  # none of them was acted on
    hospital.delivery.reconnected()  # health is due at once

    def told() -> bool:
        hospital.delivery.pump()
        (row,) = hospital.store.units()
        return row.refused == len(bad)

    wait_for(told, "the count at the gateway")


def test_a_message_on_a_topic_that_the_document_does_not_know_fails(hospital: Hospital) -> None:
    hospital.witness.send(f"vernix/v1/{SITE}/{UNIT}/extra", b"{}")
    wait_for(lambda: any(seen.topic.endswith("extra") for seen in hospital.witness.seen), "the stray message")
    (stray,) = (seen for seen in list(hospital.witness.seen) if seen.topic.endswith("extra"))
    with pytest.raises(BrokenContractError, match="no such topic"):
        _hold(hospital.contract, stray)
