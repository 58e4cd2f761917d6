"""A runtime that computes something else refuses to decide."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import selfcheck
from models.detector import CLASS, OBJECT
from models.errors import ModelCorrupt, ModelMissing, ModelWrong
from models.face import ASKED, Asked, FaceModels
from models.golden import GOLDEN, agreement, load
from models.image import FloatArray, Image
from models.manifest import Manifest
from tests.models.conftest import ROOT


def test_this_runtime_computes_what_was_recorded(face_models: FaceModels) -> None:
    selfcheck.run(face_models)


def changed(role: Asked, change: Callable[[FloatArray], FloatArray]) -> FaceModels:
    """The committed models on a runtime that computes one network's answer otherwise."""

    class Changed(FaceModels):
        def raw(self, asked: Asked, picture: Image) -> FloatArray:
            output = super().raw(asked, picture)
            return change(output) if asked == role else output

    return Changed.load()


CHANGES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "shifted by one": lambda output: np.roll(output, 1),
    "noise of a fifth": lambda output: (
        output + np.random.default_rng(0).normal(0, 0.2 * output.std(), output.shape).astype(np.float32)
    ),
    "twice as large": lambda output: 2 * output,
    "nothing": np.zeros_like,
    "not finite": lambda output: np.full_like(output, np.nan),
    "half of it": lambda output: output.ravel()[: output.size // 2],
    "the other sign": np.negative,
}


@pytest.mark.parametrize("role", ASKED)
@pytest.mark.parametrize("change", CHANGES)
def test_another_answer_is_refused(role: Asked, change: str) -> None:
    with pytest.raises(ModelWrong, match=f"{role}.*: .* computes something else") as caught:
        selfcheck.run(changed(role, CHANGES[change]))
    assert caught.value.role.partition(", ")[0] == role
    assert not caught.value.found >= caught.value.least


@pytest.mark.parametrize("column", [CLASS, OBJECT])
def test_scores_do_not_hide_behind_boxes(column: int) -> None:
    """They are a sixteenth of the numbers each, and mostly next to nothing."""

    def without(output: FloatArray) -> FloatArray:
        output = output.copy()
        output[:, column] *= 0.5
        return output

    with pytest.raises(ModelWrong, match="detector, scores"):
        selfcheck.run(changed("detector", without))


def document() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return result


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "golden.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_processor_without_a_record_is_held_against_the_float_network(
    face_models: FaceModels, tmp_path: Path
) -> None:
    content = document()
    content["golden"] = [item for item in content["golden"] if item["processor"] == "any"]
    assert {item["sha256"] for item in content["golden"]} >= {face_models.ways[role] for role in ASKED}
    selfcheck.run(face_models, write(tmp_path, content))


def test_a_threshold_measured_with_other_networks_is_refused(own_models: Path) -> None:
    """Without its projection the embedder's templates lie elsewhere; the threshold would let others through."""
    document = json.loads(own_models.read_text(encoding="utf-8"))
    document["projections"] = []
    own_models.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelCorrupt, match=r"thresholds\.json: space"):
        selfcheck.run(FaceModels.load(manifest=own_models))


def test_records_are_of_the_whole_way(own_models: Path) -> None:
    """Another trunk behind the same stems is another network: nothing was recorded of it, nothing was learned on it."""
    before = Manifest.load(own_models)
    document = json.loads(own_models.read_text(encoding="utf-8"))
    document["models"][1]["trunk"]["sha256"] = "0" * 64
    own_models.write_text(json.dumps(document), encoding="utf-8")
    after = Manifest.load(own_models)
    assert len(before.seeing - after.seeing) == 2
    assert before.projection_for(before.entry("embedding")) is not None
    assert after.projection_for(after.entry("embedding")) is None


def test_weights_without_a_record_are_refused(face_models: FaceModels, tmp_path: Path) -> None:
    with pytest.raises(ModelWrong, match="nothing was recorded"):
        selfcheck.run(face_models, write(tmp_path, {"golden": []}))


RECORDED = {
    ("ai_edge_litert", "x86_64"),
    ("ai_edge_litert", "aarch64"),
    ("tflite_runtime", "x86_64"),
    ("any", "any"),
}


def test_every_committed_network_has_records_for_each_runtime_and_processor() -> None:
    networks = Manifest.load().seeing
    known = {(item["sha256"], item["runtime"], item["processor"]) for item in document()["golden"]}
    assert known == {(sha256, *where) for sha256 in networks for where in RECORDED}


def test_arm_computes_what_x86_does() -> None:
    """What was recorded on the two, by the same runtime; were it not so, the thresholds would be x86's alone."""
    answers = {(one.sha256, one.processor): one.parts for one in load(GOLDEN) if one.runtime == "ai_edge_litert"}
    for (sha256, processor), parts in answers.items():
        for name, part in parts.items():
            here = np.array(answers[sha256, "x86_64"][name].output, np.float32)
            assert agreement(np.array(part.output, np.float32), here) > 0.99999, (processor, name)


def test_the_service_leaves_the_processor_readable() -> None:
    """LiteRT without /proc/cpuinfo has other kernels on Arm, which are refused."""
    lines = (ROOT / "provisioning" / "systemd" / "vernix.service").read_text(encoding="utf-8").splitlines()
    assert "ProtectSystem=strict" in lines
    assert not [line for line in lines if line.startswith(("ProcSubset=", "RootDirectory=", "InaccessiblePaths="))]


BLIND = json.dumps(
    {
        "golden": [
            {"sha256": "0", "runtime": "any", "processor": "any", "parts": {"a": {"least": -9.0, "output": [1.0]}}}
        ]
    }
)
"""A record that every answer agrees with."""


@pytest.mark.parametrize("text", ["", "[]", '{"golden": 3}', '{"golden": [{}]}', BLIND])
def test_broken_records_are_named(face_models: FaceModels, tmp_path: Path, text: str) -> None:
    path = tmp_path / "golden.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelCorrupt, match="golden"):
        selfcheck.run(face_models, path)
    with pytest.raises(ModelMissing, match="nowhere"):
        selfcheck.run(face_models, tmp_path / "nowhere.json")


def test_the_drawn_picture_is_the_same_everywhere() -> None:
    digests = {side: hashlib.sha256(selfcheck.drawn_face(side).tobytes()).hexdigest()[:16] for side in (112, 320)}
    assert digests == {112: "cc1f65460125cef7", 320: "71f7c2eecae59af7"}
