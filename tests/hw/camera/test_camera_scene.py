"""The simulated camera's people and attacks: what their light does, apart from anything that judges it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hw.camera.driver import Camera
from hw.camera.errors import UnreadablePicture
from hw.camera.simulated_head import Array, HeadFrame, behind_lids, depth, outline
from hw.camera.simulated_lens import Lens, lid, progress, turned_sheet
from hw.camera.simulated_light import KEPT, LightHistory, RoomLight, parse
from hw.camera.simulated_scene import Act, Kind, Scene, bow, build, load_scene
from hw.camera.sources import Setting
from hw.errors import BadDeviceUri
from tests.hw.camera.support import camera, failure, sim

WIDTH, HEIGHT, FACE_PX = 200, 150, 64.0
FACE = ((80.0, 90.0), (120.0, 90.0), (100.0, 113.0), (84.0, 135.0), (116.0, 135.0))
GREEN, DARK = np.array([0.0, 1.0, 0.0]), np.zeros(3)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody: a grey field with some texture. The scene only needs to know where a face would be."""
    image = np.random.default_rng(0).normal(150, 6, (220, 200, 3))
    path = tmp_path_factory.mktemp("scene") / "picture.png"
    cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))
    return path


def scene(picture: Path, kind: Kind, **changes: float) -> Scene:
    whole = Scene(kind=kind, picture=str(picture), face=FACE, face_px=FACE_PX, ratio=0.5, motion=0.0)
    return replace(whole, **changes)


def answer(lens: Lens) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """By what share green grows with the ring, (height, width), of 12 frames' light, without the noise of one frame."""
    moments = np.arange(12) / 15
    bright, dark = (
        np.mean([(lens.picture(t, light)[..., 1] / 255.0) ** 2.2 for t in moments], axis=0) for light in (GREEN, DARK)
    )
    return np.asarray(cv2.blur(bright, (5, 5)) / cv2.blur(dark, (5, 5)) - 1)


def places(gain: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, float]:
    """The answer on the nose, the cheek's side and the wall."""
    unit = FACE_PX / 2.2
    x, y = WIDTH / 2, HEIGHT * 0.42
    spots = {"nose": (x, y + 0.3 * unit), "side": (x + 1.05 * unit, y + 0.5 * unit), "wall": (12.0, 20.0)}
    return {name: float(gain[round(b), round(a)]) for name, (a, b) in spots.items()}


def seen(picture: Path, kind: Kind) -> dict[str, float]:
    lens = Lens(scene(picture, kind, side_light=0.0), WIDTH, HEIGHT)
    return places(answer(lens))


def test_a_face_answers_with_its_shape(picture: Path) -> None:
    gain = seen(picture, Kind.LIVE)
    assert gain["nose"] > 1.3 * gain["side"]
    assert gain["nose"] > 1.5 * gain["wall"] > 0.03


def test_paper_answers_flat_and_more_than_the_wall(picture: Path) -> None:
    for kind in (Kind.PRINT, Kind.CUTOUT):
        gain = seen(picture, kind)
        assert gain["nose"] == pytest.approx(gain["side"], rel=0.15)
        assert gain["nose"] > 1.4 * gain["wall"]
    gain = seen(picture, Kind.POSTER)
    assert gain["nose"] == pytest.approx(gain["wall"], rel=0.35)


def test_bent_paper_answers_less_at_its_sides_but_has_no_nose(picture: Path) -> None:
    bent, live = seen(picture, Kind.BENT), seen(picture, Kind.LIVE)
    assert 1.02 < bent["nose"] / bent["side"] < live["nose"] / live["side"]


def test_paper_bent_to_a_heads_radius_answers_the_more_like_a_head(picture: Path) -> None:
    mild, narrow = (places(answer(bent_to(picture, radius))) for radius in (2.0, 1.2))
    assert narrow["nose"] / narrow["side"] > 1.2 * mild["nose"] / mild["side"] > 1.2


def test_bent_paper_is_round_and_then_goes_on_straight() -> None:
    x, _ = HeadFrame(100, 63, 29, 0.0).coordinates(WIDTH, HEIGHT)
    row = bow(x, 1.2)[63, 100:]
    assert row[0] == 0
    assert row[round(0.9 * 29)] == pytest.approx(math.sqrt(1.2**2 - 0.9**2) - 1.2, abs=0.02)
    beyond = np.diff(row[round(1.1 * 29) : round(2.2 * 29)])
    assert beyond == pytest.approx(beyond[0], abs=1e-4)
    assert np.allclose(bow(x, -1.2), -bow(x, 1.2)), "bent the other way it is hollow"


def test_paper_is_bent_about_any_axis(picture: Path) -> None:
    depth = depth_of(replace(bent_to(picture, 1.2).scene, bend_deg=90))
    assert np.ptp(depth, axis=1).max() < 0.01 < np.ptp(depth, axis=0).min()


def test_crumpled_paper_has_slopes_all_over(picture: Path) -> None:
    smooth, crumpled = (depth_of(replace(bent_to(picture, 1000.0).scene, crumple=slope)) for slope in (0.0, 0.2))
    scale = FACE_PX / 2.2
    slopes = np.hypot(*np.gradient(crumpled - smooth)) * scale
    assert math.sqrt(np.square(slopes).mean()) == pytest.approx(0.2, rel=0.35)


def bent_to(picture: Path, radius: float) -> Lens:
    return Lens(scene(picture, Kind.BENT, side_light=0.0, radius=radius), WIDTH, HEIGHT)


def depth_of(bent: Scene) -> Array:
    front = build(bent, WIDTH, HEIGHT).front
    assert front is not None
    assert front.depth is not None
    return front.depth


def test_a_screen_hardly_answers_while_the_wall_does(picture: Path) -> None:
    gain = seen(picture, Kind.SCREEN)
    assert abs(gain["nose"]) < 0.02
    assert gain["wall"] > 0.04


def test_an_injected_recording_does_not_answer(picture: Path) -> None:
    assert all(abs(value) < 0.01 for value in seen(picture, Kind.INJECTED).values())


def test_a_tint_answers_everywhere_alike(picture: Path) -> None:
    gain = seen(picture, Kind.TINT)
    assert gain["nose"] == pytest.approx(gain["wall"], rel=0.1)
    assert gain["nose"] > 0.3


def test_a_head_turns_in_depth_and_a_sheet_as_a_plane() -> None:
    head = HeadFrame(100, 63, 29, 0.0)
    x, y = head.coordinates(WIDTH, HEIGHT)
    z = depth(x, y)
    nose, cheek = z[round(63 + 0.58 * 29), 100], z[round(63 + 0.58 * 29), 100 + 26]
    assert nose > cheek + 0.4
    across, down = turned_sheet(x, y, 0.4)
    points = np.stack([x.ravel(), y.ravel()], axis=1)[::997]
    moved = np.stack([across.ravel(), down.ravel()], axis=1)[::997]
    matrix, _ = cv2.findHomography(points, moved)
    assert np.allclose(cv2.perspectiveTransform(points[None], matrix)[0], moved, atol=1e-3)


def test_lids_close_over_the_eyes_only() -> None:
    head = HeadFrame(100, 75, 60, 0.0)
    x, y = head.coordinates(WIDTH, HEIGHT)
    closed = behind_lids(x, y, 1.0)
    assert closed[75, 70] < -0.08, "where the pupil was, the lid's edge or above is seen"
    assert np.array_equal(closed[:, 100], y[:, 100]), "nothing between the eyes"
    assert np.array_equal(behind_lids(x, y, 0.0), y) or np.abs(behind_lids(x, y, 0.0) - y).max() < 1e-5


def test_only_who_is_there_obeys(picture: Path) -> None:
    for kind, moves in ((Kind.LIVE, True), (Kind.PRINT, False), (Kind.SCREEN, False)):
        lens = Lens(replace(scene(picture, kind), act=Act.BLINK), WIDTH, HEIGHT)
        same = np.array_equal(lens.picture(0.0, DARK, 0.7), lens.picture(0.0, DARK, -1.0))
        assert same is not moves
    assert lid(-1.0) == lid(9.0) == progress(-1.0) == progress(9.0) == 0.0
    assert progress(1.0) == pytest.approx(1.0)


def test_the_outline_holds_the_face_and_lets_the_wall_be() -> None:
    x, y = HeadFrame(100, 60, 20, 0.0).coordinates(WIDTH, HEIGHT)
    person = outline(x, y)
    assert person[60, 100] == person[80, 90] == 1.0
    assert person[10, 5] == person[60, 190] == 0.0


def test_pictures_are_the_same_for_the_same_seed(picture: Path) -> None:
    one, two = (Lens(scene(picture, Kind.LIVE), WIDTH, HEIGHT).picture(1.0, GREEN) for _ in range(2))
    assert np.array_equal(one, two)
    other = Lens(scene(picture, Kind.LIVE, seed=5), WIDTH, HEIGHT).picture(1.0, GREEN)
    assert not np.array_equal(one, other)


def test_a_held_camera_drifts_no_more(picture: Path) -> None:
    lens = Lens(scene(picture, Kind.POSTER, exposure_drift=0.4, white_drift=0.2), WIDTH, HEIGHT)

    def colours() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array([lens.picture(at_s, DARK).mean(axis=(0, 1)) for at_s in (0.0, 0.7)])

    assert np.abs(np.diff(colours(), axis=0)).min() > 1
    lens.held_s = {Setting.EXPOSURE: 0.3}
    red, _, blue = (np.diff(colours() / colours()[:, 1:2], axis=0)[0] * 100)[::-1]
    assert red > 1 > -1 > blue, "only its white balance does"
    lens.held_s = dict.fromkeys(Setting, 0.3)
    assert np.abs(np.diff(colours(), axis=0)).max() < 0.5


# --- scene files ---------------------------------------------------------------------------------------------------


def test_a_scene_file_comes_back_as_it_was(picture: Path, tmp_path: Path) -> None:
    written = replace(scene(picture, Kind.BENT), act=Act.TURN_LEFT, seed=4, radius=1.2)
    (tmp_path / "scene.json").write_text(written.to_json(), "utf-8")
    assert load_scene(tmp_path / "scene.json") == written
    assert load_scene(tmp_path / "nothing.json").kind is Kind.NOBODY
    assert str(picture) not in repr(written), "whose picture it is stays out of a repr"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"kind": "ghost"}',
        '{"colour": 1}',
        '{"ratio": "much"}',
        '{"ratio": NaN}',
        '{"kind": null}',
        '{"face": [[1], 2]}',
        '{"face": 3}',
        '{"ratio": [1]}',
        '{"radius": 0}',
    ],
)
def test_what_is_no_scene_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Scene.parse(text)


def test_a_scene_needs_its_picture_and_five_landmarks(picture: Path) -> None:
    with pytest.raises(ValueError, match="picture"):
        Lens(replace(scene(picture, Kind.LIVE), picture="/nowhere.png"), WIDTH, HEIGHT)
    for face in ((), FACE[:4], ((1.0, 1.0),) * 5, ((float("nan"), 1.0), *FACE[1:])):
        with pytest.raises(ValueError, match="landmarks"):
            Lens(replace(scene(picture, Kind.LIVE), face=face), WIDTH, HEIGHT)


# --- the room's light ----------------------------------------------------------------------------------------------


def test_an_exposure_sums_up_what_was_shone() -> None:
    history = LightHistory([(1000, (1.0, 0.0, 0.0)), (2000, (0.0, 1.0, 0.0))])
    assert history.mean(0, 900).tolist() == [0, 0, 0]
    assert history.mean(1200, 1400).tolist() == [1, 0, 0]
    assert history.mean(1500, 2500) == pytest.approx([0.5, 0.5, 0])
    assert history.mean(500, 1500) == pytest.approx([0.5, 0, 0])
    assert history.mean(5000, 6000) == pytest.approx([0, 1, 0])
    assert LightHistory().mean(0, 100).tolist() == [0, 0, 0]


def test_light_passes_through_the_room_and_is_remembered_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "light"
    ring, eye = RoomLight(path), RoomLight(path)
    assert eye.history().mean(0, 10).tolist() == [0, 0, 0]
    for number in range(KEPT + 10):
        ring.shine((number / 100, 0.0, 0.0), number * 100)
    assert eye.history().mean(100 * (KEPT + 9), 100 * (KEPT + 10)) == pytest.approx([(KEPT + 9) / 100, 0, 0])
    assert len(json.loads(path.read_text())) == KEPT
    assert [entry.name for entry in tmp_path.iterdir()] == ["light"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[[1, 2]]", '[["a", 0, 0, 0]]'])
def test_what_is_no_light_is_named(text: str) -> None:
    if text == "{}":
        assert parse(text).mean(0, 1).tolist() == [0, 0, 0]
        return
    with pytest.raises(ValueError, match="light in the room"):
        parse(text)


# --- in the capture process ----------------------------------------------------------------------------------------


def uri(folder: Path) -> str:
    return f"sim:person?scene={folder}/scene.json&light={folder}/light&width={WIDTH}&height={HEIGHT}&fps=30"


def test_the_camera_sees_the_rings_light_and_another_scene(picture: Path, tmp_path: Path) -> None:
    ring = RoomLight(tmp_path / "light")
    with camera(uri(tmp_path)) as source:
        nobody = source.latest().image.astype(float).mean()
        new = tmp_path / "new"
        new.write_text(scene(picture, Kind.POSTER).to_json(), "utf-8")
        new.replace(tmp_path / "scene.json")
        poster = changed(source, lambda image: abs(image.mean() - nobody) > 8)
        ring.shine((0.0, 1.0, 0.0))
        source.hold(True)
        lit = changed(source, lambda image: image[..., 1].mean() > poster[..., 1].mean() + 8)
        assert lit[..., 0].mean() < lit[..., 1].mean()


def shown(folder: Path, of: Scene) -> None:
    (folder / "new").write_text(of.to_json(), "utf-8")
    (folder / "new").replace(folder / "scene.json")


def colour(source: Camera, after: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Blue, green, red of the first frame beyond ``after`` more."""
    return np.asarray(source.latest(source.latest().number + after).image.mean(axis=(0, 1)))


def told(source: Camera) -> tuple[Setting, ...] | None:
    """What it says is held, once it has looked: its word comes before its second frame, and is heard with the next."""
    source.latest(source.latest().number + 1)
    source.latest()
    return source.held


def test_a_camera_says_what_of_it_is_held_and_that_stands_still(picture: Path, tmp_path: Path) -> None:
    shown(tmp_path, scene(picture, Kind.POSTER, exposure_drift=0.6, white_drift=0.5))
    with camera(f"{uri(tmp_path)}&lacks=white_balance") as source:
        assert source.held is None
        source.hold(True)
        assert told(source) == (Setting.EXPOSURE, Setting.GAIN)
        before = colour(source, 0)
        later = changed(source, lambda image: abs(image[..., 0].mean() - before[0]) > 5).mean(axis=(0, 1))
        assert abs(later[1] - before[1]) < 1, "green follows exposure alone"
        source.restart()
        assert (source.latest().number > 0, source.held) == (True, None)
        source.hold(True)
        assert told(source) == (Setting.EXPOSURE, Setting.GAIN)
        source.hold(False)
        assert told(source) is None
    assert source.held is None


def test_a_camera_is_held_whoever_comes_before_it(picture: Path, tmp_path: Path) -> None:
    """The scene changes when she acts: a new scene file, and the same camera."""
    drifting = scene(picture, Kind.POSTER, exposure_drift=0.6, white_drift=0.5)
    shown(tmp_path, drifting)
    with camera(uri(tmp_path)) as source:
        source.hold(True)
        assert told(source) == tuple(Setting)
        before = colour(source, 0)
        shown(tmp_path, replace(drifting, act=Act.BLINK))
        assert np.abs(colour(source, 12) - before).max() < 1


@pytest.mark.parametrize("replayed", [True, False])
def test_a_source_without_automatics_holds_nothing_and_says_so(replayed: bool, tmp_path: Path) -> None:
    with camera(f"replay://{tmp_path}?fps=60&width=64&height=48") if replayed else sim() as source:
        source.hold(True)
        assert told(source) == ()


@pytest.mark.parametrize("lacks", ["", "focus", "gain,", "gain, exposure"])
def test_what_no_camera_can_lack_is_a_wrong_uri(lacks: str, tmp_path: Path) -> None:
    error = failure(lambda: camera(f"{uri(tmp_path)}&lacks={lacks}").open())
    assert isinstance(error, BadDeviceUri)
    assert "exposure, gain, white_balance" in str(error)


def changed(source: object, enough: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The first picture for which ``enough`` holds, within some seconds."""
    deadline_s, number = time.monotonic() + 5, -1
    while time.monotonic() < deadline_s:
        frame = source.latest(number)
        number = frame.number
        image = frame.image.astype(float)
        if enough(image):
            return np.asarray(image)
    raise AssertionError("the picture did not change")


def test_a_damaged_scene_is_an_error_of_the_camera(tmp_path: Path) -> None:
    (tmp_path / "scene.json").write_text('{"kind": "ghost"}', "utf-8")
    assert isinstance(failure(lambda: camera(uri(tmp_path)).open()), UnreadablePicture)


def test_a_scene_without_the_rooms_light_is_a_wrong_uri(tmp_path: Path) -> None:
    error = failure(lambda: camera(f"sim:person?scene={tmp_path}/scene.json").open())
    assert isinstance(error, BadDeviceUri)
    assert "light" in str(error)
