"""The outbox: one chain, one record per check, receipts, counters, boots and a clock that cannot go back."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from daemon.check_id import new_check_id
from daemon.clock import UnitClock
from daemon.outbox import Outbox
from evidence import receipt
from evidence.envelope import open_envelope
from evidence.errors import MalformedError, RefusedError, SignatureError
from evidence.instants import read_instant
from evidence.keys import load_private_key
from evidence.topics import Channel
from tests.daemon.support import SITE, SYNCHRONISED, UNIT, Home, check_fields, now


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    opened = home.outbox()
    yield opened
    opened.close()


def body_for(outbox: Outbox, *numbers: int) -> dict[str, Any]:
    hashes = {seq: digest for seq, digest, _ in outbox.every_envelope()}
    return receipt.make_body({seq: hashes[seq] for seq in numbers})


def waiting(outbox: Outbox) -> list[int]:
    return [item.seq for item in outbox.waiting()]


def test_first_record_is_the_birth_record(home: Home, outbox: Outbox) -> None:
    (birth,) = home.opened(outbox)
    assert birth.jws == home.config().keys.birth.read_text("ascii").strip()
    assert (outbox.head.seq, waiting(outbox), outbox.boot) == (1, [1], 1)


def test_records_verify_with_nothing_but_the_recovery_key(home: Home, outbox: Outbox) -> None:
    stored = [outbox.append(check_fields()) for _ in range(5)]
    result = home.verified(outbox)
    assert result.findings == []
    assert (result.unit, result.site, result.count, result.head) == (UNIT, SITE, 6, outbox.head)
    assert [one.seq for one in stored] == [2, 3, 4, 5, 6]
    assert [record.sha256 for record in home.opened(outbox)[1:]] == [one.sha256 for one in stored]


def test_gateway_opens_the_same_and_the_unit_cannot(home: Home, outbox: Outbox) -> None:
    outbox.append(check_fields())
    *_, (_, _, sealed) = outbox.every_envelope()
    gateway = load_private_key(home.site / "gateway" / "encryption.key")
    assert open_envelope(sealed, gateway).jws == home.opened(outbox)[-1].jws
    with pytest.raises(SignatureError, match="not for this key"):
        open_envelope(sealed, load_private_key(home.folder / "unit" / "record.key"))


def test_database_is_ciphertext(home: Home, outbox: Outbox) -> None:
    outbox.append(check_fields() | {"visit": {"ref": "VISIT-TO-FIND", "source": "typed"}, "reason": "REASON-TO-FIND"})
    outbox.close()
    content = b"".join(path.read_bytes() for path in home.database.parent.iterdir())
    assert b"TO-FIND" not in content


def test_one_record_per_check(home: Home, outbox: Outbox) -> None:
    check = new_check_id()
    first = outbox.append(check_fields(check))
    with pytest.raises(sqlite3.IntegrityError):
        outbox.append(check_fields(check, "failed"))
    assert outbox.check_record(check) == first
    assert outbox.check_record(new_check_id()) is None
    assert outbox.append(check_fields()).seq == first.seq + 1, "the refused record left no gap"
    assert home.verified(outbox).sound


def test_addendum_shares_its_check_id(home: Home, outbox: Outbox) -> None:
    check = new_check_id()
    first = outbox.append(check_fields(check))
    refers_to = {"seq": first.seq, "sha256": first.sha256}
    outbox.append({"kind": "addendum", "check": check, "refers_to": refers_to, "reason": "test"})
    assert outbox.check_record(check) == first
    assert home.verified(outbox).sound


@pytest.mark.parametrize(
    "change", [{"outcome": "maybe"}, {"reason": "x" * 501}, {"check": "1"}, {"reason": float("nan")}, {"x": object()}]
)
def test_what_is_no_record_is_refused(change: dict[str, Any], home: Home, outbox: Outbox) -> None:
    with pytest.raises(MalformedError):
        outbox.append(check_fields() | change)
    assert outbox.append(check_fields()).seq == 2
    assert home.verified(outbox).sound


def test_many_threads_make_one_chain(home: Home, outbox: Outbox) -> None:
    threads = [threading.Thread(target=lambda: [outbox.append(check_fields()) for _ in range(5)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert home.verified(outbox).count == 31
    assert home.verified(outbox).sound


def test_receipt_ends_the_waiting(outbox: Outbox) -> None:
    for _ in range(6):
        outbox.append(check_fields())
    assert outbox.apply_receipt(body_for(outbox, 1, 2, 3, 6), now()) == 4
    assert waiting(outbox) == [4, 5, 7]
    assert outbox.count_waiting() == 3
    assert outbox.apply_receipt(body_for(outbox, 1, 2, 3, 4), now()) == 1, "an overlap counts only what is new"
    assert outbox.apply_receipt(body_for(outbox, 1, 2, 3, 4), now()) == 0, "a repetition is harmless"
    assert waiting(outbox) == [5, 7]
    assert len(list(outbox.every_envelope())) == 7, "a receipt removes nothing"


def test_receipt_for_other_records_is_refused(outbox: Outbox) -> None:
    for _ in range(3):
        outbox.append(check_fields())
    wrong: list[dict[str, Any]] = [
        {**body_for(outbox, 1, 2), "sha256": "0" * 64},
        {**body_for(outbox, 1, 2), "ranges": [[1, 3]]},
        {**body_for(outbox, 1, 2), "ranges": [[1, 5]]},
        {**body_for(outbox, 1, 2), "ranges": [[1, 2**53 - 1]]},
    ]
    for body in wrong:
        with pytest.raises(RefusedError):
            outbox.apply_receipt(body, now())
    assert waiting(outbox) == [1, 2, 3, 4]


@pytest.mark.parametrize("ranges", [[[2, 1]], [[1, 2], [2, 3]], [[3, 3], [1, 1]], [[0, 1]], [[1, 1], [1, 1]]])
def test_receipt_whose_ranges_make_no_sense(ranges: list[list[int]], outbox: Outbox) -> None:
    outbox.append(check_fields())
    with pytest.raises(MalformedError):
        outbox.apply_receipt({"ranges": ranges, "sha256": "0" * 64}, now())
    assert waiting(outbox) == [1, 2]


def test_alerts_wait_by_themselves(outbox: Outbox) -> None:
    numbers = [outbox.append(check_fields(), alert=number % 2 == 0).seq for number in range(4)]
    assert [item.seq for item in outbox.waiting_alerts()] == [numbers[2], numbers[0]]
    assert [item.seq for item in outbox.waiting(after=2, limit=2)] == [3, 4]


def test_counters_only_rise_and_survive(home: Home, outbox: Outbox) -> None:
    assert outbox.last_counter(Channel.RECEIPT) == 0
    outbox.accept_counter(Channel.RECEIPT, 7)
    outbox.accept_counter(Channel.RECEIPT, 3)
    outbox.accept_counter(Channel.COMMAND, 2)
    outbox.close()
    again = home.outbox()
    assert (again.last_counter(Channel.RECEIPT), again.last_counter(Channel.COMMAND)) == (7, 2)
    again.close()


def test_boot_counter_rises_at_every_opening(home: Home) -> None:
    boots = []
    for _ in range(3):
        outbox = home.outbox()
        outbox.append(check_fields())
        boots.append(outbox.boot)
        outbox.close()
    assert boots == [1, 2, 3]
    outbox = home.outbox()
    assert [record.payload["boot"] for record in home.opened(outbox)[1:]] == boots
    assert home.verified(outbox).sound
    outbox.close()


def test_clock_at_1970_does_not_lead_back(home: Home) -> None:
    outbox = home.outbox()
    outbox.append(check_fields())
    outbox.close()
    passed_s = [0.0]

    def reset_clock(floor: dt.datetime | None) -> UnitClock:
        return UnitClock(
            floor,
            now=lambda: dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
            monotonic_s=lambda: passed_s[0],
            kernel=lambda: SYNCHRONISED,
        )

    again = home.outbox(reset_clock)
    for _ in range(3):
        passed_s[0] += 60
        again.append(check_fields())
    times = [record.payload["time"] for record in home.opened(again)]
    again.close()
    assert [time["source"] for time in times[-3:]] == ["floor"] * 3
    earliest = [read_instant(time["earliest"]) for time in times]
    assert earliest == sorted(earliest)
    latest = [read_instant(time["latest"]) for time in times[-3:]]
    assert [late - latest[0] for late in latest] == [dt.timedelta(seconds=60 * n) for n in range(3)]
    last = home.outbox()
    assert home.verified(last).sound
    last.close()


def test_clock_set_back_in_mid_run_does_not_lead_back(home: Home) -> None:
    """NTP leads an hour too far and back: the floor rises with every record, not only when the outbox opens."""
    today = [now()]
    outbox = home.outbox(lambda floor: UnitClock(floor, now=lambda: today[0], kernel=lambda: SYNCHRONISED))
    for step in (dt.timedelta(0), dt.timedelta(hours=1), -dt.timedelta(hours=1)):
        today[0] += step
        outbox.append(check_fields())
    times = [record.payload["time"] for record in home.opened(outbox)]
    assert [time["source"] for time in times[-3:]] == ["network", "network", "floor"]
    assert times[-1]["earliest"] == times[-2]["earliest"]
    assert home.verified(outbox).sound
    outbox.close()


def test_signing_happens_outside_of_any_transaction(home: Home) -> None:
    """A TPM may need a second: for so long nothing else that writes to the database may have to wait."""
    signer, signed = home.identity().signer, []

    class Watched:
        kid, protection, public_key = signer.kid, signer.protection, signer.public_key

        def sign(self, data: bytes) -> bytes:
            with closing(sqlite3.connect(home.database, timeout=0, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")  # SQLITE_BUSY if the outbox were writing
                other.execute("ROLLBACK")
            signed.append(data)
            return signer.sign(data)

    outbox = home.outbox(signer=Watched())
    for alert in (False, True):
        outbox.append(check_fields(), alert=alert)
    assert len(signed) == 2
    assert home.verified(outbox).sound
    outbox.close()


def test_signing_that_fails_leaves_nothing(home: Home, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unplugged:
        kid, protection, public_key = home.identity().signer.kid, "tpm2", home.identity().signer.public_key

        def sign(self, _data: bytes) -> bytes:
            raise OSError("the TPM does not answer")

    signer = outbox._signer
    monkeypatch.setattr(outbox, "_signer", Unplugged())
    with pytest.raises(OSError, match="TPM"):
        outbox.append(check_fields())
    monkeypatch.setattr(outbox, "_signer", signer)
    assert outbox.append(check_fields()).seq == 2
    assert home.verified(outbox).sound
