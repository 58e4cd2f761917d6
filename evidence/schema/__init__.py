"""JSON Schemas of everything that is signed, and the one place that checks against them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from evidence.errors import MalformedError


@cache
def _validator(name: str) -> Draft202012Validator:
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


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
