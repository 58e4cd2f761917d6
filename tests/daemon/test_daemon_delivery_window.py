"""Records that never get a receipt hold up nobody: the window moves on, and they go out again now and then."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.backlog import WINDOW, Backlog
from daemon.outbox import Outbox
from daemon.repeats import LONGEST_S, TRIES
from evidence import receipt
from tests.daemon.support import Home, check_fields, now

PATIENCE_S = 5 + 10 + 20 + 40 + 80 + 160 + LONGEST_S
"""In which a record goes out :data:`TRIES` times."""


class Way:
    """A backlog, what goes out of it, and a gateway that receipts what it is told to."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.numbers = {sealed: seq for seq, _, sealed in outbox.every_envelope()}
        self.digests = {seq: digest for seq, digest, _ in outbox.every_envelope()}
        self.sent: list[int] = []
        self.now_s = 1000.0
        self.is_up = True
        self.backlog = Backlog(outbox, self._publish, lambda: self.now_s)

    def _publish(self, sealed: bytes) -> bool:
        if self.is_up:
            self.sent.append(self.numbers[sealed])
        return self.is_up

    def run(self, seconds: float, step_s: float = 5.0, reconnect_s: float | None = None) -> list[int]:
        """What goes out within ``seconds``, in order."""
        self.sent.clear()
        for step in range(int(seconds / step_s)):
            if reconnect_s is not None and step * step_s % reconnect_s == 0:
                self.backlog.reconnected()
            self.backlog.pump()
            self.now_s += step_s
        return list(self.sent)

    def receipt(self, *numbers: int) -> None:
        body = receipt.make_body({seq: self.digests[seq] for seq in numbers})
        fresh = self.outbox.apply_receipt(body, now())
        self.backlog.receipted(receipt.read_ranges(body), fresh)


@pytest.fixture(scope="module")
def grown(provisioned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbox]:
    """An outbox with 3 windows and a half of records."""
    folder = tmp_path_factory.mktemp("window") / "home"
    shutil.copytree(provisioned, folder)
    opened = Home(folder).outbox()
    for _ in range(3 * WINDOW + WINDOW // 2 - 1):
        opened.append(check_fields())
    yield opened
    opened.close()


@pytest.fixture
def way(grown: Outbox) -> Way:
    grown.resend([(1, grown.head.seq)])
    return Way(grown)


def test_window_moves_past_what_is_never_answered(way: Way) -> None:
    first = list(range(1, WINDOW + 1))
    assert set(way.run(PATIENCE_S)) == set(first)
    assert [way.sent.count(seq) for seq in first] == [TRIES] * WINDOW
    following = way.run(LONGEST_S)
    assert set(following[WINDOW:]) == set(range(WINDOW + 1, 2 * WINDOW + 1)), "then the next ones"
    assert following[:WINDOW] == first, "and those again"


@pytest.mark.parametrize("reconnect_s", [None, 200.0])
def test_everything_goes_out_time_and_again(way: Way, reconnect_s: float | None) -> None:
    """Whatever of it the broker lost: a connection that breaks all the time does not hold it up either."""
    way.run(2 * 3600, reconnect_s=reconnect_s)
    assert set(way.sent) == set(way.digests)
    assert set(way.run(2 * 3600, reconnect_s=reconnect_s)) == set(way.digests)


def test_silence_makes_no_flood(way: Way) -> None:
    """A gateway that was away for a day does not find a day's repetitions."""
    sent = way.run(24 * 3600, step_s=60)
    assert len(sent) <= WINDOW * (2 * 24 * 3600 / LONGEST_S)
    assert max(sent.count(seq) for seq in way.digests) <= 24 * 3600 / LONGEST_S + TRIES


def test_gateway_that_comes_back_gets_everything_in_order(way: Way) -> None:
    way.run(2 * 3600)
    way.run(LONGEST_S)
    way.receipt(*range(1, WINDOW // 2 + 1))
    assert way.run(10, step_s=1)[:WINDOW] == list(range(WINDOW // 2 + 1, WINDOW // 2 + 1 + WINDOW))


def test_new_records_wait_for_nothing_behind_those_that_were_passed(way: Way) -> None:
    """The gap was given up: what lies in it waits for ever, what comes after it is receipted at once."""
    sent = set(way.run(PATIENCE_S + 10))
    for seq in range(WINDOW + 1, 3 * WINDOW):
        sent.update(way.run(1, step_s=1))
        assert seq in sent
        way.receipt(seq)
    assert way.outbox.waiting(limit=1)[0].seq == 1


def test_what_is_asked_for_again_is_not_passed_by(way: Way) -> None:
    way.run(2 * 3600)
    way.receipt(*range(WINDOW + 1, WINDOW + 9))
    way.run(2 * 3600)
    way.outbox.resend([(WINDOW + 1, WINDOW + 8)])
    way.backlog.asked_again([(WINDOW + 1, WINDOW + 8)])
    assert set(range(WINDOW + 1, WINDOW + 9)) <= set(way.run(10, step_s=1))


def test_line_that_breaks_loses_no_turn(way: Way) -> None:
    way.run(PATIENCE_S)
    way.is_up = False
    assert way.run(2 * LONGEST_S) == []
    way.is_up = True
    way.backlog.reconnected()
    assert way.run(5)[:WINDOW] == list(range(1, WINDOW + 1))
