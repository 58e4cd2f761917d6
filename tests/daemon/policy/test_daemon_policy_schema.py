"""The published JSON Schema: what the dataclasses say, kept by every shipped pack, and as strict as the form."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

from daemon.policy.schema import schema_text
from tests.daemon.policy.support import BROKEN, PACKS, check_text, text_of
from tests.support import ROOT

PUBLISHED = ROOT / "daemon/policy/policy-v1.schema.json"
SCHEMA = Draft202012Validator(json.loads(PUBLISHED.read_text("utf-8")))


def test_published_schema_is_that_of_the_dataclasses() -> None:
    """If not: ``vernix policy schema > daemon/policy/policy-v1.schema.json``."""
    assert PUBLISHED.read_text("utf-8") == schema_text()


def test_it_is_a_schema() -> None:
    meta.validate(json.loads(schema_text()))


@pytest.mark.parametrize("name", PACKS)
def test_shipped_packs_keep_to_it(name: str) -> None:
    assert [error.message for error in SCHEMA.iter_errors(tomllib.loads(text_of(name)))] == []


@pytest.mark.parametrize("name", [name for name, one in BROKEN.items() if one.path])
def test_what_breaks_the_schema_is_a_mistake(name: str, tmp_path: Path) -> None:
    """The schema knows single keys only, so it may find less than ``check``, never more."""
    found = list(SCHEMA.iter_errors(tomllib.loads(BROKEN[name].text)))
    assert not found or check_text(tmp_path, BROKEN[name].text)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in _places(one, (*path, key)))]


def test_schema_is_strict_wherever_the_form_is() -> None:
    """A key that is not known, or a value that is none, at every place of a pack."""
    sound = tomllib.loads(text_of("jiangxi"))
    for path in _places(sound)[1:]:
        broken = copy.deepcopy(sound)
        holder: Any = broken
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = None
        assert not SCHEMA.is_valid(broken), path
        if isinstance(holder, dict):
            holder[path[-1]] = sound
            assert not SCHEMA.is_valid(broken), path


def test_unknown_key_is_refused_by_both(tmp_path: Path) -> None:
    text = text_of("neutral").replace("retries = 2", "retries = 2\nlock_door = true", 1)
    assert not SCHEMA.is_valid(tomllib.loads(text))
    assert any(one.path == "lock_door" for one in check_text(tmp_path, text))
