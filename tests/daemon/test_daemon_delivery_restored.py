"""A gateway that is restored from an older backup gets back what it had receipted since: nothing is lost.

Everything that the gateway knows of the unit, its counters too, is in the store that goes back.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import KernelClock, UnitClock
from daemon.delivery import Delivery, health_message
from daemon.outbox import Outbox
from evidence import downlink, receipt
from evidence.certificates import load_certificate
from evidence.health import parse_health
from evidence.keys import load_private_key
from evidence.topics import Channel
from gateway import command
from gateway.aside import Message
from gateway.intake import Intake
from gateway.outgoing import Outgoing
from gateway.store import Store
from tests.daemon.support import SITE, UNIT, Home, check_fields, now


def pump(home: Home, outbox: Outbox, path: Path) -> None:
    """Send what waits to the gateway's store at ``path``, and its commands and receipts back, until nothing moves."""
    identity, address = home.identity(), home.config().address
    sent: list[Message] = []

    def publish(channel: Channel, payload: bytes) -> bool:
        sent.append(Message(address, channel, payload))
        return True

    delivery = Delivery(outbox, address, identity.signer, identity.gateway_key, publish)
    authority = load_certificate(home.site / "authority" / "authority.pem")
    key = load_private_key(home.site / "gateway" / "encryption.key")
    with closing(Store(path)) as store:
        intake = Intake(store, SITE, authority, key)
        for one in command.waiting(store):
            delivery.receive(Channel.COMMAND, one.token.encode())
            one.path.unlink()
        while outbox.count_waiting():
            delivery.pump()
            (digests,) = intake.take(sent).values()
            sent.clear()
            token = command.write_receipt(store, address, digests, home.gateway(), now())
            delivery.receive(Channel.RECEIPT, token.encode())
    assert delivery.refused == 0


def test_restored_gateway_loses_nothing(home: Home, tmp_path: Path) -> None:
    path, backup = tmp_path / "gateway" / "gateway.db", tmp_path / "backup.db"
    outbox = home.outbox()
    for number in range(9):
        outbox.append(check_fields(), alert=number == 7)
    pump(home, outbox, path)
    shutil.copy(path, backup)
    for _ in range(60):
        outbox.append(check_fields())
    pump(home, outbox, path)
    assert (outbox.count_waiting(), outbox.head.seq) == (0, 70)

    shutil.copy(backup, path)
    with closing(Store(path)) as store:
        assert store.head(UNIT) is not None
        command.resend(store, home.config().address, [(11, 70)], home.gateway(), now())
    pump(home, outbox, path)
    with closing(Store(path)) as store:
        rows = [row.seq for row in store.rows() if row.chained]
        assert store.kept_apart() == []
    assert rows == list(range(1, 71))
    assert outbox.count_waiting() == 0
    outbox.close()


def test_receipt_that_was_kept_back_ends_no_resend(home: Home) -> None:
    """Of two receipts before the restore, the broker's operator keeps one and brings it after the command."""
    outbox = home.outbox()
    for _ in range(4):
        outbox.append(check_fields())
    delivery = _delivery(home, outbox)
    body = receipt.make_body({seq: sha256 for seq, sha256, _ in outbox.every_envelope()})
    at = [now() - dt.timedelta(hours=3) + dt.timedelta(minutes=minutes) for minutes in (0, 1, 60, 61)]
    heard, kept_back = (_receipt(home, body, when) for when in at[:2])
    delivery.receive(Channel.RECEIPT, heard)
    again = {"command": "resend", "ranges": [[1, 5]]}
    month = dt.timedelta(days=30)
    message = home.downlink(Channel.COMMAND, again, downlink.counter_at(at[2]), issued=at[2], lifetime=month)
    delivery.receive(Channel.COMMAND, message)
    assert outbox.count_waiting() == 5
    delivery.receive(Channel.RECEIPT, kept_back)
    assert (outbox.count_waiting(), delivery.refused) == (5, 1)
    delivery.receive(Channel.RECEIPT, _receipt(home, body, at[3]))
    assert (outbox.count_waiting(), delivery.refused) == (0, 1)
    outbox.close()


def _receipt(home: Home, body: Mapping[str, Any], at: dt.datetime) -> bytes:
    counter = downlink.counter_at(at)
    return home.downlink(Channel.RECEIPT, body, counter, issued=at, lifetime=dt.timedelta(days=30))


def _delivery(home: Home, outbox: Outbox) -> Delivery:
    identity = home.identity()
    return Delivery(outbox, home.config().address, identity.signer, identity.gateway_key, lambda *_: True)


@pytest.mark.parametrize("synchronised", [True, False])
def test_one_leap_of_the_gateways_clock_ends_nothing(synchronised: bool, home: Home, tmp_path: Path) -> None:
    """40 days ahead for one receipt, then right again: delivery goes on with the unit's next health message."""
    kernel = KernelClock(True, dt.timedelta(milliseconds=5))
    home.outbox().close()
    outbox = home.outbox(lambda floor: UnitClock(floor, kernel=lambda: kernel))
    delivery = _delivery(home, outbox)
    with closing(Store(tmp_path / "gateway" / "gateway.db")) as store:
        out = Outgoing(store, SITE, home.gateway())

        def receipted(when: dt.datetime) -> tuple[int, int]:
            digests = {seq: digest for seq, digest, _ in outbox.every_envelope()}
            token = command.write_receipt(store, home.config().address, digests, home.gateway(), when)
            delivery.receive(Channel.RECEIPT, token.encode())
            return outbox.count_waiting(), delivery.refused

        assert receipted(now()) == (0, 0)
        outbox.append(check_fields())
        kernel = KernelClock(synchronised, dt.timedelta(milliseconds=5))
        assert receipted(now() + dt.timedelta(days=40)) == ((1, 1) if synchronised else (0, 0))
        kernel = KernelClock(True, dt.timedelta(milliseconds=5))
        outbox.append(check_fields())
        refused = delivery.refused
        told = health_message(outbox, home.config().address, home.identity().signer, 0)
        out.heard(parse_health(told), now())
        assert receipted(now()) == (0, refused)
        outbox.append(check_fields())
        assert receipted(now()) == (0, refused), "and the next one"
    outbox.close()


def test_health_shows_which_messages_were_taken(home: Home) -> None:
    outbox, sent = home.outbox(), list[tuple[Channel, bytes]]()
    delivery = _delivery(home, outbox)

    def publish(channel: Channel, payload: bytes) -> bool:
        sent.append((channel, payload))
        return True

    delivery.publish = publish
    delivery.pump()
    message = home.downlink(Channel.COMMAND, {"command": "resend", "ranges": [[1, 1]]}, 9)
    delivery.receive(Channel.COMMAND, message)
    delivery.pump()  # at once, so that the gateway need not send it again
    claims = [parse_health(payload.decode()) for channel, payload in sent if channel is Channel.HEALTH]
    assert [one.counters and one.counters[Channel.COMMAND] for one in claims] == [0, 9]
    assert claims[1].counters == {"receipt": 9, "command": 9, "roster": 0, "worklist": 0}
    assert [(one.boot, one.number) for one in claims] == [(outbox.boot, 1), (outbox.boot, 2)]
    assert claims[0].order < claims[1].order
    outbox.close()
