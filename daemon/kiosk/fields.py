"""The fields of what a page sends: each is held against what it must be. None of them is believed, none repeated."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from daemon.documents.mentions import mention
from daemon.events import Press
from daemon.outbox.known_events import of_screen
from evidence.forms.drawing import LARGEST, NotADrawing, picture_of

_LONGEST = 500
_PRESS = re.compile(r"(?!0+$)[0-9a-f]{1,12}")
_AGE_MS = re.compile(r"[0-9]{1,10}")
_JUST_NOW_MS = 1000
_LONGEST_VISIT = 128
_ID_NUMBER = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_SPACED_ID_NUMBER = re.compile(r"\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]")
"""With its date of birth, found when all separators are taken out: what stood before or behind it then touches it."""


class TouchRefused(Exception):
    """This touch is not possible; ``cause`` is a short name for the screen, ``status`` the HTTP status."""

    def __init__(self, cause: str, status: int = 400) -> None:
        super().__init__(cause)
        self.cause = cause
        self.status = status


def text(values: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    """A line of text, without the blanks around it."""
    value = values.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
        raise TouchRefused(f"{name}_must_be_text")
    if not value.strip() and not optional:
        raise TouchRefused(f"{name}_is_missing")
    return value.strip()


def reason(values: Mapping[str, Any], *, optional: bool = False) -> str:
    """What an officer writes: without numbers that say who she is, as far as they can be recognised."""
    given = text(values, "reason", optional=optional)
    if found := mention(given):
        raise TouchRefused(f"reason_has_{found}")
    return given


def officer(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What another officer confirms with: id or badge, and PIN or what a security key has signed."""
    value = values.get(name)
    if not isinstance(value, dict):
        raise TouchRefused("another_officer_is_missing")
    return value


def assertion(value: Any) -> dict[str, Any]:
    """What a security key has signed, as the page sends it."""
    if not isinstance(value, dict):
        raise TouchRefused("assertion_must_be_an_object")
    return value


def visit(values: Mapping[str, Any], *, optional: bool = False) -> str:
    """The visit's reference; it lies in the journal in plain text."""
    return reference(values, "visit", _LONGEST_VISIT, optional=optional)


def reference(values: Mapping[str, Any], name: str, longest: int, *, optional: bool = False) -> str:
    """A text that is to name a case and no person."""
    given = text(values, name, optional=optional)
    if len(given) > longest:
        raise TouchRefused(f"{name}_too_long")
    if _ID_NUMBER.search(given) or _SPACED_ID_NUMBER.search(re.sub(r"[\W_]", "", given)):
        raise TouchRefused(f"{name}_looks_like_an_id_number")
    return given


def press(values: Mapping[str, Any]) -> Press | None:
    """Which press of the emergency on a screen it is: a number that the page drew; None if there is none to read."""
    named = values.get("press")
    return of_screen(int(named, 16)) if isinstance(named, str) and _PRESS.fullmatch(named) else None


def age(values: Mapping[str, Any]) -> dt.timedelta | None:
    """How long ago it was pressed, as the page says; None where that is just now, or cannot be."""
    said = values.get("age_ms")
    age_ms = int(said) if isinstance(said, str) and _AGE_MS.fullmatch(said) else 0
    return dt.timedelta(milliseconds=age_ms) if age_ms >= _JUST_NOW_MS else None


def drawing(values: Mapping[str, Any]) -> bytes:
    """The signature's drawing, a PNG as base64: whole, of bounded size, and such as a form can show."""
    given = values.get("png")
    if not isinstance(given, str) or len(given) > LARGEST * 4 // 3 + 4:
        raise TouchRefused("png_is_missing_or_too_large")
    try:
        png = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise TouchRefused("png_must_be_base64") from None
    try:
        picture_of(png)
    except NotADrawing:
        raise TouchRefused("png_must_be_a_picture") from None
    return png


def choice(values: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    """One of ``allowed``."""
    value = values.get(name, default)
    if value not in allowed:
        raise TouchRefused(f"{name}_must_be_one_of:{','.join(allowed)}")
    return str(value)
