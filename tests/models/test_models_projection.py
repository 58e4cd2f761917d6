"""What a projection does to vectors, what fusing does, and that a broken file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.embedding import Template
from models.errors import ModelCorrupt, TemplateMismatch
from models.face import FaceModels
from models.fusion import fuse
from models.image import FloatArray, Image, unit
from models.projection import Kind, Projection, parse_projection

LENGTH = 8


def basis(number: int) -> FloatArray:
    return np.eye(LENGTH, dtype=np.float32)[number]


def projection() -> Projection:
    means = {Kind.LIVE: 0.2 * basis(0), Kind.CHIP: 0.3 * basis(1)}
    return Projection(means, basis(2)[np.newaxis])


def test_the_mean_of_its_kind_is_subtracted_and_the_direction_left_out() -> None:
    vector = unit(np.arange(1, LENGTH + 1, dtype=np.float32))
    for kind, place, mean in ((Kind.LIVE, 0, 0.2), (Kind.CHIP, 1, 0.3)):
        expected = vector.copy()
        expected[place] -= mean
        expected[2] = 0
        assert projection().apply(vector, kind) == pytest.approx(unit(expected), abs=1e-6)


def test_many_vectors_at_once_are_each_projected() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(5, LENGTH)).astype(np.float32))
    together = projection().apply(vectors, Kind.CHIP)
    assert together.dtype == np.float32
    for vector, projected in zip(vectors, together, strict=True):
        assert projected == pytest.approx(projection().apply(vector, Kind.CHIP), abs=1e-6)
        assert np.linalg.norm(projected) == pytest.approx(1, abs=1e-6)


def test_strangers_of_one_group_are_no_longer_alike() -> None:
    """All of a group point along one direction; without it only what is their own is left."""
    random = np.random.default_rng(1)
    group = unit(random.normal(0, 0.3, (50, LENGTH)).astype(np.float32) + basis(2))
    projected = projection().apply(group, Kind.LIVE)
    above = np.triu_indices(50, 1)
    assert (group @ group.T)[above].mean() > 0.5
    assert abs((projected @ projected.T)[above].mean()) < 0.3


def document() -> dict[str, Any]:
    return {"means": {"live": [0.0] * 4, "chip": [0.1] * 4}, "directions": [[1, 0, 0, 0]]}


def test_a_file_is_parsed() -> None:
    parsed = parse_projection(json.dumps(document()).encode(), Path("p.json"))
    assert parsed.means[Kind.CHIP] == pytest.approx([0.1] * 4)
    assert parsed.directions.shape == (1, 4)
    assert "0.1" not in repr(parsed)
    without = parse_projection(json.dumps(document() | {"directions": []}).encode(), Path("p.json"))
    assert without.apply(basis(0)[:4], Kind.LIVE) == pytest.approx([1, 0, 0, 0])


@pytest.mark.parametrize(
    "change",
    [{"means": {"live": [0.0] * 4}}, {"means": {"live": [0.0] * 4, "chip": [0.1] * 5}}, {"means": 3},
     {"directions": [[2, 0, 0, 0]]}, {"directions": [[1, 0, 0]]}, {"directions": [[1, 0, 0, 0], [1, 0, 0, 0]]},
     {"directions": [["x", 0, 0, 0]]}, {"means": {"live": [float("nan")] * 4, "chip": [0.1] * 4}}],
)  # fmt: skip
def test_a_broken_file_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(ModelCorrupt, match=r"p\.json"):
        parse_projection(json.dumps(document() | change).encode(), Path("p.json"))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{}"])
def test_what_is_no_projection_is_named(content: bytes) -> None:
    with pytest.raises(ModelCorrupt, match=r"p\.json"):
        parse_projection(content, Path("p.json"))


def template(vector: FloatArray, model: str = "m") -> Template:
    return Template(vector, model)


def test_fused_templates_lie_between() -> None:
    fused = fuse([template(basis(0)), template(basis(1))])
    assert fused.vector == pytest.approx(unit(basis(0) + basis(1)), abs=1e-6)
    assert fused.model == "m"
    assert fuse([template(basis(3))]).vector == pytest.approx(basis(3))


def test_fusing_averages_noise_out() -> None:
    random = np.random.default_rng(2)
    noisy = [template(unit(basis(0) + random.normal(0, 0.3, LENGTH).astype(np.float32))) for _ in range(9)]
    alone = np.mean([one.vector[0] for one in noisy])
    assert fuse(noisy).vector[0] > alone + 0.05


def test_nothing_and_strange_templates_are_not_fused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        fuse([])
    with pytest.raises(TemplateMismatch, match="different"):
        fuse([template(basis(0), "a"), template(basis(0), "b")])


def test_frames_of_one_face_are_fused(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    picture = person("a_live")
    face = face_models.detect(picture)[0]
    frames = [face_models.template(picture, face, mirrored=bool(number % 2)) for number in range(3)]
    assert not np.array_equal(frames[0].vector, frames[1].vector)
    fused = face_models.fuse(frames)
    assert face_models.compare(fused, frames[0]).score > face_models.compare(frames[0], frames[1]).score
    looks = face_models.looks(picture, face, Kind.LIVE)
    assert frames[0].vector == pytest.approx(face_models.project(looks[:1], Kind.LIVE), abs=1e-6)
    assert frames[1].vector == pytest.approx(face_models.project(looks[1:], Kind.LIVE), abs=1e-6)
