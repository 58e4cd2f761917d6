"""TOML trees: every error names the key path, what was expected, and nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.tree import Form, TreeError, is_optional, load_tree, plain, read_tree, unwrap


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    factor: float = 1.0
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    count: int
    on: bool
    folder: Path
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    words: tuple[str, ...] = field(default_factory=tuple)


SOUND = 'count = 2\non = true\nfolder = "data"\nwords = ["a", "b"]\n'
SOUND += '[leaf]\nname = "x"\nfactor = 3\n[[leaves]]\nname = "y"\n'


def _load(tmp_path: Path, text: str | bytes) -> Tree:
    path = tmp_path / "file.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_tree(Tree, path)


def test_a_file_becomes_a_tree(tmp_path: Path) -> None:
    tree = _load(tmp_path, SOUND)
    assert tree == Tree(2, True, tmp_path / "data", Leaf("x", 3.0), (Leaf("y"),), ("a", "b"))
    assert type(tree.leaf.factor) is float


@dataclass(frozen=True, slots=True)
class Version:
    v: Annotated[int, Form("version of this form", least=1, most=1)]
    weeks: Annotated[int, Form("from that week on", least=20)]


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert _load(tmp_path, SOUND.replace('"data"', '"/data"')).folder == Path("/data")


def test_a_tree_is_printed_plainly(tmp_path: Path) -> None:
    leaves = [{"name": "y", "factor": 1.0, "note": None}]
    assert plain(_load(tmp_path, SOUND)) == {
        "count": 2,
        "on": True,
        "folder": str(tmp_path / "data"),
        "leaf": {"name": "x", "factor": 3.0, "note": None},
        "leaves": leaves,
        "words": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("count = 2", 'count = "2"', "count", "expected an integer, found str"),
        ("count = 2", "count = true", "count", "expected an integer, found bool"),
        ("count = 2", "count = 2.0", "count", "expected an integer, found float"),
        ("count = 2\n", "", "count", "missing; expected an integer"),
        ("on = true", "on = 1", "on", "expected true or false"),
        ('"data"', '""', "folder", "expected a path"),
        ('"data"', "7", "folder", "expected a path"),
        ("factor = 3", "factor = true", "leaf.factor", "expected a number"),
        ('name = "x"', "name = []", "leaf.name", "expected a string"),
        ('name = "x"\n', "", "leaf.name", "missing"),
        ("factor = 3", "factr = 3", "leaf.factr", "unknown key; known here: name, factor, note"),
        ("factor = 3", "note = 3", "leaf.note", "expected a string"),
        ('["a", "b"]', '"a"', "words", "expected a list"),
        ('["a", "b"]', '["a", 1]', "words[1]", "expected a string"),
        ('name = "y"', "name = 1", "leaves[0].name", "expected a string"),
        ("[leaf]", "leaf = 1\n[other]", "other", "unknown key"),
    ],
)
def test_an_error_names_the_key_path(tmp_path: Path, old: str, new: str, path: str, expected: str) -> None:
    with pytest.raises(TreeError) as caught:
        _load(tmp_path, SOUND.replace(old, new, 1))
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_a_table_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="leaf: expected a table"):
        _load(tmp_path, 'count = 1\non = true\nfolder = "x"\nleaf = 1\n')


@pytest.mark.parametrize(
    "text", ["count", "a = 1\na = 2", b"\xff\xfe", "x = " + "[" * 9_999, "x = " + "{a=" * 9_999, "x = " + "9" * 5000]
)
def test_what_is_not_toml_is_named(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(TreeError, match="not TOML"):
        _load(tmp_path, text)


def test_a_key_that_may_be_empty_may_still_be_needed(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Needed:
        note: str | None

    (tmp_path / "file.toml").write_text("")
    with pytest.raises(TreeError, match="note: missing; expected a string"):
        load_tree(Needed, tmp_path / "file.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="cannot be read"):
        load_tree(Tree, tmp_path / "none.toml")


@given(st.text(max_size=60) | st.text(alphabet='count=1\n[]{}"leaf.ws ', max_size=60))
def test_any_text_is_a_tree_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TreeError):
        load_tree(Tree, path)


# --- forms, words, and every mistake at once -----------------------------------------------------------------------


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


Short = Annotated[str, Form("a short text", least=1, most=3, pattern="[a-z]+")]


@dataclass(frozen=True, slots=True)
class Formed:
    level: Annotated[int, Form("a level", least=0, most=2)]
    name: Short
    colours: Annotated[tuple[Colour, ...], Form(least=1, distinct=True)]
    other: Annotated[Short | None, Form("another name")] = None
    leaf: Leaf | None = None


FORMED = 'level = 0\nname = "ab"\ncolours = ["red", "blue"]\n'


@pytest.mark.parametrize(
    ("old", "new", "path", "expected", "advice"),
    [
        ("level = 0", "level = -1", "level", "expected 0 to 2, found -1", "a level"),
        ("level = 0", "level = 3", "level", "expected 0 to 2, found 3", "a level"),
        ("level = 0", 'level = "0"', "level", "expected an integer", "write it as level = 2"),
        ('"ab"', '""', "name", "expected 1 to 3 characters, found 0", "a short text"),
        ('"ab"', '"AB"', "name", "expected a short text, found 'AB'", ""),
        ('"red", "blue"', "", "colours", "expected at least 1 item, found 0", ""),
        ('"red", "blue"', '"red", "red"', "colours", "red stands there twice", "let it stand once"),
        (
            '"red", "blue"',
            '"red", "bleu"',
            "colours[1]",
            "expected one of red, blue, found 'bleu'",
            "did you mean blue?",
        ),
        ("level = 0", 'level = 0\nother = "long"', "other", "expected 1 to 3 characters", "another name"),
        ("level = 0\n", "", "level", "missing; expected an integer", "add level = 2"),
        ("level", "levle", "levle", "unknown key", "did you mean level?"),
    ],
)
def test_a_form_is_held(tmp_path: Path, old: str, new: str, path: str, expected: str, advice: str) -> None:
    file = tmp_path / "file.toml"
    file.write_text(FORMED.replace(old, new, 1))
    found = next(one for one in read_tree(Formed, file).mistakes if one.path == path)
    assert expected in found.problem
    assert advice in found.advice
    with pytest.raises(TreeError):
        load_tree(Formed, file)


def test_a_formed_file_becomes_a_tree(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text(FORMED)
    tree = Formed(0, "ab", (Colour.RED, Colour.BLUE))
    assert load_tree(Formed, file) == read_tree(Formed, file).value == tree
    assert type(plain(tree)["colours"][0]) is str


def test_every_mistake_with_its_line_and_a_stand_in(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text('level = "x"\nnam = "ab"\ncolours = [\n  "red",\n  "green",\n]\n[leaf]\nfactor = true\n')
    reading = read_tree(Formed, file)
    found = {one.path: reading.line(one.path) for one in reading.mistakes}
    assert found == {"nam": 2, "level": 1, "name": 1, "colours[1]": 5, "leaf.name": 7, "leaf.factor": 8}
    assert reading.value == Formed(0, "", (Colour.RED, Colour.RED), None, Leaf("", 0.0))


def test_what_is_advised_would_be_taken(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text("")
    told = {one.path: one.advice for one in read_tree(Version, file).mistakes}
    assert told == {"v": "add v = 1", "weeks": "add weeks = 20"}
    file.write_text("\n".join(advice.removeprefix("add ") for advice in told.values()))
    assert load_tree(Version, file) == Version(1, 20)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_bytes(b'\xef\xbb\xbfv = 1\nweeks = 2\n"a\\nb" = 3\n')
    (unknown,) = [one for one in read_tree(Version, file).mistakes if one.path != "weeks"]
    assert unknown.path == '"a\\nb"', "a key of two lines is told in one"


def test_the_line_of_what_is_not_toml(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text("level = 0\n\nname = ab\n")
    reading = read_tree(Formed, file)
    assert (reading.value, len(reading.mistakes), reading.line("")) == (None, 1, 3)


def test_a_file_that_cannot_be_read_is_no_mistake_in_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_tree(Formed, tmp_path / "none.toml")


def test_what_stands_beside_a_type() -> None:
    assert unwrap(int) == (int, Form())
    assert unwrap(Annotated[Short | None, Form("other", most=9)]) == (str, Form("other", 1, 9, "[a-z]+"))
    assert unwrap(Annotated[Annotated[int, Form(least=1)], Form(least=0)])[1].least == 0
    assert is_optional(Annotated[int | None, Form()])
    assert not is_optional(Annotated[int, Form()])
