"""JSON Schemas of everything that is signed, and the one place that checks against them.

Three rules are read more strictly than a JSON Schema library must, so that every reader sees the same: an integer is
written as one (``2.0`` is none), ``$`` ends a pattern at the end of the text and not before a last line feed (ECMA-262;
Python's differs), and ``date-time`` is checked, in the one form of :mod:`evidence.instants`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from evidence.errors import MalformedError
from evidence.instants import read_instant

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=MalformedError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or read_instant(value) is not None


def _pattern(_: Any, pattern: str, value: object, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError("does not match")


_extend: Callable[..., type[Draft202012Validator]] = extend  # untyped in its stubs
_Strict = _extend(
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


@cache
def _validator(name: str) -> Draft202012Validator:
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text("utf-8")
    return _Strict(json.loads(text), format_checker=_FORMATS)


def check(name: str, value: dict[str, Any]) -> None:
    """Check ``value`` against the schema ``name`` (for instance ``record-v1``).

    Raises:
        MalformedError: names the path and the rule that is broken, never the value, which may be a person's.
    """
    error = next(_validator(name).iter_errors(value), None)
    if error is not None:
        path = ".".join(str(part) for part in error.absolute_path) or "(top level)"
        rule = error.validator
        detail = f": {error.message}" if rule == "required" else ""
        raise MalformedError(f"{name}: {path} breaks the rule {rule!r}{detail}")
