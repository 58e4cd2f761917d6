"""TOML as text: tables of strings, integers and booleans, one level of nesting in a table's name (TOML 1.0)."""

from __future__ import annotations

from collections.abc import Mapping

from provisioning.errors import BadValueError

Value = str | int | bool
Tables = Mapping[str, Mapping[str, Value]]


def _value(path: str, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not value.isprintable():
        raise BadValueError(f"{path} has a control character or a byte that is not UTF-8", "write it without")
    # Of printable characters, TOML reserves only these two in a basic string.
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _table(name: str, values: Mapping[str, Value]) -> str:
    lines = [f"{key} = {_value(f'{name}.{key}', value)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines]) + "\n"


def write_toml(comment: str, tables: Tables) -> bytes:
    """The UTF-8 text of ``tables`` (full name -> keys), in their order, under a ``comment`` of one line.

    Raises:
        BadValueError: a string that a configuration line cannot hold; names its key path.
    """
    return "\n".join([f"# {comment}\n", *(_table(*item) for item in tables.items())]).encode()
