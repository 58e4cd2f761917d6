"""Each fault drawn into a good portrait is told by its own cause, and by nothing before it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from models.alignment import TEMPLATE_PX, similarity
from models.detector import Face
from models.errors import ImageError
from models.face import FaceModels, nearest_face
from models.image import Image
from models.quality import INSTRUCTIONS, LIMITS, Cause, Instruction, Quality, inside, pose

PEOPLE = ("a_live", "b_card", "b_live", "c", "d")
UPRIGHT = Face((20.0, 20.0, 90.0, 110.0), TEMPLATE_PX.astype(np.float32), 0.9)


def found(models: FaceModels, picture: Image) -> Face:
    face = nearest_face(models.detect(picture))
    assert face is not None
    return face


def drawn(picture: Image, face: Face, draw: Callable[[Image], Image]) -> Image:
    """The picture with its aligned face (112x112) changed by ``draw`` and put back."""
    matrix = similarity(face.landmarks)
    aligned = np.asarray(cv2.warpAffine(picture, matrix, (112, 112)), np.uint8)
    size = picture.shape[1], picture.shape[0]
    back = cv2.warpAffine(draw(aligned), matrix, size, flags=cv2.WARP_INVERSE_MAP)
    inner = cv2.warpAffine(np.full((112, 112), 255, np.uint8), matrix, size, flags=cv2.WARP_INVERSE_MAP)
    return np.where(inner[:, :, np.newaxis] > 250, back, picture).astype(np.uint8)


def mask(aligned: Image) -> Image:
    outline = np.array([[20, 68], [56, 62], [92, 68], [86, 100], [56, 111], [26, 100]])
    return np.asarray(cv2.fillPoly(aligned.copy(), [outline.astype(np.int32)], (205, 180, 140)), np.uint8)


def dark_glasses(aligned: Image) -> Image:
    result = aligned.copy()
    for x in (38, 74):
        cv2.ellipse(result, (x, 52), (16, 12), 0, 0, 360, (15, 15, 15), -1)
    return result


def eyelids(aligned: Image) -> Image:
    result = aligned.copy()
    for x in (38, 74):
        skin = aligned[66:74, x - 8 : x + 8].reshape(-1, 3).mean(axis=0)
        cv2.ellipse(result, (x, 52), (14, 9), 0, 0, 360, skin.tolist(), -1)
    return result


@pytest.mark.parametrize("stem", PEOPLE)
def test_good_portraits_are_usable(face_models: FaceModels, person: Callable[[str], Image], stem: str) -> None:
    quality = face_models.assess(person(stem), found(face_models, person(stem)))
    assert quality.causes == ()
    assert quality.usable
    assert quality.instruction is None


FAULTS: dict[Cause, Callable[[Image, Face], Image]] = {
    Cause.TOO_DARK: lambda picture, _: (picture * 0.25).astype(np.uint8),
    Cause.TOO_BRIGHT: lambda picture, _: np.clip(picture.astype(np.int32) * 2 + 60, 0, 255).astype(np.uint8),
    Cause.BLURRED: lambda picture, face: np.asarray(cv2.GaussianBlur(picture, (0, 0), face.box[2] / 20), np.uint8),
    Cause.MOUTH_COVERED: lambda picture, face: drawn(picture, face, mask),
    Cause.EYES_COVERED: lambda picture, face: drawn(picture, face, dark_glasses),
}


@pytest.mark.parametrize("cause", FAULTS)
@pytest.mark.parametrize("stem", ["a_live", "b_live", "c", "d"])
def test_a_fault_has_its_cause(
    face_models: FaceModels, person: Callable[[str], Image], stem: str, cause: Cause
) -> None:
    face = found(face_models, person(stem))
    quality = face_models.assess(FAULTS[cause](person(stem), face), face)
    assert quality.causes[0] is cause
    assert quality.instruction is INSTRUCTIONS[cause]


def test_drawn_eyelids_raise_the_eyes_brightness(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    """Drawn in, they are told for two of three people only; what is promised is the direction."""
    for stem in PEOPLE:
        face = found(face_models, person(stem))
        closed = face_models.assess(drawn(person(stem), face, eyelids), face)
        assert closed.eyes > face_models.assess(person(stem), face).eyes + 0.1


def test_a_small_face_is_asked_to_come_closer(face_models: FaceModels, person: Callable[[str], Image]) -> None:
    small = np.asarray(cv2.resize(person("c"), None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA), np.uint8)
    quality = face_models.assess(small, found(face_models, small))
    assert quality.causes[0] is Cause.TOO_SMALL
    assert quality.instruction is Instruction.COME_CLOSER


def test_light_from_one_side() -> None:
    picture = np.random.default_rng(0).integers(120, 200, (112, 112, 3), dtype=np.uint8)
    slope = np.geomspace(0.03, 1, 112)[np.newaxis, :, np.newaxis]
    face = Face((0.0, 0.0, 100.0, 110.0), TEMPLATE_PX.astype(np.float32), 0.9)
    assert Cause.SIDE_LIGHT in FaceModels.assess(_unloaded(), (picture * slope).astype(np.uint8), face).causes


def _unloaded() -> FaceModels:
    """`assess` needs no network."""
    return FaceModels.__new__(FaceModels)


def test_a_face_half_outside_is_cut_off() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    assert inside((0, 0, 100, 100), picture) == 1
    assert inside((50, 0, 100, 100), picture) == 0.5
    assert inside((-50, -50, 100, 100), picture) == 0.25
    assert inside((200, 200, 10, 10), picture) == 0


@pytest.mark.parametrize("roll", [0, 30, -75, 180])
def test_pose_does_not_depend_on_roll_or_size(roll: float) -> None:
    yaw, pitch = pose(TEMPLATE_PX.astype(np.float32))
    assert abs(yaw) < 0.02
    assert 0.45 < pitch < 0.55
    turn = np.deg2rad(roll)
    matrix = 3 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert pose((TEMPLATE_PX @ matrix.T).astype(np.float32)) == pytest.approx((yaw, pitch), abs=1e-4)


@pytest.mark.parametrize(("shift", "cause"), [((20, 0), Cause.TURNED), ((-20, 0), Cause.TURNED),
                                              ((0, 12), Cause.NODDED), ((0, -12), Cause.NODDED)])  # fmt: skip
def test_a_nose_off_its_place_is_a_turned_head(shift: tuple[int, int], cause: Cause) -> None:
    landmarks = TEMPLATE_PX.astype(np.float32)
    landmarks[2] += shift
    picture = np.random.default_rng(0).integers(60, 200, (150, 150, 3), dtype=np.uint8)
    assert cause in FaceModels.assess(_unloaded(), picture, Face(UPRIGHT.box, landmarks, 0.9)).causes


def test_each_cause_has_one_limit_and_one_instruction() -> None:
    assert list(LIMITS) == list(Cause)
    assert list(INSTRUCTIONS) == list(Cause)
    assert sorted(INSTRUCTIONS.values()) == sorted(Instruction)


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_blown_out_frames_have_a_finding(value: int) -> None:
    quality = FaceModels.assess(_unloaded(), np.full((150, 150, 3), value, np.uint8), UPRIGHT)
    assert quality.causes[0] is (Cause.TOO_DARK if value == 0 else Cause.TOO_BRIGHT)
    assert all(np.isfinite(getattr(quality, name)) for name in Quality.__slots__)


def test_no_picture_is_a_named_error(face_models: FaceModels) -> None:
    with pytest.raises(ImageError):
        face_models.assess(np.zeros((4, 4), np.uint8), UPRIGHT)
