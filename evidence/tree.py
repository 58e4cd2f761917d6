"""A TOML file as a tree of frozen dataclasses: configurations and policy packs.

The dataclasses' field names are the file's key names. Every error names the key path, what was expected and what was
found. Relative paths are relative to the folder of the file.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class TreeError(Exception):
    """A file that cannot be used: ``path`` is the key path, the message says what was expected there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", Path: "a path (string)"}


def _expected(kind: Any) -> str:
    if dataclasses.is_dataclass(kind):
        return "a table"
    if typing.get_origin(kind) is tuple:
        return "a list"
    if typing.get_origin(kind) is types.UnionType:
        return _expected(typing.get_args(kind)[0])
    return _NAMES[kind]


def _value(kind: Any, found: Any, path: str, folder: Path) -> Any:
    if typing.get_origin(kind) is types.UnionType:
        kind = next(option for option in typing.get_args(kind) if option is not types.NoneType)
    if typing.get_origin(kind) is tuple and isinstance(found, list):
        item_kind = typing.get_args(kind)[0]
        return tuple(_value(item_kind, item, f"{path}[{place}]", folder) for place, item in enumerate(found))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(found, dict):
        return _table(kind, found, path, folder)
    if kind is Path and isinstance(found, str) and found:
        return folder / found
    if kind is float and type(found) in (int, float):
        return float(found)
    if type(found) is kind:
        return found
    raise TreeError(path, f"expected {_expected(kind)}, found {type(found).__name__} {found!r:.40}")


def _table(kind: type[Any], found: dict[str, Any], path: str, folder: Path) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}
    for name in found:
        if name not in fields:
            raise TreeError(_join(path, name), f"unknown key; known here: {', '.join(fields)}")
    values = {}
    for name, item in fields.items():
        if name in found:
            values[name] = _value(hints[name], found[name], _join(path, name), folder)
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise TreeError(_join(path, name), f"missing; expected {_expected(hints[name])}")
    return kind(**values)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def load_tree(kind: type[T], path: Path) -> T:
    """Read the TOML file at ``path`` as a ``kind``.

    Raises:
        TreeError: not readable, not TOML, an unknown or missing key, or a wrong type.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TreeError(str(path), f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, a number of 5000 digits; nested too deeply
        raise TreeError(str(path), f"not TOML: {error}") from error
    return typing.cast(T, _table(kind, found, "", path.parent.absolute()))


def plain(value: Any) -> Any:
    """``value`` (a tree, or part of one) as dicts, lists, strings and numbers, for printing."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
