"""Along the units' chains: from the head that is verified as far as records are here, over gaps that were given up.

A record that comes late, below the head and inside such a gap, is believed when the record above it names its hash:
from the gap's upper end downwards, until the gap is closed. Before that it waits without a receipt, for a unit's key
may have signed two records with one number.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from cryptography import x509

from evidence import chain
from evidence.chain import Head
from evidence.errors import ChainError, EvidenceError
from evidence.instants import read_instant
from evidence.record import Kind, Record
from evidence.verify import Origin, advance, check_signature, read_origin, read_record
from gateway.gaps import Gap
from gateway.revocations import RevocationList
from gateway.store import Store

log = logging.getLogger(__name__)

Digests = dict[int, str]
"""Records to receipt: ``seq`` -> hash."""
Expel = Callable[[str, Record, EvidenceError], None]
"""Called for a record of a unit that waited in the store, and turns out not to belong to the chain."""


class Chains:
    """The chains in ``store``. Used inside its transactions; one thread at a time."""

    def __init__(
        self,
        store: Store,
        authority: x509.Certificate,
        revoked: RevocationList,
        expel: Expel,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._store, self._authority, self._list, self._expel, self._now = store, authority, revoked, expel, now
        self._known: dict[str, tuple[Head, Origin]] = {}

    def forget(self) -> None:
        """What was learned since the transaction began is not in the store."""
        self._known.clear()

    def origin(self, unit: str) -> Origin | None:
        """The unit's keys as far as its chain is verified; None as long as its birth record has not come."""
        head = self._store.head(unit)
        if head is None:
            return None
        known = self._known.get(unit)
        if known is None or known[0] != head:  # an operator, in another process, may have led it on
            known = self._known[unit] = head, self._read_origin(unit)
        return known[1]

    def _read_origin(self, unit: str) -> Origin:
        row = self._store.unit(unit)
        assert row is not None
        origin = read_origin(read_record(row.birth), self._authority)
        for token in self._store.chained_jws(unit, Kind.KEY):
            origin = self._next_key(origin, read_record(token))
        return origin

    def _next_key(self, origin: Origin, item: Record) -> Origin:
        """``origin`` with the key that ``item`` brings, if it brings one; otherwise the old key stays in force."""
        try:
            return advance(origin, item, self._authority)
        except EvidenceError as error:
            log.warning("%s seq %d brings no key: %s", origin.unit, item.seq, error)
            return origin

    def begin(self, unit: str, birth: Record, origin: Origin) -> None:
        """A new unit."""
        self._store.add_unit(unit, birth, origin.head)
        self._known[unit] = origin.head, origin
        log.info("new unit %s", unit)

    def received(self, unit: str, item: Record) -> dt.datetime:
        """When the record came first: for one that is here already that was before, whenever it comes again."""
        text = self._store.received(unit, item.seq, item.sha256) if self._list.current else None
        return self._now() if text is None else read_instant(text)

    def take(self, unit: str, item: Record) -> Digests:
        """What is to be receipted now that ``item``, whose signature was checked, is in the store."""
        head = self._store.head(unit)
        assert head is not None, "a record is believed only of a known unit"
        if item.seq > head.seq:
            return self.go_on(unit, item)
        if self._store.is_chained(unit, item.seq):
            return {item.seq: item.sha256}
        return self._fill(unit, item.seq)

    def go_on(self, unit: str, checked: Record | None = None) -> Digests:
        """Go on from the head as far as records are here; what is newly verified.

        Args:
            checked: a record whose signature was held against the present origin just now.
        """
        head, origin = self._store.head(unit), self.origin(unit)
        assert head is not None
        assert origin is not None
        verified_by, fresh = origin, Digests()
        while (found := self._following(unit, head)) is not None:
            before, following = found
            # Any other record that was stored before may have waited for a key record in the hole, which ended its key.
            is_new = origin is verified_by and checked is not None and following.jws == checked.jws
            try:
                if not is_new:
                    self._check(unit, following, origin)
                after = chain.follow(before, following)
            except EvidenceError as error:
                self._expel(unit, following, error)
                break
            self._note_gaps(unit, head, following)
            head, origin = after, self._next_key(origin, following)
            fresh[head.seq] = head.sha256
        if fresh:
            self._store.set_head(unit, head)
            self._store.set_chained(unit, fresh)
        self._known[unit] = head, origin
        return fresh

    def _following(self, unit: str, head: Head) -> tuple[Head, Record] | None:
        """The record that comes next, and the head before it: beyond a hole, all of which was given up, as it says."""
        if (token := self._store.jws(unit, head.seq + 1)) is not None:
            return head, read_record(token)
        first = head.seq + 1
        ends = self._store.gaps.given_up_to(unit, first)
        above = self._store.first_above(unit, head.seq) if ends >= first else None
        if above is None or ends < above - 1:
            return None
        token = self._store.jws(unit, above)
        assert token is not None, "first_above found it"
        following = read_record(token)
        return Head(above - 1, following.prev), following

    def _note_gaps(self, unit: str, head: Head, following: Record) -> None:
        """What was given up ends before ``following``; or it was given up itself, and came all the same."""
        if following.seq > head.seq + 1:
            self._store.gaps.end_at(unit, following.seq - 1)
        elif (gap := self._store.gaps.holding(unit, following.seq)) is not None:
            self._store.gaps.begin_after(gap, following.seq)

    def _check(self, unit: str, item: Record, origin: Origin) -> None:
        check_signature(item, origin, self._list.current, self.received(unit, item))

    def _fill(self, unit: str, seq: int) -> Digests:
        """Close the gap that holds ``seq`` from above, as far as records are here; what is newly verified."""
        fresh = Digests()
        gap = self._store.gaps.holding(unit, seq)
        while gap is not None and self._store.is_chained(unit, gap.last + 1):
            late = self._fill_one(gap)
            fresh |= late
            gap = self._store.gaps.holding(unit, gap.first - 1) if gap.first in late else None
        return fresh

    def _fill_one(self, gap: Gap) -> Digests:
        late, origin = Digests(), self.origin(gap.unit)
        token = self._store.jws(gap.unit, gap.last + 1)
        assert origin is not None
        assert token is not None
        above = read_record(token)
        for seq in range(gap.last, gap.first - 1, -1):
            if (token := self._store.jws(gap.unit, seq)) is None:
                break
            item = read_record(token)
            try:
                self._check(gap.unit, item, origin)
                self._check_links(gap, item, above)
            except EvidenceError as error:
                self._expel(gap.unit, item, error)
                break
            late[seq], above = item.sha256, item
        if late:
            self._store.set_chained(gap.unit, late)
            self._store.gaps.shrink(gap, above.seq - 1)
            self._known.pop(gap.unit, None)  # a key record may have been among them
            log.info("%s: records %d to %d came late, into a gap", gap.unit, above.seq, gap.last)
        return late

    def _check_links(self, gap: Gap, item: Record, above: Record) -> None:
        if item.sha256 != above.prev:
            raise ChainError(f"another record than the one that seq {above.seq} names: the chain is forked")
        is_first = item.seq == gap.first and self._store.is_chained(gap.unit, item.seq - 1)
        if is_first and item.prev != self._store.digest(gap.unit, item.seq - 1):
            raise ChainError(f"linked to another record than seq {item.seq - 1}: the chain is forked")
