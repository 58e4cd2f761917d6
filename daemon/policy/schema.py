"""The JSON Schema of a pack, made from its dataclasses; published as ``policy-v1.schema.json`` for hospitals' editors.

A schema says what a single key may be. What must hold between keys is told by ``vernix policy check``.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from enum import StrEnum
from typing import Any

from daemon.policy.pack import Policy
from evidence.tree import Form, unwrap

_TYPES = {str: "string", int: "integer", bool: "boolean"}


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(policy_schema(), ensure_ascii=False, indent=2) + "\n"


def policy_schema() -> dict[str, Any]:
    """The schema as a document of JSON Schema 2020-12."""
    defs: dict[str, Any] = {}
    top = _table(Policy, defs)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vernix:schema:policy:1",
        "title": "Vernix policy pack, version 1 (政策包)",
        **top,
        "$defs": dict(sorted(defs.items())),
    }


def _table(kind: type[Any], defs: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    needed = [one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING]
    return {
        "description": _first_line(kind),
        "type": "object",
        "properties": {one.name: _with_default(one, _value(hints[one.name], defs)) for one in fields},
        "required": needed,
        "additionalProperties": False,
    }


def _with_default(item: dataclasses.Field[Any], schema: dict[str, Any]) -> dict[str, Any]:
    if item.default in (dataclasses.MISSING, None):
        return schema
    return schema | {"default": list(item.default) if isinstance(item.default, tuple) else item.default}


def _value(hint: Any, defs: dict[str, Any]) -> dict[str, Any]:
    kind, form = unwrap(hint)
    about = {"description": form.about} if form.about else {}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return about | _named(kind, defs, lambda: _table(kind, defs))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        words = {"description": _first_line(kind), "enum": [one.value for one in kind]}
        return about | _named(kind, defs, lambda: words)
    if typing.get_origin(kind) is tuple:
        items = _value(typing.get_args(kind)[0], defs)
        return about | {"type": "array", "items": items} | _bounds(form, "Items") | _distinct(form)
    if kind is str:
        return about | {"type": "string"} | _bounds(form, "Length") | _pattern(form)
    return about | {"type": _TYPES[kind]} | _bounds(form, "imum")


def _named(kind: type[Any], defs: dict[str, Any], make: typing.Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if kind.__name__ not in defs:
        defs[kind.__name__] = {}  # taken, should it name itself
        defs[kind.__name__] = make()
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _bounds(form: Form, of: str) -> dict[str, int]:
    found = {f"min{of}": form.least, f"max{of}": form.most}
    return {name: bound for name, bound in found.items() if bound is not None}


def _distinct(form: Form) -> dict[str, bool]:
    return {"uniqueItems": True} if form.distinct else {}


def _pattern(form: Form) -> dict[str, str]:
    return {"pattern": f"^(?:{form.pattern})$"} if form.pattern else {}


def _first_line(kind: type[Any]) -> str:
    return (kind.__doc__ or "").strip().split("\n")[0]
