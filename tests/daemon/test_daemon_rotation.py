"""The unit hands its chain over to the key that provisioning made: once, at a start, whatever dies in between."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.cli import EXPECTED
from daemon.clock import UnitClock
from daemon.identity import bring_into_force, load_identity
from daemon.outbox import key_in_force
from daemon.selftest import run_tests
from evidence.chain import Head
from evidence.errors import KeyUnusableError
from evidence.record import Kind
from provisioning.rotation import Rotation, rotate
from tests.daemon.support import SYNCHRONISED, Home, check_fields, now
from tests.support.programs import FindProgram
from tests.support.tokens import tokens_of


def prepare(home: Home, reason: str = "yearly") -> Rotation:
    """What ``vernix-provision unit rotate`` does."""
    return rotate(home.site, home.toml.parent, reason, None, now)


def begin(home: Home) -> int:
    """The unit's start, and one check; how many keys came into force."""
    with closing(home.outbox()) as outbox:
        done = bring_into_force(outbox, home.identity())
        outbox.append(check_fields())
        return done


def uses(home: Home) -> list[tuple[int, str]]:
    """Which key signs from which record on; the chain must be sound."""
    with closing(home.outbox()) as outbox:
        result = home.verified(outbox)
    assert result.sound, result.findings
    return [(one.since, one.kid) for one in result.keys]


def test_the_next_start_brings_the_key_into_force(home: Home) -> None:
    first = home.identity().signer.kid
    assert begin(home) == 0  # birth, check
    made = prepare(home)
    assert begin(home) == 1  # key record, check
    assert begin(home) == 0
    assert uses(home) == [(1, first), (4, made.key.kid)]
    assert home.identity().signer.kid == key_in_force(home.database) == made.key.kid


def test_several_keys_in_their_order(home: Home) -> None:
    first = home.identity().signer.kid
    made = [prepare(home) for _ in range(3)]
    assert begin(home) == 3
    assert uses(home) == [(1, first), *((place, one.key.kid) for place, one in enumerate(made, start=3))]


def test_from_a_file_into_a_token(
    home: Home, pytestconfig: pytest.Config, program: FindProgram, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begin(home)
    uri = tokens_of(pytestconfig).soft_hsm(program, tmp_path_factory).uri()
    made = rotate(home.site, home.toml.parent, "TPM fitted", uri, now)
    assert begin(home) == 1
    (home.toml.parent / "record.key").unlink()
    assert begin(home) == 0
    assert uses(home)[1:] == [(4, made.key.kid)]
    assert home.identity().signer.protection == "softhsm"


def test_the_old_key_may_be_destroyed(home: Home) -> None:
    begin(home)
    prepare(home)
    begin(home)
    (home.toml.parent / "record.key").unlink()
    begin(home)
    assert [since for since, _ in uses(home)] == [1, 4]


def test_health_is_signed_by_the_key_in_force(home: Home) -> None:
    made = prepare(home)
    with closing(home.outbox()) as outbox:
        bring_into_force(outbox, home.identity())
        assert outbox.signer.kid == made.key.kid


def _no_key(home: Home) -> None:
    (home.toml.parent / "record-2.key").unlink()


def _no_certificate(home: Home) -> None:
    (home.toml.parent / "record-2.pem").write_text("junk")


def _certificate_of_another(home: Home) -> None:
    (home.toml.parent / "record-2.pem").write_bytes((home.toml.parent / "record.pem").read_bytes())


@pytest.mark.parametrize("harm", [_no_key, _no_certificate, _certificate_of_another])
def test_a_key_that_cannot_be_used_stops_nothing(home: Home, harm: object, caplog: pytest.LogCaptureFixture) -> None:
    prepare(home)
    assert callable(harm)
    harm(home)
    assert begin(home) == 0
    assert len(uses(home)) == 1
    assert "the record key stays" in caplog.text
    (told,) = [one for one in run_tests(home.config(), EXPECTED) if one.test == "keys"]
    assert not told.ok


def test_a_key_that_cannot_be_used_holds_up_only_those_after_it(home: Home) -> None:
    prepare(home)
    second = prepare(home)
    third = prepare(home)
    broken = home.toml.parent / second.key.certificate
    content = broken.read_bytes()
    broken.write_text("junk")
    assert begin(home) == 1
    broken.write_bytes(content)
    assert begin(home) == 2
    assert home.identity().signer.kid == third.key.kid
    assert len(uses(home)) == 4


def test_where_no_verifier_would_take_the_key_it_waits(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """The clock is far behind: by the record's time the certificate would not be valid yet."""
    behind = now() - dt.timedelta(days=400)
    with closing(home.outbox(lambda _: UnitClock(None, now=lambda: behind, kernel=lambda: SYNCHRONISED))) as outbox:
        prepare(home)
        head = outbox.head
        assert bring_into_force(outbox, home.identity()) == 0
        assert outbox.head == head
    assert "not at that time" in caplog.text
    assert begin(home) == 1
    assert len(uses(home)) == 2


def test_a_full_disk_keeps_the_old_key(home: Home) -> None:
    prepare(home)
    with closing(home.outbox()) as outbox:
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count={pages}")
        assert bring_into_force(outbox, home.identity()) == 0
    assert key_in_force(home.database) is None
    assert begin(home) == 1
    assert len(uses(home)) == 2


def test_a_list_without_the_key_in_force_is_an_error(home: Home) -> None:
    prepare(home)
    begin(home)
    (home.toml.parent / "keys.json").unlink()
    with pytest.raises(KeyUnusableError, match="does not name the key in force"):
        load_identity(home.config(), now())


def test_an_outbox_of_an_older_version_has_its_first_key(home: Home) -> None:
    begin(home)
    with closing(sqlite3.connect(home.database)) as db:
        db.execute("DROP TABLE keys")
    assert key_in_force(home.database) is None


def _snapshots(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def test_killed_between_any_two_statements_it_is_the_old_key_or_the_new(home: Home) -> None:
    """A process of its own is killed before its n-th SQL statement, for every n until it comes through."""
    begin(home)
    made = prepare(home)
    before = _snapshots(home.database.parent)
    ends = set()
    for count in range(1, 60):
        for name in _snapshots(home.database.parent):
            (home.database.parent / name).unlink()
        for name, content in before.items():
            (home.database.parent / name).write_bytes(content)
        if _rotate_and_die(home, count):
            break
        kid = key_in_force(home.database)
        ends.add(kid)
        assert begin(home) == (1 if kid is None else 0)
        assert [since for since, _ in uses(home)] == [1, 4]
        assert key_in_force(home.database) == made.key.kid
    else:
        pytest.fail("it never came through")
    assert count > 5
    assert ends == {None, made.key.kid}


def _rotate_and_die(home: Home, count: int) -> bool:
    """Whether the process came through its rotation before its ``count``-th statement."""
    child = os.fork()
    if child == 0:
        outbox = home.outbox()
        left = [count]

        def trace(_statement: str) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)

        outbox._db.set_trace_callback(trace)
        bring_into_force(outbox, home.identity())
        _ = outbox.head
        os._exit(0)
    return os.WIFEXITED(os.waitpid(child, 0)[1])


def test_the_key_record_says_why_and_names_the_next_place(home: Home) -> None:
    prepare(home, reason="compromised")
    with closing(home.outbox()) as outbox:
        head: Head = outbox.head
        bring_into_force(outbox, home.identity())
        (record,) = [one for one in home.opened(outbox) if one.kind is Kind.KEY]
    assert (record.seq, record.prev) == (head.seq + 1, head.sha256)
    assert record.payload["reason"] == "compromised"
