"""What was laid down for units stays until their health shows it, whatever brokers say; and counters heal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
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


def test_a_command_that_the_unit_refuses_stops_the_others_for_minutes_only(post: Post, known: Unit) -> None:
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
    assert next(command.waiting(post.store, "u1")).read()[0]["ranges"] == [[1, 5]]
    token = command.write_receipt(post.store, known.address, {1: "0" * 64}, post.hospital.signer, NOW)
    how: dict[str, Any] = {"last_counter": ahead, "now": NOW}
    assert downlink.read(token, Channel.RECEIPT, known.address, post.hospital.key_for, **how)
    post.heard(known, receipt=ahead, command=again)
    assert post.left() == []


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
    assert laid.read()[0] == {"command": "revocations", "list": token}
