"""Security keys that officers registered at units: each comes as a record of the unit's chain and waits to be taken.

A unit may be stolen and whoever stands at it may be anybody, so an offer gives nobody anything. Somebody here looks at
the officer, hears the code that the unit's screen shows, and takes the offer of that code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evidence.errors import EvidenceError
from evidence.record import Kind
from evidence.verify import read_record
from evidence.webauthn import KEY_OFFERED, key_code, read_registration
from gateway.officers import OfficerError
from gateway.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A key registered for ``officer`` at ``unit``, while ``vouched_by`` was on duty there.

    Attributes:
        seq, at: the unit's record of it, and its time.
        key, cose: credential id and public key, base64url.
        code: what the screen showed.
    """

    officer: str
    unit: str
    seq: int
    at: str
    vouched_by: str
    key: str
    cose: str
    code: str


def offers(store: Store, site: str) -> list[Offer]:
    """Every offer whose registration holds, by unit and record."""
    found: list[Offer] = []
    for row in store.units():
        for token in store.chained_jws(row.unit, Kind.EVENT):
            item = read_record(token)
            if item.payload["event"]["type"] == KEY_OFFERED:
                offer = _read(row.unit, item.seq, item.payload, site)
                found += [offer] if offer else []
    return found


def _read(unit: str, seq: int, payload: Mapping[str, Any], site: str) -> Offer | None:
    """The registration is verified here again; what the unit made of it is not asked."""
    event = payload["event"]
    try:
        officer, vouched_by = str(event["officer"]), str(event["vouched_by"])
        key, cose = read_registration(event["registration"], site, officer)
    except (EvidenceError, KeyError) as error:
        log.warning("%s seq %d: an offered security key does not hold: %s", unit, seq, error)
        return None
    return Offer(officer, unit, seq, payload["time"]["earliest"], vouched_by, key, cose, key_code(key))


def find(store: Store, site: str, officer: str, code: str) -> Offer:
    """The offer for ``officer`` whose screen showed ``code``.

    Raises:
        OfficerError: there is none.
    """
    for one in offers(store, site):
        if one.officer == officer and one.code == code.strip().upper():
            return one
    raise OfficerError("offer: no key with this code was registered for this officer; see officer offers")
