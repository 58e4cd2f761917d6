"""What arrives where the daemon and the gateway listen: MQTT payloads on every topic, and touches of the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from daemon.delivery import Delivery
from daemon.kiosk.fields import TouchRefused
from daemon.kiosk.touches import _TOUCHES, Touches
from daemon.officers import Roster
from daemon.policy import load_policy
from daemon.state import State
from evidence import envelope, jws
from evidence.decision import DecisionStatement
from evidence.encoding import b64url_decode, json_object
from evidence.errors import MalformedError
from evidence.keys import KeySigner, load_private_key
from evidence.record import Outcome
from evidence.topics import DOWN, UP, Address, Channel
from gateway.aside import Message
from gateway.connection import Arrived
from gateway.receiver import _read
from gateway.store import Store
from tests.daemon.support import SITE, UNIT, Home, build, check_fields, now
from tests.fuzz.mutations import changed, mutated, tokens
from tests.fuzz.scratch import folder
from tests.fuzz.target import Target
from tests.gateway.support import Hospital

_BODIES: Mapping[Channel, Mapping[str, Any]] = {
    Channel.RECEIPT: {"ranges": [[1, 2]], "sha256": "0" * 64},
    Channel.COMMAND: {"command": "resend", "ranges": [[1, 2]]},
    Channel.ROSTER: {"version": 1, "officers": []},
    Channel.WORKLIST: {"kid": "k" * 43, "jwe": "a.b.c.d.e"},
}


def _delivery() -> Target:
    place = folder() / "unit-home"
    shutil.rmtree(place, ignore_errors=True)
    build(place)
    home = Home(place)
    identity, outbox = home.identity(), home.outbox()
    outbox.append(check_fields())
    signer = KeySigner(load_private_key(home.site / "gateway/signing.key"))
    address = Address(SITE, UNIT)
    delivery = Delivery(outbox, address, outbox.signer, identity.gateway_key, publish=lambda _channel, _data: True)
    sound = [home.downlink(channel, body, 1 << 40).decode() for channel, body in _BODIES.items()]

    def resign(payload: bytes, token: str) -> str:
        return jws.sign(payload, signer, json.loads(b64url_decode(token.split(".")[0]))["typ"])

    def receive(given: tuple[Channel, bytes]) -> None:
        before = outbox.head
        delivery.receive(*given)
        assert outbox.head == before
        assert outbox.count_waiting() <= 2

    inputs = st.tuples(st.sampled_from(DOWN), tokens(sound, resign))
    return Target("daemon: messages from the broker", inputs, receive)


def _intake() -> Target:
    place = folder() / "hospital"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    hospital = Hospital.make(place)
    unit = hospital.unit()
    unit.grow(3)
    unit.rotate(hospital)
    unit.event()
    store = Store(place / "gateway.db")
    intake = hospital.intake(store)
    jwts = [record.jws for record in unit.records]
    sealed = [unit.sealed(record) for record in unit.records]
    first = unit.records[0].payload["key"]["kid"]
    signers = {unit.signer.kid: unit.signer, first: KeySigner(load_private_key(next(place.glob("u1-*.key"))))}

    def resign(payload: bytes, token: str) -> str:
        header = json.loads(b64url_decode(token.split(".")[0]))
        return jws.sign(payload, signers.get(header["kid"], unit.signer), header["typ"])

    @st.composite
    def messages(draw: DrawFn) -> Message:
        channel = draw(st.sampled_from((*UP, Channel.RECEIPT)))
        address = draw(st.sampled_from((unit.address, replace(unit.address, unit="u2"), Address("s2", "u1"))))
        match draw(st.integers(0, 2)):
            case 0:
                payload = draw(mutated(sealed))
            case 1:
                inner = draw(tokens(jwts, resign)).decode("utf-8", "replace")
                attachments = draw(changed([[], [envelope.attachment("a", b"x")]]))
                payload = envelope.seal(inner, unit.recipients, attachments if isinstance(attachments, list) else [])
            case _:
                payload = draw(tokens([unit.health(2).payload.decode()], resign))
        return Message(address, channel, payload)

    def take(given: list[Message]) -> None:
        intake.take(given)
        head = store.head("u1")
        assert head is None or head.seq <= len(store.rows("u1"))

    return Target("gateway: messages from the broker", st.lists(messages(), min_size=1, max_size=3), take)


def _arrivals() -> Target:
    made = mutated([b"vernix/v1/s1/u1/record"]).map(lambda data: data.decode("utf-8", "replace"))
    return Target("gateway: topics", made, lambda topic: _read(Arrived(topic, b"x", 1, 1)))


_TOUCHED: Sequence[Mapping[str, Any]] = (
    {"visit": "V-1", "checkpoint": "delivery", "drill": False},
    {"by": "subject", "wish": "refuse"},
    {"outcome": "manual", "reason": "known to both"},
    {"officer": "o-101", "pin": "480273"},
    {"reason": "no time", "officer": "o-101", "pin": "1"},
    {
        "check": "01900000-0000-7000-8000-000000000001",
        "phone": "+86 139 0000 0000",
        "png": "iVBORw0KGgo",
        "what": "remark",
    },
    {},
)


class _QuickRoster(Roster):
    """The roster with a hash that takes no time: what is asked here is not how long a PIN takes to guess."""

    def __init__(self) -> None:
        super().__init__({}, now)
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self._nobody = self._hasher.hash("nobody")


def _touches() -> Target:
    policy = load_policy("neutral")
    statement = DecisionStatement("c", None, Outcome.MANUAL, "x", "2999-01-01T00:00:00.000Z")
    state = replace(State(policy), statement=statement)
    touches = Touches(policy, policy.checkpoints[0].id, _QuickRoster(), lambda: state, now, lambda _: None)

    def touch(given: tuple[str, Any]) -> None:
        name, values = given
        if isinstance(values, dict):
            touches.event(name, values)

    names = st.sampled_from((*_TOUCHES, "unknown", "", "__init__"))
    return Target("daemon: touches of the page", st.tuples(names, changed(_TOUCHED)), touch, (TouchRefused,))


def _bodies() -> Target:
    made = mutated([json.dumps(one).encode() for one in _TOUCHED])
    return Target("daemon: bodies of touches", made, json_object, (MalformedError,))


def targets() -> list[Target]:
    """All of them."""
    return [_delivery(), _intake(), _arrivals(), _touches(), _bodies()]
