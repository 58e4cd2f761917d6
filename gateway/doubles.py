"""Accounts of before that are one person's. Nobody gets a second one today; and of two, one alone is in a roster.

Namesakes of one department are not among them: accounts of before have no staff numbers to tell them apart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gateway.officers import BADGE, PIN, WEBAUTHN, Account
from gateway.persons import NAMESAKES


@dataclass(frozen=True, slots=True)
class Double:
    """Two approved accounts of one person: ``first`` was approved first; ``shared`` is what shows it."""

    first: str
    second: str
    shared: str

    @property
    def told(self) -> str:
        """For an operator, in one line."""
        left_out = f"the roster leaves out {self.second}; end one of them with vernix-gateway officer revoke"
        return f"同一人两个账户 one person, two accounts  {self.first}  {self.second}  same {self.shared}: {left_out}"


def find_doubles(accounts: Sequence[Account], now: dt.datetime) -> list[Double]:
    """Every pair among ``accounts`` that counts at ``now``, in the order of their approval."""
    counting = sorted((one for one in accounts if one.state(now) == "approved"), key=lambda one: (one.approved, one.id))
    pairs = ((first, second, _shared(first, second)) for first, second in combinations(counting, 2))
    return [Double(first.id, second.id, shared) for first, second, shared in pairs if shared]


def _shared(first: Account, second: Account) -> str | None:
    shared = first.person.shared_with(second.person)
    if shared not in (None, NAMESAKES):
        return shared
    held = {_mark(one) for one in first.credentials if one[0] != PIN}
    return next((one[0] for one in second.credentials if _mark(one) in held), None)


def _mark(credential: tuple[str, str, str]) -> tuple[str, str]:
    """What a badge or security key is known by."""
    method, key, value = credential
    return (WEBAUTHN, key) if method == WEBAUTHN else (BADGE, value)
