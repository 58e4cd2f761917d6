"""Key paths and their lines: every way TOML has of writing a key, and any sound text at all."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.toml_lines import key_lines, line_of

TEXT = '''# a comment with "quotes" and [brackets]
a = 1  # another
b = [
  "x, ] }", # c
  {k = 1, "q r" = ['it''
   ]},
  1979-05-27 07:32:00,
]
c = """
d = 1
he said "hi" \\""" and \\\\""""
'e.f' = \'\'\'
[no]
\'\'\'\'
g . h = true
[t]
u = -inf
[[l]]
v = 1
  [l.m]
  w = 2
[[l]]
v = 3
[[l.n]]
z = 0x10
'''.replace("['it''\n   ]", "['it',\n   2]")


def test_every_way_to_write_a_key() -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT) == {
        "": 1,
        "a": 2,
        "b": 3,
        "b[0]": 4,
        "b[1]": 5,
        "b[1].k": 5,
        "b[1].q r": 5,
        "b[1].q r[0]": 5,
        "b[1].q r[1]": 6,
        "b[2]": 7,
        "c": 9,
        "e.f": 12,
        "g": 15,
        "g.h": 15,
        "t": 16,
        "t.u": 17,
        "l": 18,
        "l[0]": 18,
        "l[0].v": 19,
        "l[0].m": 20,
        "l[0].m.w": 21,
        "l[1]": 22,
        "l[1].v": 23,
        "l[1].n": 24,
        "l[1].n[0]": 24,
        "l[1].n[0].z": 25,
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [("a", 2), ("nowhere", 1), ("t.nowhere", 16), ("l[1].n[0].nowhere.x", 24), ("l[7].v", 18), ("b[1].k.x[3]", 5)],
)
def test_what_is_not_there_is_told_at_what_is_around_it(path: str, line: int) -> None:
    assert line_of(key_lines(TEXT), path) == line


@pytest.mark.parametrize("text", ["", "\n\n", "# only", "a=1", "a=1\r\nb=2\r\n", "[a]", "a=[]", "a={}", "a = ''"])
def test_small_files(text: str) -> None:
    tomllib.loads(text)
    assert set(key_lines(text)) >= {""}


def paths(value: Any, path: str = "") -> set[str]:
    """The key paths of a value that ``tomllib`` read."""
    found = {path}
    if isinstance(value, dict):
        for name, one in value.items():
            found |= paths(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            found |= paths(one, f"{path}[{place}]")
    return found


@given(st.text(alphabet="ab.=[]{}\"'#,\n \\1", max_size=40))
def test_any_toml_is_read(text: str) -> None:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
    if '"' not in text and "'" not in text:
        assert set(lines) == paths(value)
