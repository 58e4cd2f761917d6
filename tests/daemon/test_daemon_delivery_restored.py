"""A gateway that is restored from an older backup gets back what it had receipted since: nothing is lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from daemon.delivery import Delivery
from daemon.outbox import Outbox
from evidence import receipt
from evidence.certificates import load_certificate
from evidence.keys import load_private_key
from evidence.topics import Channel
from gateway import command
from gateway.aside import Message
from gateway.intake import Intake
from gateway.store import Store
from tests.daemon.support import SITE, UNIT, Home, check_fields, now


def pump(home: Home, outbox: Outbox, path: Path, counter: list[int]) -> None:
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
            counter[0] += 1
            body = receipt.make_body(digests)
            delivery.receive(Channel.RECEIPT, home.downlink(Channel.RECEIPT, body, counter[0]))
    assert delivery.refused == 0


def test_restored_gateway_loses_nothing(home: Home, tmp_path: Path) -> None:
    counter, path, backup = [0], tmp_path / "gateway" / "gateway.db", tmp_path / "backup.db"
    outbox = home.outbox()
    for number in range(9):
        outbox.append(check_fields(), alert=number == 7)
    pump(home, outbox, path, counter)
    shutil.copy(path, backup)
    for _ in range(60):
        outbox.append(check_fields())
    pump(home, outbox, path, counter)
    assert (outbox.count_waiting(), outbox.head.seq) == (0, 70)

    shutil.copy(backup, path)
    with closing(Store(path)) as store:
        assert store.head(UNIT) is not None
        command.resend(store, home.config().address, [(11, 70)], home.gateway(), now())
    pump(home, outbox, path, counter)
    with closing(Store(path)) as store:
        rows = [row.seq for row in store.rows() if row.chained]
        assert store.kept_apart() == []
    assert rows == list(range(1, 71))
    assert outbox.count_waiting() == 0
    outbox.close()
