"""A TOML file as a tree of frozen dataclasses: configurations and policy packs.

The dataclasses' field names are the file's key names. Every error names the key path, what was expected and what was
found. Relative paths are relative to the folder of the file.

:func:`load_tree` stops at the first mistake; :func:`read_tree` goes on and finds them all, each with its line.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from evidence.toml_lines import key_lines, line_of

T = TypeVar("T")


class TreeError(Exception):
    """A file that cannot be used: ``path`` is the key path, the message says what was expected there.

    ``problem`` is the message without the path, ``advice`` what to do about it (may be empty).
    """

    def __init__(self, path: str, message: str, advice: str = "") -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.problem = message
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Form:
    """What a value must be beyond its type; stands beside it in ``Annotated``.

    Attributes:
        about: what the key means, for a published schema.
        least, most: bounds of a number, of a text's length in characters, or of a list's length.
        pattern: regular expression that the whole text matches.
        distinct: nothing stands twice in the list.
    """

    about: str = ""
    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A file read to its end.

    Attributes:
        value: the tree; where the file is broken a stand-in (nothing, zero) stands. None: not TOML at all.
        mistakes: all of them, in the order of the dataclasses' fields.
        lines: line by key path.
    """

    value: T | None
    mistakes: tuple[TreeError, ...]
    lines: Mapping[str, int]

    def line(self, path: str) -> int:
        """The line of the key at ``path``, or of the table that it is missing from."""
        return line_of(self.lines, path)


_ENCODING = "utf-8-sig"
"""Some editors begin a file with a byte-order mark; it says nothing about TOML."""
LARGEST = 1 << 18
"""Bytes of the largest file that is read; the longest pack is a tenth of it."""
_MOST_DOTS = 200
"""In a line; ``tomllib`` takes minutes over a key of as many parts as fit into a file."""
_GUESSES = 100
"""Mistakes after which nobody is helped by a guess at what each was meant to be."""
_LOOK_ALIKES = "“”‘’＂＇＝［］｛｝，＃：．"
"""What a Chinese keyboard gives for the characters that TOML is written in."""
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", Path: "a path (string)"}
_SAMPLES = {str: '"text"', float: "2.5", bool: "true", Path: '"folder/file"'}


@functools.cache
def unwrap(hint: Any) -> tuple[Any, Form]:
    """A field's type without ``Annotated`` and ``None``, and the form that stood beside it (the outer one counts)."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, *notes = typing.get_args(hint)
        kind, form = unwrap(inner)
        for note in notes:
            form = _over(note, form) if isinstance(note, Form) else form
        return kind, form
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return unwrap(next(one for one in typing.get_args(hint) if one is not types.NoneType))
    return hint, Form()


def _over(outer: Form, inner: Form) -> Form:
    said = {item.name: getattr(outer, item.name) for item in dataclasses.fields(Form)}
    silent = dataclasses.asdict(Form())
    return dataclasses.replace(inner, **{name: value for name, value in said.items() if value != silent[name]})


def is_optional(hint: Any) -> bool:
    """Whether the value may be missing: ``None`` is among its types."""
    if typing.get_origin(hint) is typing.Annotated:
        return is_optional(typing.get_args(hint)[0])
    return types.NoneType in typing.get_args(hint)


@functools.cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _expected(hint: Any) -> str:
    kind, _ = unwrap(hint)
    if dataclasses.is_dataclass(kind):
        return "a table"
    if typing.get_origin(kind) is tuple:
        return "a list"
    if _is_enum(kind):
        return f"one of {', '.join(kind)}"
    return _NAMES[kind]


def _sample(hint: Any) -> str:
    kind, form = unwrap(hint)
    if dataclasses.is_dataclass(kind):
        return "{ ... }"
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return "[" + ("{ ... }" if dataclasses.is_dataclass(unwrap(inner)[0]) else _sample(inner)) + "]"
    if _is_enum(kind):
        return f'"{next(iter(kind)).value}"'
    return str(_within(form, 2)) if kind is int else _SAMPLES[kind]


def _written(path: str, hint: Any) -> str:
    """How the key at ``path`` is written: tables under a headline of their own, as most files have them."""
    kind, _ = unwrap(hint)
    of_list = typing.get_origin(kind) is tuple
    inner = unwrap(typing.get_args(kind)[0])[0] if of_list else kind
    if not dataclasses.is_dataclass(inner):
        return f"{path.rpartition('.')[2]} = {_sample(hint)}"
    headline = re.sub(r"\[\d+\]", "", path)
    return f"[[{headline}]]" if of_list else f"[{headline}]"


def _within(form: Form, number: int) -> int:
    number = number if form.most is None else min(number, form.most)
    return number if form.least is None else max(number, form.least)


class _Reader:
    """Reads values; ``mistakes`` collects what is wrong, None raises at the first; ``partly`` lets other keys stand."""

    def __init__(self, folder: Path, mistakes: list[TreeError] | None, *, partly: bool = False) -> None:
        self._folder = folder
        self._mistakes = mistakes
        self._partly = partly

    def _wrong(self, path: str, message: str, advice: str = "") -> None:
        error = TreeError(path, message, advice)
        if self._mistakes is None:
            raise error
        self._mistakes.append(error)

    def value(self, hint: Any, found: Any, path: str) -> Any:
        kind, form = unwrap(hint)
        if typing.get_origin(kind) is tuple and isinstance(found, list):
            return self._list(typing.get_args(kind)[0], form, found, path)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(found, dict):
            return self.table(kind, found, path)
        if kind is Path and isinstance(found, str) and found:
            return self._folder / found
        if kind is float and type(found) in (int, float):
            return float(found)
        if _is_enum(kind) and type(found) is str:
            return self._word(kind, found, path)
        if type(found) is kind:
            return self._formed(form, found, path)
        about = f" ({form.about})" if form.about else ""
        sample = f"write it as {_written(path, hint)}{about}" if not path.endswith("]") else ""
        self._wrong(path, f"expected {_expected(hint)}, found {type(found).__name__} {found!r:.40}", sample)
        return _stand_in(hint)

    def _list(self, item: Any, form: Form, found: list[Any], path: str) -> tuple[Any, ...]:
        before = len(self._mistakes or ())
        values = tuple(self.value(item, one, f"{path}[{place}]") for place, one in enumerate(found))
        if len(self._mistakes or ()) > before:  # with a stand-in among them nothing can be said of the whole
            return values
        return typing.cast(tuple[Any, ...], self._formed(form, values, path))

    def _word(self, kind: type[StrEnum], found: str, path: str) -> StrEnum:
        words = [one.value for one in kind]
        if found not in words:
            self._wrong(path, f"expected one of {', '.join(words)}, found {found!r:.40}", _close(found, words))
            return next(iter(kind))
        return kind(found)

    def _formed(self, form: Form, value: Any, path: str) -> Any:
        size = value if isinstance(value, int) else len(value)
        of = "" if isinstance(value, int) else _UNITS[type(value)][_span(form).endswith(" 1")]
        if (form.least is not None and size < form.least) or (form.most is not None and size > form.most):
            self._wrong(path, f"expected {_span(form)}{of}, found {size}", form.about)
        elif form.pattern is not None and not re.fullmatch(form.pattern, value):
            self._wrong(path, f"expected {form.about or form.pattern}, found {value!r:.40}")
        elif form.distinct and len(set(value)) < len(value):
            twice = next(one for place, one in enumerate(value) if one in value[:place])
            self._wrong(path, f"{twice!s} stands there twice", "let it stand once")
        return value

    def table(self, kind: type[Any], found: dict[str, Any], path: str) -> Any:
        hints = _hints(typing.cast(Any, kind))
        fields = {item.name: item for item in dataclasses.fields(kind)}
        for name in found:
            if name not in fields and not self._partly:
                known = f"unknown key; known here: {', '.join(fields)}"
                near = _close(name, list(fields)) if len(self._mistakes or ()) < _GUESSES else ""
                self._wrong(_join(path, name), known, near or "take it out, or put it where it belongs")
        values = {}
        for name, item in fields.items():
            if name in found:
                values[name] = self.value(hints[name], found[name], _join(path, name))
            elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                advice = f"add {_written(_join(path, name), hints[name])}"
                self._wrong(_join(path, name), f"missing; expected {_expected(hints[name])}", advice)
                values[name] = _stand_in(hints[name])
        return kind(**values)


_UNITS: dict[type, tuple[str, str]] = {str: (" characters", " character"), tuple: (" items", " item")}


def _span(form: Form) -> str:
    if form.least is not None and form.most is not None:
        return str(form.least) if form.least == form.most else f"{form.least} to {form.most}"
    return f"at least {form.least}" if form.most is None else f"at most {form.most}"


def _close(found: str, known: list[str]) -> str:
    near = difflib.get_close_matches(found, known, 1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else ""


def _stand_in(hint: Any) -> Any:
    kind, _ = unwrap(hint)
    if is_optional(hint):
        return None
    if typing.get_origin(kind) is tuple:
        return ()
    if _is_enum(kind):
        return next(iter(kind))
    if not dataclasses.is_dataclass(kind):
        return kind()
    hints = _hints(typing.cast(Any, kind))
    needed = [one for one in dataclasses.fields(kind) if one.default is one.default_factory is dataclasses.MISSING]
    return typing.cast(Any, kind)(**{one.name: _stand_in(hints[one.name]) for one in needed})


def _join(path: str, name: str) -> str:
    name = name if name.isprintable() else json.dumps(name)
    return f"{path}.{name}" if path else name


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise TreeError(str(path), f"not TOML: larger than {LARGEST} bytes", "name the right file")
    try:
        text = data.decode(_ENCODING)
        for number, line in enumerate(text.split("\n"), start=1):
            if line.count(".") > _MOST_DOTS:
                raise ValueError(f"more than {_MOST_DOTS} dots in a line (at line {number})")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        told = f"not TOML: not UTF-8 (at line {place})"
        raise TreeError(str(path), told, "save the file as UTF-8; some editors save as GBK or UTF-16") from error
    except (ValueError, RecursionError) as error:  # not TOML, a number of 5000 digits; nested too deeply
        raise TreeError(str(path), f"not TOML: {error}", _typed_otherwise(text, str(error))) from error


def _typed_otherwise(text: str, told: str) -> str:
    """What to do where a line has characters that only look like TOML's; empty: it has none."""
    place = re.search(r"\(at line (\d+)", told)
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    found = [one for one in _LOOK_ALIKES if one in re.sub(r'"[^"]*"', "", line)]
    if not found:
        return ""
    return f"type {' '.join(found)} as ASCII: switch the keyboard to English for quotation marks and signs"


def load_tree(kind: type[T], path: Path, *, partly: bool = False) -> T:
    """Read the TOML file at ``path`` as a ``kind``.

    Args:
        partly: the file says more than a ``kind`` holds; that is left alone.

    Raises:
        TreeError: not readable, not TOML, an unknown or missing key, or a wrong type.
    """
    try:
        found = _parse(path, path.read_bytes())
    except OSError as error:
        raise TreeError(str(path), f"cannot be read: {error.strerror}") from error
    return typing.cast(T, _Reader(path.parent.absolute(), None, partly=partly).table(kind, found, ""))


def read_tree(kind: type[T], path: Path) -> Reading[T]:
    """Read the TOML file at ``path`` as a ``kind`` and find every mistake in it.

    Raises:
        OSError: the file cannot be read at all.
    """
    data = path.read_bytes()
    try:
        found = _parse(path, data)
    except TreeError as error:
        place = re.search(r"\(at line (\d+)", error.problem)
        error = TreeError("", error.problem, error.advice or "mend this first: nothing after it can be read")
        return Reading(None, (error,), {"": int(place[1]) if place else 1})
    mistakes: list[TreeError] = []
    value = _Reader(path.parent.absolute(), mistakes).table(kind, found, "")
    return Reading(typing.cast(T, value), tuple(mistakes), key_lines(data.decode(_ENCODING)))


def plain(value: Any) -> Any:
    """``value`` (a tree, or part of one) as dicts, lists, strings and numbers, for printing."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path | StrEnum) else value
