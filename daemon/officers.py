"""The officers a unit knows, and what proves that one of them is here.

A roster has ids, roles, validity and what recognises somebody (Argon2id hashes of PINs and badges, public keys), no
names. A PIN is attested by the unit: the record says so. Who somebody is, is the id: whichever credential is shown,
the same id is the same person.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from daemon.events import Confirmation, Event, Noted
from daemon.key_counters import KeyCounters
from daemon.rights import Right, lacking
from daemon.tries import Tries
from evidence.credentials import badge_digest
from evidence.encoding import json_object
from evidence.errors import EvidenceError, MalformedError
from evidence.instants import read_instant
from evidence.keys import plain_jwk
from evidence.topics import check_name
from evidence.webauthn import RP_ID, OtherContentError, check_assertion, read_cose, signature_count

COUNTER_WENT_BACK = "counter_went_back"
PROOF = ("credential_id", "authenticator_data", "client_data", "signature")
"""What a security key's assertion consists of."""

log = logging.getLogger(__name__)


class RosterUnusable(Exception):
    """The roster file is missing or damaged."""


class OfficerRefused(Exception):
    """This officer may not do this now; ``cause`` is a short name.

    ``wrong_pin`` (or unknown id), ``unknown_badge``, ``locked``, ``not_valid``, ``wrong_key`` (no key of this officer,
    or not for this page), ``key_signed_other`` (something else than what is asked, or before it was); for those who
    proved who they are: ``inspector_reads_only``, ``engineer_self_test_only``, ``role_decides_nothing``,
    ``regular_staff_only``.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Officer:
    """One entry of the roster, valid from ``valid_from`` until just before ``valid_to`` (None: no end).

    Attributes:
        pin: Argon2id hash; empty where the officer has none.
        regular: regular staff (正式工作人员), not temporary.
        department: a short code.
        badge: digest, see :func:`evidence.credentials.badge_digest`.
        keys: COSE public keys of security keys, by credential id; both base64url.
    """

    id: str
    role: str
    pin: str = field(repr=False)
    valid_from: dt.datetime
    valid_to: dt.datetime | None
    regular: bool = False
    department: str = ""
    badge: str | None = field(default=None, repr=False)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Officers:
    """A whole roster: ``by_id``, and the salt of its badges' digests. ``version`` 0 is provisioning's file."""

    by_id: Mapping[str, Officer]
    badge_salt: bytes | None = field(default=None, repr=False)
    version: int = 0


def _officer(entry: dict[str, Any]) -> Officer:
    officer_id, role, pin, end = entry["id"], entry["role"], entry["pin"], entry.get("valid_to")
    if not all(isinstance(text, str) and text for text in (officer_id, role, pin)):
        raise ValueError("an entry's id, role or PIN hash is no text, or empty")
    start = read_instant(entry["valid_from"])
    # A record that names the officer must be possible, so the id is held against the same rule.
    name, until = check_name("officer", officer_id), None if end is None else read_instant(end)
    return Officer(name, role, pin, start, until, regular=entry.get("regular") is True)


def read_roster(path: Path) -> dict[str, Officer]:
    """The officers of provisioning's file at ``path``, by id.

    Raises:
        RosterUnusable: missing, not JSON, or an entry without what it must have.
    """
    try:
        found = json_object(path.read_bytes())
        officers = [_officer(entry) for entry in found["officers"]]
    except OSError as error:
        raise RosterUnusable(f"{path}: cannot read the roster: {error.strerror}") from error
    except (MalformedError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RosterUnusable(f"{path}: not a roster: {type(error).__name__}; make it with vernix-provision") from error
    by_id = {officer.id: officer for officer in officers}
    if len(by_id) != len(officers):
        raise RosterUnusable(f"{path}: not a roster: an id is given twice; make it with vernix-provision")
    return by_id


class Roster:
    """Checks who is here, and locks out for a while who fails too often, by PIN or key. Any thread may ask."""

    def __init__(
        self,
        officers: Mapping[str, Officer] | Officers,
        now: Callable[[], dt.datetime],
        *,
        counters: KeyCounters | None = None,
        tell: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        """Begin with ``officers``.

        Args:
            counters: of security keys; in memory only, if nothing else is said.
            tell: hears of what the chain is to hold: who was locked out, whose key may exist twice.
        """
        self._all = officers if isinstance(officers, Officers) else Officers(officers)
        self._now = now
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._tries, self._tell = Tries(now), tell
        self._counters = counters or KeyCounters()
        self._lock = threading.Lock()
        # An unknown id costs as much time as a wrong PIN: the parameters are those of evidence/credentials.py.
        self._nobody = self._hasher.hash("nobody has this PIN")

    @property
    def version(self) -> int:
        """Of the roster in force; 0 for provisioning's file."""
        return self._all.version

    def replace(self, officers: Officers) -> None:
        """From now on ``officers`` are the roster. Who is locked out stays so."""
        self._all = officers

    def confirm(self, officer_id: str, pin: str, statement_sha256: str, *, regular: bool = False) -> Confirmation:
        """The confirmation of one statement by an officer who knows the PIN.

        Args:
            officer_id, pin: who, and what proves it.
            statement_sha256: what is confirmed.
            regular: only regular staff may.

        Raises:
            OfficerRefused: see there.
        """
        officer = self.identify(officer_id, pin)
        self.check_may_decide(officer, regular=regular)
        return Confirmation(officer.id, officer.role, "pin", statement_sha256)

    def confirm_by_key(
        self,
        officer_id: str,
        assertion: Mapping[str, Any],
        statement_sha256: str,
        origin: str,
        *,
        regular: bool = False,
    ) -> Confirmation:
        """The confirmation of one statement by an officer's security key.

        Args:
            officer_id: whose key it must be.
            assertion: ``credential_id``, ``authenticator_data``, ``client_data``, ``signature``, base64url.
            statement_sha256: what is confirmed; its bytes are the challenge.
            origin: of the page that asked the key.
            regular: only regular staff may.

        Raises:
            OfficerRefused: see :meth:`identify_by_key` and :meth:`check_may_decide`.
        """
        officer, proof = self.identify_by_key(officer_id, assertion, statement_sha256, origin)
        self.check_may_decide(officer, regular=regular)
        return Confirmation(officer.id, officer.role, "webauthn", statement_sha256, proof)

    def identify_by_key(
        self, officer_id: str, assertion: Mapping[str, Any], challenge_sha256: str, origin: str
    ) -> tuple[Officer, dict[str, Any]]:
        """The valid officer of any role whose key signed ``challenge_sha256``, and the proof as a record holds it.

        Raises:
            OfficerRefused: ``wrong_key`` or ``key_signed_other``, locked out, or outside the validity.
        """
        officer = self._all.by_id.get(officer_id)
        with self._lock:
            self._not_locked(officer_id)
            try:
                proof = self._proof(officer, assertion, challenge_sha256, origin)
            except (EvidenceError, KeyError) as error:
                self._failed(officer_id, "webauthn")
                other = isinstance(error, OtherContentError)
                raise OfficerRefused("key_signed_other" if other else "wrong_key") from None
            self._tries.succeeded(officer_id)
        assert officer is not None
        return self._valid(officer), proof

    def _proof(
        self, officer: Officer | None, assertion: Mapping[str, Any], challenge_sha256: str, origin: str
    ) -> dict[str, Any]:
        proof: dict[str, Any] = {name: str(assertion[name]) for name in PROOF} | {"rp_id": RP_ID}
        if officer is None:
            raise KeyError(proof["credential_id"])
        key = read_cose(officer.keys[proof["credential_id"]])
        check_assertion(proof, challenge_sha256, key, origin)
        proof["key"] = plain_jwk(key)
        counter = signature_count(proof)
        if self._counters.went_back(proof["credential_id"], counter, proof["signature"]):
            proof["findings"] = [COUNTER_WENT_BACK]
            facts = {"credential_id": proof["credential_id"], "counter": counter, "finding": COUNTER_WENT_BACK}
            self._tell(Noted("officer.key", {"officer": officer.id, **facts}, alert=True))
            log.warning("officer %s: the security key's counter does not rise; is there a copy?", officer.id)
        return proof

    def _not_locked(self, officer_id: str) -> None:
        if self._tries.locked(officer_id):
            raise OfficerRefused("locked")

    def _failed(self, officer_id: str, method: str) -> None:
        """Told only of officers whom the roster knows: an unknown id is whatever somebody has typed."""
        if self._tries.failed(officer_id) and officer_id in self._all.by_id:
            self._tell(Noted("officer.locked_out", {"officer": officer_id, "method": method}))
            log.warning("officer %s: locked out", officer_id)

    def keys_of(self, officer_id: str) -> list[str]:
        """Credential ids of an officer's security keys, for the page to ask for one; none for an unknown id."""
        officer = self._all.by_id.get(officer_id)
        return sorted(officer.keys) if officer else []

    def identify(self, officer_id: str, pin: str) -> Officer:
        """The valid officer of any role who knows the PIN.

        Raises:
            OfficerRefused: wrong PIN or unknown id, locked out, or outside the validity.
        """
        with self._lock:
            self._not_locked(officer_id)
            officer = self._all.by_id.get(officer_id)
            if not self._pin_is_right(officer, pin):
                self._failed(officer_id, "pin")
                raise OfficerRefused("wrong_pin")
            self._tries.succeeded(officer_id)
        assert officer is not None
        return self._valid(officer)

    def may_decide(self, officer_id: str) -> bool:
        """Whether the roster has this officer in a role that decides, and it is their time."""
        officer = self._all.by_id.get(officer_id)
        return officer is not None and lacking(officer.role, Right.DECIDE) is None and self._is_in_time(officer)

    def officer_of_badge(self, badge: str) -> str:
        """The id of the officer whose badge this is; nothing is proven by it.

        Raises:
            OfficerRefused: nobody's.
        """
        known = self._all
        try:
            digest = badge_digest(badge, known.badge_salt) if known.badge_salt else None
        except MalformedError:
            digest = None
        found = [one.id for one in known.by_id.values() if digest is not None and one.badge == digest]
        if len(found) != 1:
            raise OfficerRefused("unknown_badge")
        return found[0]

    def check_may_decide(self, officer: Officer, *, regular: bool) -> None:
        """Whether an officer who proved to be one may confirm a decision; ``regular``: only regular staff may.

        Raises:
            OfficerRefused: the role does not decide, or this wants regular staff.
        """
        self.check_may(officer, Right.DECIDE)
        if regular and not officer.regular:
            raise OfficerRefused("regular_staff_only")

    def check_may(self, officer: Officer, right: Right) -> None:
        """Whether the role of an officer who proved to be one has ``right``.

        Raises:
            OfficerRefused: it has not.
        """
        if cause := lacking(officer.role, right):
            raise OfficerRefused(cause)

    def _valid(self, officer: Officer) -> Officer:
        if not self._is_in_time(officer):
            raise OfficerRefused("not_valid")
        return officer

    def _is_in_time(self, officer: Officer) -> bool:
        now = self._now()
        return officer.valid_from <= now and (officer.valid_to is None or now < officer.valid_to)

    def _pin_is_right(self, officer: Officer | None, pin: str) -> bool:
        try:
            encoded = officer.pin if officer and officer.pin else self._nobody
            return self._hasher.verify(encoded, pin) and officer is not None and officer.pin == encoded
        except (Argon2Error, InvalidHashError):
            return False
