"""JSON Schemas of everything that is signed, and the one place that checks against them.

Three rules are read more strictly than a JSON Schema library must, so that every reader sees the same: an integer is
written as one (``2.0`` is none), ``$`` ends a pattern at the end of the text and not before a last line feed (ECMA-262;
the library's is such), and ``date-time`` is checked, in the one form of :mod:`evidence.instants`.

The library is ``jsonschema-rs``: a gateway checks 500 records a second on one core, and the schema in Python alone took
half of that time.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema_rs import Draft202012Validator

from evidence.errors import MalformedError
from evidence.instants import read_instant

_WRITTEN = "vernix-written-as-integer"


class _WrittenAsInteger:
    """A keyword put beside every ``"type": "integer"``: a float is none, not even 2.0."""

    def __init__(self, _parent: object, _value: object, _path: object) -> None:
        pass

    def validate(self, instance: object) -> None:
        if type(instance) is float:
            raise ValueError("not written as an integer")


def _is_instant(text: str) -> bool:
    try:
        read_instant(text)
    except MalformedError:
        return False
    return True


def _stricter(part: Any) -> Any:
    """``part`` of a schema with our keyword put in."""
    if isinstance(part, list):
        return [_stricter(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {name: _stricter(item) for name, item in part.items()}
    return inner | {_WRITTEN: True} if part.get("type") == "integer" else inner


@cache
def _validator(name: str) -> Draft202012Validator:
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text("utf-8")
    return Draft202012Validator(
        _stricter(json.loads(text)),
        formats={"date-time": _is_instant},
        validate_formats=True,
        ignore_unknown_formats=False,
        keywords={_WRITTEN: _WrittenAsInteger},
    )


def check(name: str, value: dict[str, Any]) -> None:
    """Check ``value`` against the schema ``name`` (for instance ``record-v1``).

    Raises:
        MalformedError: names the path and the rule that is broken, never the value, which may be a person's.
    """
    validator = _validator(name)
    try:
        if validator.is_valid(value):
            return
        error = next(validator.iter_errors(value))
    except ValueError:
        # NaN, a lone surrogate, a name that is no text, or nested too deeply. Not chained: the message has the value.
        raise MalformedError(f"{name}: (top level) is not JSON") from None
    path = ".".join(str(part) for part in error.instance_path) or "(top level)"
    rule = str(error.schema_path[-1]) if error.schema_path else "false"
    rule = "type" if rule == _WRITTEN else rule
    detail = f": {error.message}" if error.kind.name == "required" else ""
    raise MalformedError(f"{name}: {path} breaks the rule {rule!r}{detail}")
