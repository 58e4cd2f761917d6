"""What was laid down for units stays until their health shows it, whatever brokers say; and counters heal."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evidence import downlink, jws
from evidence.health import Claim
from evidence.keys import KeySigner, generate_key, thumbprint
from evidence.revocation import Reason, Revoked, read_revocations, sign_revocations
from evidence.topics import Address, Channel
from gateway import command
from gateway.outgoing import Outgoing
from gateway.revocations import catch_up
from gateway.store import Store
from tests.gateway.support import NOW, Hospital, Unit

DAY = dt.timedelta(days=1)
ROSTER = {"version": 1, "officers": []}
LAID = (Channel.COMMAND, Channel.ROSTER)


@dataclass
class Post:
    """The outgoing messages of one hospital, and a clock by which its pauses pass."""

    hospital: Hospital
    store: Store
    seconds: float = 1000.0
    minute: int = 0
    out: Outgoing = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start the gateway (again)."""
        self.out = Outgoing(
            self.store, self.hospital.site, self.hospital.signer, again_s=30, monotonic_s=lambda: self.seconds
        )

    def address(self, unit: str) -> Address:
        return Address(self.hospital.site, unit)

    def lay(self, channel: Channel, body: Mapping[str, Any], unit: str = "u1", now: dt.datetime = NOW) -> int:
        """The counter of what was laid down."""
        command.lay(self.store, channel, self.address(unit), body, self.hospital.signer, now)
        return max(one.counter for one in command.waiting(self.store, unit) if one.channel is channel)

    def resend(self, last: int, unit: str = "u1", now: dt.datetime = NOW) -> int:
        return self.lay(Channel.COMMAND, {"command": "resend", "ranges": [[1, last]]}, unit, now)

    def sent(self, now: dt.datetime = NOW) -> list[tuple[str, str, int]]:
        """What goes out now."""
        return [(one.unit, str(one.channel), one.counter) for one, _ in self.out.take(now)]

    def heard(self, unit: Unit, now: dt.datetime = NOW, **counters: int) -> None:
        """Health of ``unit``, through the intake, which must believe it first."""
        intake = self.hospital.intake(self.store)
        self.minute += 1
        intake.take([unit.health(len(unit.records), minute=self.minute, counters=counters)])
        (claim,) = intake.take_claims()
        self.out.heard(claim, now)

    def left(self) -> list[int]:
        return [one.counter for one in command.waiting(self.store)]


@pytest.fixture
def post(hospital: Hospital, store: Store) -> Post:
    return Post(hospital, store)


@pytest.fixture
def known(hospital: Hospital, store: Store, unit: Unit) -> Unit:
    hospital.intake(store).take([unit.message(record) for record in unit.grow(2)])
    return unit


def test_what_health_does_not_show_goes_again_ever_more_rarely(post: Post, known: Unit) -> None:
    counter = post.resend(5)
    began_s, times = post.seconds, []
    for _ in range(180):
        times += [post.seconds - began_s for _ in post.sent()]
        post.seconds += 60
        post.heard(known, command=counter - 1)
    assert times == [0, 60, 120, 240, 480, 960, 1920, 3840, 7440]
    assert post.left() == [counter]
    post.heard(known, command=counter)
    assert (post.left(), post.sent()) == ([], [])


def test_on_a_new_connection_everything_goes_again(post: Post) -> None:
    counter = post.resend(5)
    assert post.sent() == [("u1", "command", counter)]
    assert post.sent() == []
    post.out.reconnected()
    assert post.sent() == [("u1", "command", counter)]
    post.begin()
    assert post.sent() == [("u1", "command", counter)], "after a restart of the gateway too"


def test_commands_wait_for_each_other_and_units_do_not(post: Post, known: Unit) -> None:
    """The later one, heard first, would make the earlier one a repetition."""
    first, second, other = post.resend(5), post.resend(6), post.resend(7, "u1.x")
    assert post.sent() == [("u1", "command", first), ("u1.x", "command", other)]
    post.heard(known, command=first)
    assert post.sent() == [("u1", "command", second)]


def test_a_command_that_the_unit_refuses_stops_the_others_for_minutes_only(
    post: Post, known: Unit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused, other = post.resend(5), post.resend(6)
    for _ in range(20):
        went = [counter for _, _, counter in post.sent()]
        if other in went:
            break
        assert went in ([refused], [])
        post.seconds += 60
        post.heard(known, command=refused - 1)
    assert post.seconds <= 1000 + 20 * 60
    post.heard(known, command=other)
    (again,) = post.left()
    assert again > other, "not taken: it may have met a full disk"
    assert next(command.waiting(post.store)).load().body["ranges"] == [[1, 5]]
    assert [one.getMessage() for one in caplog.records if "has taken" in one.getMessage()] == [
        "u1 has taken a later command, but not this one: it is laid behind it",
        "u1 has taken its command",
    ]
    assert post.sent() == [("u1", "command", again)]
    post.heard(known, command=again)
    assert post.left() == []


def test_a_later_roster_takes_the_place_of_the_one_before(post: Post) -> None:
    post.lay(Channel.ROSTER, ROSTER)
    other = post.lay(Channel.ROSTER, ROSTER, "u1.x")
    later = post.lay(Channel.ROSTER, {**ROSTER, "version": 2})
    assert post.sent() == [("u1", "roster", later), ("u1.x", "roster", other)]


def test_what_expired_is_cleared_away_and_told(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.resend(5)
    assert post.sent(NOW + 31 * DAY) == []
    assert post.left() == []
    assert "the unit never took it" in caplog.text


def test_what_the_key_before_has_signed_is_signed_anew(post: Post) -> None:
    """Units that know the gateway's new key refuse the old one's word for good."""
    first = post.resend(5)
    signer = post.hospital.signer
    key = generate_key(post.store.path.parent / "next.key")
    post.out = Outgoing(post.store, post.hospital.site, KeySigner(key))
    assert post.sent() == []
    ((unit, channel, counter),) = post.sent()
    assert (unit, channel, counter > first) == ("u1", "command", True)
    (laid,) = command.waiting(post.store)
    assert jws.parse(laid.token, "vernix-command+jws").kid == thumbprint(key.public_key()) != signer.kid


def test_health_of_older_software_ends_nothing(post: Post, known: Unit) -> None:
    counter = post.resend(5)
    post.sent()
    post.out.heard(Claim("u1", post.hospital.site, known.head, "2026-11-21T08:00:00.000Z", known.signer.kid), NOW)
    assert post.left() == [counter]


def test_numbers_go_above_what_the_unit_has_seen(post: Post, known: Unit) -> None:
    """Our clock was ten years ahead once, and our store was restored from before: the unit would refuse what is new."""
    ahead = downlink.counter_at(NOW + 3650 * DAY)
    early = post.resend(5)
    post.heard(known, receipt=ahead, command=ahead + 7)
    (again,) = post.left()
    assert early < ahead + 7 < again, "it was not obeyed, whatever the number says"
    assert next(command.waiting(post.store, "u1")).load().body["ranges"] == [[1, 5]]
    token = command.write_receipt(post.store, known.address, {1: "0" * 64}, post.hospital.signer, NOW)
    how: dict[str, Any] = {"last_counter": ahead, "now": NOW}
    assert downlink.read(token, Channel.RECEIPT, known.address, post.hospital.key_for, **how)
    post.heard(known, receipt=ahead, command=again)
    assert post.left() == []


def test_after_a_leap_of_our_clock_numbers_go_on_from_the_present(post: Post, known: Unit) -> None:
    """40 days ahead for an hour: units refuse what was laid down and receipted then, and all that would come later."""
    leap = NOW + 40 * DAY
    before = post.resend(5)
    ahead = [post.resend(6, now=leap), post.lay(Channel.ROSTER, ROSTER, now=leap)]
    command.write_receipt(post.store, known.address, {1: "0" * 64}, post.hospital.signer, leap)
    assert min(ahead) > downlink.highest_counter(NOW)
    post.heard(known, receipt=7, command=before - 1, roster=0)
    commands, (roster,) = ([one for one in command.waiting(post.store) if one.channel is of] for of in LAID)
    assert [one.load().body["ranges"] for one in commands] == [[[1, 5]], [[1, 6]]], "in their order"
    assert before == commands[0].counter < commands[1].counter <= downlink.highest_counter(NOW)
    assert roster.counter <= downlink.highest_counter(NOW)
    assert commands[1].load().expires <= NOW + command.LIFETIME, "nor does it live longer than it was to"
    how: dict[str, Any] = {"last_counter": 7, "now": NOW, "highest_counter": downlink.highest_counter(NOW)}
    for _ in range(2):
        token = command.write_receipt(post.store, known.address, {1: "0" * 64}, post.hospital.signer, NOW)
        last = downlink.read(token, Channel.RECEIPT, known.address, post.hospital.key_for, **how).counter
        how["last_counter"] = last


def test_a_unit_that_took_numbers_of_a_time_to_come_gets_higher_ones(post: Post, known: Unit) -> None:
    """One without a network's time could not know; ours alone was set back since."""
    leap = NOW + 40 * DAY
    ahead = post.resend(6, now=leap)
    post.heard(known, command=ahead - 1)
    assert post.left() == [ahead]
    post.heard(known, command=ahead)
    assert post.left() == []
    assert post.resend(7) > ahead


STRAYS = {
    "note.jws": b"x",
    "u1.5.jws": b"x",
    "u1.0000000000000005.jws": b"",
    "u1.0000000000000006.jws": b"\xff",
    "u1.0000000000000007.jws": b"a.b.c",
}


def test_what_is_damaged_or_astray_is_set_aside(post: Post, known: Unit, caplog: pytest.LogCaptureFixture) -> None:
    counter, other = post.resend(5), post.resend(6, "u1.x")
    folder = post.store.path.parent / "commands"
    for name, content in STRAYS.items():
        (folder / name).write_bytes(content)
    (folder / "u1.0000000000000008.jws").mkdir()
    misnamed = f"u2.{other:016d}.jws"
    (folder / misnamed).write_bytes(next(command.waiting(post.store, "u1.x")).path.read_bytes())
    post.heard(known, command=0)
    assert not command.is_waiting(post.store, Channel.COMMAND, "u1", {"command": "resend", "ranges": [[1, 9]]})
    post.out.reconnected()
    sent = [went for _ in range(6) for went in post.sent()]
    assert sorted(sent) == [("u1", "command", counter), ("u1.x", "command", other)]
    aside = [*STRAYS, "u1.0000000000000008.jws", misnamed]
    assert sorted(path.name for path in folder.glob("*.damaged")) == sorted(f"{name}.damaged" for name in aside)
    assert all(f"{name} cannot be sent and is set aside" in caplog.text for name in aside)
    assert sorted(post.left()) == sorted([counter, other])


def test_what_cannot_be_set_aside_stops_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counter = post.resend(5)
    (post.store.path.parent / "commands" / "u1.0000000000000005.jws").write_bytes(b"")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    assert [went for _ in range(9) for went in post.sent()] == [("u1", "command", counter)]
    assert caplog.text.count("stays where it is") == 1


def test_a_number_beyond_all_time_stops_no_gateway(post: Post, known: Unit) -> None:
    post.heard(known, receipt=(1 << 53) - 1)
    command.write_receipt(post.store, known.address, {1: "0" * 64}, post.hospital.signer, NOW)


def test_receipts_rise_also_where_the_clock_stands(post: Post) -> None:
    made = [command.write_receipt(post.store, post.address("u1"), {1: "0" * 64}, post.hospital.signer, NOW)]
    made.append(command.write_receipt(post.store, post.address("u1"), {1: "0" * 64}, post.hospital.signer, NOW - DAY))
    last = 0
    for token in made:
        how: dict[str, Any] = {"last_counter": last, "now": NOW}
        last = downlink.read(token, Channel.RECEIPT, post.address("u1"), post.hospital.key_for, **how).counter
    assert last > downlink.counter_at(NOW)


def test_a_unit_with_an_older_list_of_revoked_keys_is_brought_the_present_one(post: Post, known: Unit) -> None:
    hospital, store = post.hospital, post.store
    entry = Revoked("k" * 43, "1", NOW, Reason.COMPROMISED)
    token = sign_revocations(hospital.site, 3, [entry], NOW, KeySigner(hospital.authority_key))
    how = (store, known.address, read_revocations(token, hospital.authority))
    assert catch_up(*how, 0, hospital.signer, NOW) is None, "it is not in the store"
    store.set_revocations(token)
    assert catch_up(*how, 3, hospital.signer, NOW) is None
    assert catch_up(*how, 2, hospital.signer, NOW) == 3
    assert catch_up(*how, 2, hospital.signer, NOW) is None, "it is on its way"
    (laid,) = command.waiting(store)
    assert laid.load().body == {"command": "revocations", "list": token}
