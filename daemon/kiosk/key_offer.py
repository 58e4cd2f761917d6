"""A security key that an officer registers at the screen: it becomes a record, and the gateway gives it to the officer.

The unit believes nothing by it: who stands there may be anybody. So it wants somebody on duty who vouches, and the
screen shows a code that the officer tells whoever takes the key at the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.events import Noted
from daemon.kiosk import fields
from daemon.kiosk.fields import TouchRefused
from evidence.errors import EvidenceError, MalformedError
from evidence.topics import check_name
from evidence.webauthn import KEY_OFFERED, RP_ID, key_code, read_registration, registration_challenge

_LARGEST = 8_000
_RESPONSE = ("clientDataJSON", "attestationObject")


def _officer(values: Mapping[str, Any]) -> str:
    try:
        return check_name("officer", fields.text(values, "officer"))
    except MalformedError:
        raise TouchRefused("officer_must_be_an_id") from None


def creation(values: Mapping[str, Any], site: str, known: Sequence[str]) -> dict[str, Any]:
    """What ``navigator.credentials.create`` needs; its challenge names the officer, whose ``known`` keys it excludes.

    Raises:
        TouchRefused: no id that an officer can have.
    """
    officer = _officer(values)
    return {
        "officer": officer,
        "rp_id": RP_ID,
        "challenge": registration_challenge(site, officer),
        "exclude": list(known),
    }


def offer(values: Mapping[str, Any], site: str, vouched_by: str) -> Noted:
    """The event of the key that was registered for the officer in ``values``, while ``vouched_by`` was on duty.

    Raises:
        TouchRefused: the registration is none, or not for this officer.
    """
    officer, made = _officer(values), values.get("registration")
    if not isinstance(made, dict) or not isinstance(made.get("response"), dict) or len(json.dumps(made)) > _LARGEST:
        raise TouchRefused("registration_must_be_an_object")
    response = {name: str(made["response"].get(name)) for name in _RESPONSE}
    registration = {name: str(made.get(name)) for name in ("id", "rawId", "type")} | {"response": response}
    try:
        credential, _ = read_registration(registration, site, officer)
    except EvidenceError:
        raise TouchRefused("key_not_registered") from None
    facts = {"officer": officer, "vouched_by": vouched_by, "code": key_code(credential)}
    return Noted(KEY_OFFERED, {**facts, "registration": registration})
