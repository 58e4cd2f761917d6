"""A hospital brings a passive network of its own: by configuration, accepted once, held against that at every start."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import ENVIRONMENT, FINDING
from daemon.liveness.eyes import Blind, Eyes, open_eyes
from daemon.liveness.own_network import Cost
from daemon.lock import DataFolder
from daemon.selftest import accept_liveness
from daemon.troubles import of_models
from evidence.encoding import sha256_hex
from models.errors import ModelWrong, OwnNetworkUnusable
from models.manifest import MANIFEST, Manifest
from tests.daemon.conftest import Selftest
from tests.daemon.support import Home, RunningUnit


@pytest.fixture
def own(home: Home) -> Path:
    """The manifest of a network of the hospital's, which the unit's configuration names."""
    shipped = json.loads(MANIFEST.read_text("utf-8"))["liveness"][0]
    file = MANIFEST.parent / shipped["file"]
    folder = home.toml.parent / "certified"
    folder.mkdir()
    (folder / "certified.tflite").write_bytes(file.read_bytes())
    entry = {**shipped, "file": "certified.tflite", "threshold": 0.25, "crops": [3.0, 2.0, 1.0]}
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"liveness": [entry]}), "utf-8")
    with home.toml.open("a", encoding="utf-8") as toml:
        toml.write('\n[models]\nliveness = "certified/manifest.json"\n')
    return manifest


def edit(manifest: Path, **changes: Any) -> None:
    """Other values in the entry."""
    document = json.loads(manifest.read_text("utf-8"))
    document["liveness"][0].update(changes)
    manifest.write_text(json.dumps(document), "utf-8")


def test_it_is_accepted_once_and_asked_for_at_every_start(home: Home, own: Path, selftest: Selftest) -> None:
    with pytest.raises(OwnNetworkUnusable, match=r"golden.*--accept-liveness") as refused:
        Eyes.load(home.config().models.liveness)
    assert "install" not in str(refused.value), "the weights of this software are not what is missing"
    _, report, _ = selftest("--accept-liveness")
    assert re.search(r"live from 0\.25 on, \d+\.\d ms a face, -?\d+ MB:", report["accept"])
    assert str(own.parent / "golden.json") in report["accept"]
    assert "they compute what was recorded" in report["models"]
    eyes = Eyes.load(home.config().models.liveness)
    assert (eyes.passive.threshold, Eyes.load().passive.threshold) == (0.25, Manifest.load().liveness[0].threshold)


def test_the_record_names_how_each_network_is_asked(own: Path, selftest: Selftest) -> None:
    """The hash of its weights alone does not say which output means live, nor what of a picture it sees."""
    selftest("--accept-liveness")
    shipped, its = Eyes.load(), Eyes.load(own)
    assert shipped.hashes["manifest"] == its.hashes["manifest"] == sha256_hex(MANIFEST.read_bytes())
    assert "liveness_manifest" not in shipped.hashes
    assert its.hashes["liveness_manifest"] == sha256_hex(own.read_bytes())
    edit(own, live_class=1)
    selftest("--accept-liveness")
    assert Eyes.load(own).hashes["liveness_manifest"] != its.hashes["liveness_manifest"]


def test_what_answers_otherwise_later_decides_about_nobody(own: Path, selftest: Selftest) -> None:
    selftest("--accept-liveness")
    path = own.parent / "golden.json"
    document = json.loads(path.read_text("utf-8"))
    document["golden"][0]["parts"]["classes"]["output"].reverse()
    path.write_text(json.dumps(document), "utf-8")
    found = open_eyes(own)
    assert isinstance(found, Blind)
    assert isinstance(found.problem, OwnNetworkUnusable)
    assert isinstance(found.problem.__cause__, ModelWrong)
    assert of_models(found.problem) == ("models:not_accepted",)


@pytest.mark.parametrize("changes", [{"threshold": 1e-9}, {"live_class": 1}, {"crops": [0.5, 0.5, 0.5]}])
def test_how_it_is_asked_is_what_was_accepted_too(changes: dict[str, Any], own: Path, selftest: Selftest) -> None:
    """Its weights answer the same, and yet another face would be live."""
    selftest("--accept-liveness")
    edit(own, **changes)
    found = open_eyes(own)
    assert isinstance(found, Blind)
    assert of_models(found.problem) == ("models:not_accepted",)


@pytest.mark.parametrize("file", ["golden.json", "manifest.json"])
@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, '{"golden": []}', '{"golden": [{"least": 1' + "0" * 400 + "}]}", "\0"]
)
def test_whatever_lies_in_its_folder_the_unit_starts(file: str, content: str, own: Path, selftest: Selftest) -> None:
    selftest("--accept-liveness")
    (own.parent / file).write_text(content, "utf-8")
    found = open_eyes(own)
    assert isinstance(found, Blind)
    assert of_models(found.problem) == ("models:not_accepted",)
    assert isinstance(open_eyes(Path("certified\0/manifest.json")), Blind)


def test_a_unit_with_a_network_that_nobody_accepted_runs_and_says_so(home: Home, own: Path) -> None:
    with RunningUnit(home) as unit:
        unit.screen.wait("the trouble", lambda shown: "models:not_accepted" in shown["devices"])
        assert unit.stop() == 0
    assert str(own) in unit.log.read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answer": "probabilities"}, "no probabilities"),
        ({"preprocessing": {"colour": "BGR", "offset": 127.5, "scale": 1e-30}}, "answers the same"),
    ],
)
def test_a_network_that_cannot_be_asked_so_is_not_accepted(
    changes: dict[str, Any], said: str, own: Path, selftest: Selftest, home: Home
) -> None:
    edit(own, **changes)
    _, report, _ = selftest("--accept-liveness")
    assert said in report["accept"]
    assert not (own.parent / "golden.json").exists()
    assert accepted(home) == []


@pytest.mark.parametrize("scale", [0, 1e39, float("nan")])
def test_pixels_of_no_size_are_no_preprocessing(scale: float, own: Path, selftest: Selftest) -> None:
    edit(own, preprocessing={"colour": "BGR", "offset": 127.5, "scale": scale})
    status, report, err = selftest("--accept-liveness")
    assert (status, report) == (ENVIRONMENT, {})
    assert "scale" in err


def test_what_else_the_manifest_lists_is_used_by_nobody_and_refused(own: Path, selftest: Selftest) -> None:
    """A hospital that puts an embedder there would believe that it is asked."""
    document = json.loads(own.read_text("utf-8"))
    own.write_text(json.dumps({**json.loads(MANIFEST.read_text("utf-8")), **document}), "utf-8")
    status, _, err = selftest("--accept-liveness")
    assert status == ENVIRONMENT
    assert "0, 0 and 1" in err


def accepted(home: Home) -> list[tuple[str, float, bool]]:
    """What the chain holds of it: the manifest, the threshold, and whether it went out as an alert."""
    with closing(home.outbox()) as outbox:
        records, alerts = home.opened(outbox), {one.seq for one in outbox.waiting_alerts()}
        assert home.verified(outbox).sound
    told = [(one.payload["event"], one.seq in alerts) for one in records if "event" in one.payload]
    return [(one["manifest"], one["threshold"], alert) for one, alert in told if one["type"] == "liveness.accepted"]


def test_the_chain_has_who_was_accepted(home: Home, own: Path, selftest: Selftest) -> None:
    selftest("--accept-liveness")
    assert accepted(home) == [(sha256_hex(own.read_bytes()), 0.25, True)]


def test_a_unit_at_work_accepts_nothing(home: Home, own: Path, selftest: Selftest) -> None:
    home.config().unit.data.mkdir(exist_ok=True)
    with DataFolder(home.config().unit.data):
        status, report, _ = selftest("--accept-liveness")
    assert (status, report) == (ENVIRONMENT, {})
    assert not (own.parent / "golden.json").exists()


def test_weights_that_are_not_the_manifests_are_not_accepted(own: Path, selftest: Selftest) -> None:
    weights = own.parent / "certified.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    status, report, err = selftest("--accept-liveness")
    assert (status, report) == (ENVIRONMENT, {})
    assert str(weights) in err
    assert "install" not in err
    assert not (own.parent / "golden.json").exists()


def test_what_nobody_has_accepted_is_not_even_loaded(own: Path) -> None:
    """Nobody knows what it would take: a unit that fell for want of memory would fall at every start."""
    (own.parent / "certified.tflite").write_bytes(b"what no interpreter should see")
    with pytest.raises(OwnNetworkUnusable, match=r"golden\.json"):
        Eyes.load(own)


def test_weights_that_are_other_ones_than_were_accepted_are_named(own: Path, selftest: Selftest) -> None:
    selftest("--accept-liveness")
    weights = own.parent / "certified.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(OwnNetworkUnusable, match="sha256"):
        Eyes.load(own)


@pytest.mark.parametrize("most", [Cost(0.0, 1e6), Cost(1e6, -1e6)])
def test_what_takes_too_much_is_not_accepted(most: Cost, home: Home, own: Path) -> None:
    found = accept_liveness(home.config(), most)
    assert not found.ok
    assert f"the most is {most}" in found.text
    assert not (own.parent / "golden.json").exists()
    assert accepted(home) == []


def test_nothing_to_accept_is_said(home: Home, selftest: Selftest) -> None:
    status, report, _ = selftest("--accept-liveness")
    assert status == FINDING
    assert "[models]" in report["accept"]
    assert home.config().models.liveness is None
