"""The schemas: sound themselves, in step with the code, strict where libraries are not, and silent about values."""

from __future__ import annotations

import copy
import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import meta

from evidence import schema
from evidence.errors import MalformedError
from evidence.record import Kind, Outcome
from evidence.topics import DOWN
from tests.vectors.evidence import build, by_hand

NAMES = sorted(
    item.name.removesuffix(".schema.json") for item in resources.files(schema).iterdir() if item.name.endswith(".json")
)
RECORD = json.loads(resources.files(schema).joinpath("record-v1.schema.json").read_text("utf-8"))
PASSED = by_hand.payload_of(build.BASE[2])

# design.md section 4, "Record payload", name by name.
DESIGN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("v", "kind", "unit", "site", "seq", "prev", "boot", "salt", "check", "refers_to", "drill"), ()),
    **dict.fromkeys(("checkpoint", "outcome", "gestation_week", "reason", "channel"), ()),
    "time": ("earliest", "latest", "source"),
    "policy": ("id", "version"),
    "visit": ("ref", "source"),
    "subject": ("role", "relation"),
    "contact": ("phone",),
    "document": ("type", "number", "name", "sex", "birth", "findings"),
    "consent": ("text_id", "sha256", "at", "by"),
    "face": ("score", "threshold", "decision", "frames", "model"),
    "liveness": ("decision", "checks"),
    "finger": (),
    "subject_sign": ("by", "relation", "sha256"),
    "software": ("version",),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_one(name: str) -> None:
    meta.validate(json.loads(resources.files(schema).joinpath(f"{name}.schema.json").read_text("utf-8")))


@pytest.mark.parametrize(("name", "inner"), DESIGN.items())
def test_the_record_has_the_names_of_the_design(name: str, inner: tuple[str, ...]) -> None:
    assert set(inner) <= set(RECORD["properties"][name].get("properties", {}))


def test_officers_and_models_have_the_names_of_the_design() -> None:
    assert set(RECORD["properties"]["officers"]["items"]["properties"]) == {"id", "role", "assertion"}
    model = RECORD["properties"]["face"]["properties"]["model"]
    assert set(model["required"]) == {"detector", "embedding"}
    schema.check("record-v1", PASSED)
    assert set(PASSED["face"]["model"]) == {"detector", "embedding", "liveness"}


def test_schema_and_code_name_the_same() -> None:
    assert RECORD["properties"]["kind"]["enum"] == list(Kind)
    assert set(RECORD["properties"]["outcome"]["enum"]) == set(Outcome)
    downlink = json.loads(resources.files(schema).joinpath("downlink-v1.schema.json").read_text("utf-8"))
    assert downlink["properties"]["channel"]["enum"] == list(DOWN)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [leaf for key, item in items for leaf in _leaves(item, (*path, key))]
    return below or [path]


def _complaint(name: str, value: dict[str, Any]) -> str:
    try:
        schema.check(name, value)
    except MalformedError as error:
        return f"{error!r} {error.__cause__!r} {error.__context__!r}"
    return ""


SECRET = "样本甲 990000 SECRET"


@pytest.mark.parametrize("wrong", [2.0, True, "2", None])
def test_an_integer_is_written_as_one(wrong: Any) -> None:
    for path in (("v",), ("seq",), ("boot",), ("gestation_week",), ("face", "frames")):
        value = copy.deepcopy(PASSED)
        place: Any = value
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = wrong
        assert f"record-v1: {'.'.join(path)} breaks" in _complaint("record-v1", value), path


@pytest.mark.parametrize("wrong", [float("nan"), "\ud83d", {1: 2}])
def test_what_is_no_json_is_malformed(wrong: Any) -> None:
    said = _complaint("record-v1", {**PASSED, "later": {"name": wrong}})
    assert said == "" or "is not JSON" in said


@pytest.mark.parametrize("path", _leaves(PASSED), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("wrong", [SECRET, {SECRET: SECRET}, [SECRET], SECRET + "\n", 10**15 + 0.5])
def test_an_error_names_the_path_and_never_the_value(path: tuple[Any, ...], wrong: Any) -> None:
    value = copy.deepcopy(PASSED)
    place: Any = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    said = _complaint("record-v1", value)
    for told in ("SECRET", "样本", "1000000000000000"):
        assert told not in said


def test_a_name_out_of_place_is_not_repeated() -> None:
    value = copy.deepcopy(PASSED)
    value["face"]["model"] = PASSED["face"]["model"] | {SECRET: "x"}
    with pytest.raises(MalformedError) as caught:
        schema.check("record-v1", value)
    assert "SECRET" not in str(caught.value)
    assert "face.model" in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(sorted(RECORD["properties"])),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_values_obey_or_are_malformed(values: dict[str, Any]) -> None:
    for name in NAMES:
        said = _complaint(name, {**PASSED, **values})
        assert not said or f"{name}: " in said
