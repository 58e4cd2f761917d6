"""A hospital brings a passive network of its own: by configuration, accepted once, held against that at every start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.cli import ENVIRONMENT, FINDING
from daemon.liveness.eyes import Blind, Eyes, open_eyes
from evidence.encoding import sha256_hex
from models.errors import ModelCorrupt, ModelMissing, ModelWrong
from models.manifest import MANIFEST, Manifest
from tests.daemon.conftest import Selftest
from tests.daemon.support import Home


@pytest.fixture
def own(home: Home) -> Path:
    """The manifest of a network of the hospital's, which the unit's configuration names."""
    shipped = json.loads(MANIFEST.read_text("utf-8"))["liveness"][0]
    file = MANIFEST.parent / shipped["file"]
    folder = home.folder / "certified"
    folder.mkdir()
    (folder / "certified.tflite").write_bytes(file.read_bytes())
    entry = {**shipped, "file": "certified.tflite", "threshold": 0.25, "crops": [3.0, 2.0, 1.0]}
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"liveness": [entry]}), "utf-8")
    with home.toml.open("a", encoding="utf-8") as toml:
        toml.write(f"\n[models]\nliveness = {json.dumps(str(manifest))}\n")
    return manifest


def test_it_is_accepted_once_and_asked_for_at_every_start(home: Home, own: Path, selftest: Selftest) -> None:
    with pytest.raises(ModelMissing, match="golden"):
        Eyes.load(home.config().models.liveness)
    _, report, _ = selftest("--accept-liveness")
    assert "0.25" in report["accept"]
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
    own.write_text(own.read_text("utf-8").replace('"live_class": 0', '"live_class": 1'), "utf-8")
    assert Eyes.load(own).hashes["liveness_manifest"] != its.hashes["liveness_manifest"]


def test_what_answers_otherwise_later_decides_about_nobody(own: Path, selftest: Selftest) -> None:
    selftest("--accept-liveness")
    path = own.parent / "golden.json"
    document = json.loads(path.read_text("utf-8"))
    document["golden"][0]["parts"]["classes"]["output"].reverse()
    path.write_text(json.dumps(document), "utf-8")
    found = open_eyes(own)
    assert isinstance(found, Blind)
    assert isinstance(found.problem, ModelWrong)


def test_weights_that_are_not_the_manifests_are_not_accepted(own: Path, selftest: Selftest) -> None:
    weights = own.parent / "certified.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    status, report, err = selftest("--accept-liveness")
    assert (status, report) == (ENVIRONMENT, {})
    assert str(weights) in err
    assert not (own.parent / "golden.json").exists()
    with pytest.raises(ModelCorrupt, match="sha256"):
        Eyes.load(own)


def test_nothing_to_accept_is_said(home: Home, selftest: Selftest) -> None:
    status, report, _ = selftest("--accept-liveness")
    assert status == FINDING
    assert "[models]" in report["accept"]
    assert home.config().models.liveness is None
