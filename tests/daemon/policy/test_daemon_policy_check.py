"""``check`` finds each mistake where it is, says what to do, and finds all of them; what is sound it leaves alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.policy import load_policy
from daemon.policy.check import check_file
from daemon.policy.rule import RULES
from evidence.toml_lines import key_lines
from evidence.tree import LARGEST, TreeError
from tests.daemon.policy.support import BROKEN, PACKS, check_text, line_in, own, read_text, text_of


@pytest.mark.parametrize("name", BROKEN)
def test_mistake_is_explained(name: str, tmp_path: Path) -> None:
    broken = BROKEN[name]
    mistakes = check_text(tmp_path, broken.text)
    found = [one for one in mistakes if one.path == broken.path and broken.problem in one.problem]
    assert found, mistakes
    assert broken.advice in found[0].advice
    assert len(mistakes) == broken.count, mistakes
    with pytest.raises(TreeError):
        load_policy(str(tmp_path / "pack.toml"))


def test_the_line_is_the_mistakes_own(tmp_path: Path) -> None:
    """Five mistakes of five kinds in one file, each on its line."""
    text = own("jiangxi")
    changes = {
        "retries": ("retries = 2", "retries = 5"),
        "checkpoints[3].title_en": ('title_en = "Admission"', 'title_en = "入院"'),
        "officers.unable": ("unable = 2", "unable = 1"),
        "alerting[1].to[0]": ('to = ["police"]', 'to = ["polise"]'),
        "forms[3].due_day": ("due_day = 4", 'due_day = "4th"'),
    }
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new, 1)
    mistakes = {one.path: one.line for one in check_text(tmp_path, text)}
    assert {path: line_in(text, new) for path, (_, new) in changes.items()}.items() <= mistakes.items()


def test_what_is_missing_is_told_at_its_table(tmp_path: Path) -> None:
    text = text_of("neutral").replace('title_en = "Delivery"\n', "", 1)
    (found,) = (one for one in check_text(tmp_path, text) if one.path == "checkpoints[4].title_en")
    assert found.line == text[: text.index('id = "delivery"')].count("\n")


@pytest.mark.parametrize("name", PACKS)
def test_shipped_packs_are_in_order(name: str, tmp_path: Path) -> None:
    assert check_text(tmp_path, text_of(name)) == ()
    assert check_text(tmp_path, own(name)) == (), "and may stand under a hospital's own"


def _values(text: str) -> list[tuple[int, str]]:
    """Place and key of each kind of value that stands on one line: of the rows of a table, one for each key."""
    lines = text.split("\n")
    kinds: dict[str, tuple[int, str]] = {}
    for path, line in key_lines(text).items():
        key = path.rpartition(".")[2]
        if re.fullmatch(rf"{re.escape(key)} = \S.*[^\[{{]", lines[line - 1]):
            kinds.setdefault(re.sub(r"\d+", "", path), (line - 1, key))
    return list(kinds.values())


@pytest.mark.parametrize("name", PACKS)
def test_one_wrong_type_is_one_mistake(name: str, tmp_path: Path) -> None:
    """No rule leans on a broken key: whichever value is a date, that is told once, on its line, and nothing else is."""
    lines = own(name).split("\n")
    places = _values("\n".join(lines))
    assert len(places) > 60
    for at, key in places:
        text = "\n".join([*lines[:at], f"{key} = 1979-05-27", *lines[at + 1 :]])
        mistakes = check_text(tmp_path, text)
        assert [(one.line, one.path.rpartition(".")[2]) for one in mistakes] == [(at + 1, key)], f"{key}, line {at + 1}"


@pytest.mark.parametrize("name", PACKS)
def test_one_missing_key_is_one_mistake(name: str, tmp_path: Path) -> None:
    lines = own(name).split("\n")
    missing = 0
    for at, key in _values("\n".join(lines)):
        mistakes = check_text(tmp_path, "\n".join([*lines[:at], *lines[at + 1 :]]))
        if any("missing; expected" in one.problem for one in mistakes):
            assert [one.path.rpartition(".")[2] for one in mistakes] == [key], f"{key}, line {at + 1}"
            missing += 1
    assert missing > 50


@pytest.mark.parametrize("text", ["", "v = 1\n\nid = \n", "v = 1\nv = 1", "\ufeffv = 1", "x = " + "[" * 9999])
def test_any_file_has_its_mistakes(text: str, tmp_path: Path) -> None:
    assert check_text(tmp_path, text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(PACKS)), gone=st.sets(st.integers(0, 300), max_size=25), data=st.data())
def test_however_broken_it_is_explained(name: str, gone: set[int], data: st.DataObject, tmp_path: Path) -> None:
    """Lines taken out and numbers put in: always mistakes with a line of the file, never an exception."""
    lines = own(name).split("\n")
    for at in data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=5)):
        lines[at] = re.sub(r"= .*", "= 7", lines[at])
    text = "\n".join(line for at, line in enumerate(lines) if at not in gone)
    assert all(1 <= one.line <= len(lines) and one.problem for one in check_text(tmp_path, text))


def test_line_of_what_is_not_toml(tmp_path: Path) -> None:
    (found,) = check_text(tmp_path, text_of("neutral").replace("retries = 2", "retries = two", 1))
    assert (found.line, found.path) == (line_in(text_of("neutral"), "retries = 2"), "")


@pytest.mark.parametrize(
    ("old", "new", "line", "advice"),
    [
        ("retries = 2", "retries = “2”", 8, "type “ ” as ASCII: switch the keyboard to English"),
        ("retries = 2", "retries ＝ 2", 8, "type ＝ as ASCII"),
        ("retries = 2", "retries = two", 8, "mend this first"),
        ("retries = 2", f"a{'.a' * 300} = 2", 8, "mend this first"),
        ("v = 1", f"#{'x' * LARGEST}\nv = 1", 1, "name the right file"),
    ],
)
def test_what_is_not_toml_has_advice(old: str, new: str, line: int, advice: str, tmp_path: Path) -> None:
    text = text_of("neutral")
    assert old in text
    (found,) = check_text(tmp_path, text.replace(old, new, 1))
    assert (found.line, found.path) == (line, "")
    assert advice in found.advice


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pack.toml"
    path.write_bytes(text_of("neutral").encode("gb18030"))
    (found,) = check_file(path).mistakes
    assert (found.problem, found.advice.partition(";")[0]) == (
        "not TOML: not UTF-8 (at line 6)",
        "save the file as UTF-8",
    )


def test_thousands_of_mistakes_take_seconds(tmp_path: Path) -> None:
    """Every rule is held against each broken key once, not against each place in a list."""
    found = check_text(tmp_path, text_of("neutral") + "".join(f"k{number} = 1\n" for number in range(3000)))
    assert len(found) == 3000


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "none.toml")


def test_every_rule_finds_something(tmp_path: Path) -> None:
    """A rule that no broken pack here breaks would be untested, or could never find anything."""
    silent = list(RULES)
    for broken in BROKEN.values():
        policy = read_text(tmp_path, broken.text)
        silent = [rule for rule in silent if policy is None or not list(rule.find(policy))]
    assert not silent
