"""Which line each key of a TOML text stands on. ``tomllib`` gives values only; an editor of a file needs the line.

The text must be one that ``tomllib`` has accepted: nothing is checked here a second time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"\d{4}-\d\d-\d\d \d\d[^\s,\]}#]*|[^\s,\]}#]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?""""{0,2}|\'\'\'.*?\'\'\'\'{0,2}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
"""A text of several lines may end in one or two quotation marks of its own."""


def key_lines(text: str) -> dict[str, int]:
    """Line (from 1) by key path such as ``alerts[2].to[0]``; the empty path is the file itself."""
    return _Scanner(text).scan()


def line_of(lines: Mapping[str, int], path: str) -> int:
    """The line of ``path``, or of the nearest thing around it that stands in the file."""
    while path not in lines:
        path = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", path, count=1) if path else path
        if not path:
            return lines.get("", 1)
    return lines[path]


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._lines = {"": 1}
        self._counts: dict[str, int] = {}

    def scan(self) -> dict[str, int]:
        base = ""
        while self._skip(_BLANK) < len(self._text):
            if self._text[self._at] == "[":
                base = self._header()
            else:
                self._pair(base)
        return self._lines

    def _skip(self, what: re.Pattern[str]) -> int:
        found = what.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _note(self, path: str) -> None:
        self._lines.setdefault(path, bisect_right(self._ends, self._at - 1) + 1)

    def _key(self) -> list[str]:
        names = []
        while True:
            start = self._skip(_SPACE)
            names.append(self._text[start : self._skip(_BARE_KEY if self._text[start] not in "\"'" else _STRING)])
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return [name.strip("\"'") for name in names]
            self._at += 1

    def _header(self) -> str:
        of_list = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if of_list else 1
        *outer, last = self._key()
        after = self._at + (2 if of_list else 1)
        self._at = start
        path = ""
        for name in outer:
            path = self._newest(_join(path, name))
        path = _join(path, last)
        if of_list:
            self._note(path)
            self._counts[path] = self._counts.get(path, 0) + 1
            path = self._newest(path)
        self._note(path)
        self._at = after
        return path

    def _newest(self, path: str) -> str:
        return f"{path}[{self._counts[path] - 1}]" if path in self._counts else path

    def _pair(self, base: str) -> None:
        start = self._at
        path = base
        for name in self._key():
            path = _join(path, name)
            after, self._at = self._at, start
            self._note(path)
            self._at = after
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: str) -> None:
        first = self._text[self._at]
        if first == "[":
            self._items(path, "]")
        elif first == "{":
            self._items(path, "}")
        else:
            self._skip(_STRING if first in "\"'" else _SCALAR)

    def _items(self, path: str, end: str) -> None:
        self._at += 1
        place = 0
        while self._text[self._skip(_BLANK)] != end:
            if end == "]":
                self._note(f"{path}[{place}]")
                self._value(f"{path}[{place}]")
            else:
                self._pair(path)
            place += 1
            if self._text[self._skip(_BLANK)] == ",":
                self._at += 1
        self._at += 1


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
