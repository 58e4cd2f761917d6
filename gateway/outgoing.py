"""Messages that were laid down for units, on their way until a unit's signed health shows that it took them.

A broker's acknowledgement ends nothing: the broker may be killed and come back without the message, drop the session of
a unit that was away too long, or never have known the unit. So a message goes out on each new connection, and again
when a unit's health shows a lower counter than its own, ever more rarely, until it expires.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evidence import downlink
from evidence.errors import MalformedError
from evidence.health import Claim
from evidence.keys import Signer
from evidence.topics import Address, Channel
from gateway import command
from gateway.command import Command
from gateway.store import Store

log = logging.getLogger(__name__)

AGAIN_S: Final = 30.0
"""After a message went out, health that does not show it may have been on its way already."""
_LONGEST_S: Final = 3600.0
_TRIES: Final = 5
"""After so many times a unit that is there has refused a command, and those after it wait no longer."""
_HIGHEST: Final = 1 << 52
"""Counters above are no milliseconds of any time, and would leave no room for ours above them."""


@dataclass(slots=True)
class _Sent:
    at_s: float
    pause_s: float
    times: int
    again: bool = False


class Outgoing:
    """What is to be sent now. One thread at a time."""

    def __init__(
        self,
        store: Store,
        site: str,
        signer: Signer,
        *,
        again_s: float = AGAIN_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._site, self._signer = store, site, signer
        self._again_s, self._monotonic_s = again_s, monotonic_s
        self._sent: dict[Path, _Sent] = {}

    def reconnected(self) -> None:
        """Everything goes out again at once: nobody knows what the broker still has."""
        self._sent.clear()
        command.set_strays_aside(self._store)

    def take(self, now: dt.datetime) -> Iterator[tuple[Command, str]]:
        """What is to be published now, with its token; it then counts as sent. What has expired is cleared away.

        Of a unit's commands the next one goes out when the one before was taken: a unit that heard the later one first
        would take the earlier one for a repetition. One that it refuses time and again stops the others no longer.
        """
        for one in list(self._next_ones()):
            sent = self._sent.get(one.path)
            if sent is not None and not sent.again:
                continue
            try:
                laid = one.load()
                if laid.expires <= now:
                    one.path.unlink(missing_ok=True)
                    log.warning("a %s for %s has expired: the unit never took it", one.channel, one.unit)
                elif laid.kid != self._signer.kid:
                    # By the key before: units that know the present one refuse it for good. It goes out next time.
                    self._lay_again(one, now)
                else:
                    self._note_sent(one)
                    yield one, laid.token
            except FileNotFoundError:
                continue  # another one took its place just now
            except MalformedError as error:
                self._set_aside(one, error)

    def _set_aside(self, one: Command, error: MalformedError) -> None:
        one.set_aside(error)
        self._sent[one.path] = _Sent(self._monotonic_s(), _LONGEST_S, _TRIES)  # where it lies there all the same

    def _note_sent(self, one: Command) -> None:
        sent = self._sent.get(one.path)
        pause_s = self._again_s if sent is None else min(2 * sent.pause_s, _LONGEST_S)
        times = 1 if sent is None else sent.times + 1
        self._sent[one.path] = _Sent(self._monotonic_s(), pause_s, times)
        if times == _TRIES:
            log.warning("%s was sent a %s %d times and does not take it", one.unit, one.channel, times)

    def _lay_again(self, one: Command, now: dt.datetime) -> None:
        self._sent.pop(one.path, None)
        command.lay_again(self._store, one, Address(self._site, one.unit), self._signer, now)

    def _next_ones(self) -> Iterator[Command]:
        seen: set[str] = set()
        for one in command.waiting(self._store):
            if one.channel is not Channel.COMMAND or one.unit not in seen:
                yield one
            sent = self._sent.get(one.path)
            if one.channel is Channel.COMMAND and (sent is None or sent.times < _TRIES):
                seen.add(one.unit)

    def heard(self, claim: Claim, now: dt.datetime) -> None:
        """What a unit's health, already believed, shows of its messages."""
        for channel, shown in (claim.counters or {}).items():
            # A number that we never gave: our store was restored from a backup, or our clock was ahead before.
            unknown = shown < _HIGHEST and self._store.raise_counter(claim.unit, channel, shown)
            ones = [one for one in command.waiting(self._store, claim.unit) if one.channel is channel]
            if shown <= (highest := downlink.highest_counter(now)):
                # The unit has refused all that is above, and would until that is of its present: our clock was ahead.
                least = max([shown, *(one.counter for one in ones if one.counter <= highest)])
                if self._store.lower_counter(claim.unit, channel, highest, least):
                    log.warning("numbers on %s for %s were of a time to come; they go on from now", channel, claim.unit)
            for one in ones:
                try:
                    self._look_at(one, shown, unknown, now)
                except FileNotFoundError:
                    continue  # another one took its place just now
                except MalformedError as error:
                    self._set_aside(one, error)

    def _look_at(self, one: Command, shown: int, unknown: bool, now: dt.datetime) -> None:
        is_ahead = shown <= downlink.highest_counter(now) < one.counter
        if one.counter > shown and not is_ahead:
            sent = self._sent.get(one.path)
            if sent is not None:
                sent.again = self._monotonic_s() - sent.at_s >= sent.pause_s
        elif is_ahead or unknown:
            self._lay_again(one, now)
            log.warning("a %s for %s gets a new number: the unit could not take the one it had", one.channel, one.unit)
        elif one.channel is Channel.COMMAND and one.counter < shown:
            self._lay_again(one, now)
            log.warning("%s has taken a later command, but not this one: it is laid behind it", one.unit)
        else:
            self._sent.pop(one.path, None)
            one.path.unlink(missing_ok=True)
            log.info("%s has taken its %s", one.unit, one.channel)
