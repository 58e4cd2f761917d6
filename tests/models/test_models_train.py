"""Simulated recapture: pure functions, the same for the same seed, and the camera the same for live and attack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.evaluate.pairs import PairsError
from models.image import Image
from models.train import camera, paper, plane, pose, printer, recorded, room, screen
from models.train.other_printer import ordered, printed, scattered, separated
from models.train.plane import Picture, Random, Sheet
from models.train.render import presentations
from models.train.room import Source, light, outlined, standing
from models.train.sample import CROPS, SIDE_PX, Person, frames, jittered, trimmed, usable
from models.train.scene import ATTACKS, Frame, Species, content, live, shot, skin
from models.train.vary import varied

BOX = (62.0, 50.0, 90.0, 120.0)


@pytest.fixture
def random() -> Random:
    return np.random.default_rng(7)


def made(seed: int) -> Source:
    """A coloured oval with eyes on a slope: nobody."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:220, 0:214]
    picture = np.stack([60 + columns // 3, 80 + rows // 4, 100 + (rows + columns) // 8], axis=2).astype(np.uint8)
    cv2.ellipse(picture, (107, 110), (45, 60), 0, 0, 360, [int(v) for v in draw.integers(90, 220, 3)], -1)
    for x in (90, 124):
        cv2.circle(picture, (x, 98), 6, (30, 30, 30), -1)
    return Source(picture, BOX)


PICTURE: Picture = made(1).picture.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("species", Species)
def test_a_frame_is_what_the_seed_says(species: Species) -> None:
    source, other = made(1), made(2)
    before = source.picture.copy(), other.picture.copy()
    for seed in range(6):
        first, again = (shot(source, other, species, np.random.default_rng(seed)) for _ in range(2))
        assert first.picture.dtype == np.uint8
        assert first.picture.shape[0] == first.picture.shape[1] >= 180
        assert first.species is species
        assert np.array_equal(first.picture, again.picture)
        assert first.box == again.box
        left, top, width, height = first.box
        assert 0 < left + width / 2 < first.picture.shape[1]
        assert 0 < top + height / 2 < first.picture.shape[0]
        assert 0.1 * first.picture.shape[0] < height < 0.9 * first.picture.shape[0]
    another = shot(source, other, species, np.random.default_rng(99))
    assert another.picture.shape != first.picture.shape or not np.array_equal(another.picture, first.picture)
    assert np.array_equal(before[0], source.picture)
    assert np.array_equal(before[1], other.picture)


def test_every_attack_has_another_way() -> None:
    frames = [shot(made(1), made(2), species, np.random.default_rng(3)).picture for species in ATTACKS]
    for index, first in enumerate(frames):
        for second in frames[index + 1 :]:
            assert first.shape != second.shape or not np.array_equal(first, second)


STEPS: dict[str, Callable[[Picture, Random], Picture]] = {
    "emitted": screen.emitted,
    "controls": screen.with_controls,
    "reflection": screen.reflection,
    "inked": printer.inked,
    "striped": printer.striped,
    "halftoned": lambda picture, random: printer.halftoned(picture, 5.0, 8.0, random),
    "lined": lambda picture, random: printer.lined(picture, 5.0, 8.0, random),
    "diffused": printer.diffused,
    "laid": lambda picture, random: printer.laid(printer.separated(picture, random), random),
    "toned": printer.toned,
    "glossed": printer.glossed,
    "dotted": printer.dotted,
    "sprayed": lambda picture, random: printer.sprayed(picture, 2.0, 0.1, random),
    "veiled": lambda picture, random: camera.veiled(picture, random, 2.5),
    "exposed": camera.exposed,
    "lit": camera.lit,
    "focused": camera.focused,
    "smoothed": camera.smoothed,
    "lamps": lambda picture, random: picture + screen.lamps(picture.shape[0], random)[:, : picture.shape[1]],
    "noisy": camera.noisy,
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_changes_nothing_that_it_is_given(name: str) -> None:
    picture = PICTURE.copy()
    results = [STEPS[name](picture, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(picture, PICTURE)
    assert np.array_equal(results[0], results[1])
    for result in results:
        assert result.shape == picture.shape
        assert result.dtype == np.float32
        assert np.all(np.isfinite(result))


SHEETS: dict[str, Callable[[Sheet, Random], Sheet]] = {
    "textured": paper.textured,
    "creased": paper.creased,
    "bent": paper.bent,
    "cut_out": paper.cut_out,
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_keeps_its_size(name: str, random: Random) -> None:
    sheet = Sheet(PICTURE.copy(), np.ones(PICTURE.shape[:2], np.float32), BOX)
    changed = SHEETS[name](sheet, random)
    assert changed.picture.shape == sheet.picture.shape
    assert changed.alpha.shape == sheet.alpha.shape
    assert np.array_equal(sheet.picture, PICTURE)
    assert 0 <= float(changed.alpha.min()) <= float(changed.alpha.max()) <= 1
    assert not (np.array_equal(changed.picture, sheet.picture) and np.array_equal(changed.alpha, sheet.alpha))


def test_a_cut_out_head_keeps_the_face_and_loses_the_corners(random: Random) -> None:
    sheet = paper.cut_out(Sheet(PICTURE.copy(), np.ones(PICTURE.shape[:2], np.float32), BOX), random)
    left, top, width, height = BOX
    assert sheet.alpha[round(top + height * 0.7), round(left + width / 2)] > 0.9
    assert sheet.alpha[0, 0] == 0


def test_halftone_has_only_ink_and_paper_when_hard(random: Random) -> None:
    dots = printer.halftoned(np.full((90, 90, 3), 0.5, np.float32), 9.0, 200.0, random)
    assert np.mean((dots < 0.05) | (dots > 0.95)) > 0.9
    assert abs(float(dots.mean()) - 0.5) < 0.05


@pytest.mark.parametrize("tone", [0.1, 0.5, 0.8])
def test_dots_of_diffused_errors_make_the_tone(tone: float, random: Random) -> None:
    dots = printer.diffused(np.full((90, 90, 4), tone, np.float32), random)
    assert set(np.unique(dots)) == {0, 1}
    assert float(dots.mean()) == pytest.approx(tone, abs=0.02)


def test_lines_have_a_direction_and_the_tone(random: Random) -> None:
    lines = printer.lined(np.full((120, 120, 1), 0.5, np.float32), 6.0, 50.0, random)[:, :, 0]
    strength = np.abs(np.fft.fft2(lines - lines.mean()))
    down, across = np.unravel_index(int(strength.argmax()), strength.shape)
    frequency = float(np.hypot(*(np.fft.fftfreq(120)[index] for index in (down, across))))
    assert 1 / frequency == pytest.approx(6.0, rel=0.1)
    assert float(lines.mean()) == pytest.approx(0.5, abs=0.05)


def test_black_ink_takes_the_place_of_the_others(random: Random) -> None:
    grey = np.full((4, 4, 3), 0.3, np.float32)
    inks = printer.separated(grey, random)
    assert np.all(inks[:, :, 3] < 1)
    assert np.all(inks[:, :, :3] > grey)
    assert np.allclose(inks[:, :, :3] * inks[:, :, 3:], grey, atol=1e-3)


def test_the_grid_beats_where_the_camera_is_too_coarse(random: Random) -> None:
    """A grid of nearly one pixel comes back as slow waves: moire, not a finer picture of the grid."""
    down, across = np.mgrid[0:200, 0:200].astype(np.float32)
    light = screen.grid(across, down, 1.03, 0.3, random)
    coarse = cv2.GaussianBlur(light, (0, 0), 3)
    assert float(coarse.std()) > 0.3 * float(light.std())


def test_a_device_has_an_edge_and_the_box_moves_with_it(random: Random) -> None:
    sheet = screen.device(PICTURE, BOX, random)
    assert sheet.picture.shape[0] > PICTURE.shape[0]
    assert sheet.picture.shape[1] > PICTURE.shape[1]
    assert sheet.box[2:] == BOX[2:]
    assert sheet.box[0] > BOX[0]
    assert sheet.box[1] > BOX[1]


def test_placement_puts_the_face_where_it_says(random: Random) -> None:
    sheet = Sheet(PICTURE, np.ones(PICTURE.shape[:2], np.float32), BOX)
    matrix = plane.placement(sheet, 300, 150.0, random)
    left, top, width, height = plane.moved(BOX, matrix)
    assert 110 < height < 200
    assert 75 < left + width / 2 < 225
    assert 75 < top + height / 2 < 225
    across, down = plane.coordinates(matrix, 300)
    x, y = round(left + width / 2), round(top + height / 2)
    assert BOX[0] < across[y, x] < BOX[0] + BOX[2]
    assert BOX[1] < down[y, x] < BOX[1] + BOX[3]


def test_live_shows_the_person_and_not_a_plane(random: Random) -> None:
    scene, box = live(made(1), made(2), random)
    assert scene.shape[0] == scene.shape[1]
    assert float(scene.min()) >= 0
    left, top, width, height = (round(value) for value in box)
    assert scene[top : top + height, left : left + width].std() > 0.02


@pytest.mark.parametrize(("across", "down"), [(0.3, 0.0), (-0.3, 0.0), (0.0, 0.3), (0.0, -0.5), (0.5, 0.5)])
def test_a_turned_head_moves_most_in_the_middle_and_its_surroundings_stay(across: float, down: float) -> None:
    source = made(1)
    before = source.picture.copy()
    nose = np.array([BOX[0] + BOX[2] / 2, BOX[1] + 0.45 * BOX[3]])
    cv2.circle(source.picture, (round(nose[0]), round(nose[1])), 6, (0, 255, 0), -1)
    before = source.picture.copy()
    turned = pose.turned(source, across, down)
    assert turned.box == source.box
    assert np.array_equal(source.picture, before)
    for corner in (np.s_[:8, :8], np.s_[-8:, :8], np.s_[:8, -8:], np.s_[-8:, -8:]):
        assert np.array_equal(turned.picture[corner], before[corner])
    rows, columns = np.nonzero((turned.picture[..., 1] > 200) & (turned.picture[..., 2] < 60))
    way = np.array([across * 0.62 * BOX[2], down * 0.72 * BOX[3]])
    gone = np.array([columns.mean(), rows.mean()]) - nose
    assert np.all(np.abs(gone - 0.8 * way) <= 2 + 0.25 * np.abs(way))  # the nearer the outline, the less


def test_half_of_all_heads_are_posed_anew_within_what_does_not_fold(random: Random) -> None:
    source = made(1)
    posed = [pose.posed(source, random) for _ in range(200)]
    assert 70 < sum(one is source for one in posed) < 130
    eyes = [np.count_nonzero(one.picture.max(axis=2) < 60) for one in posed]
    assert min(eyes) > 0.3 * np.count_nonzero(source.picture.max(axis=2) < 60)


def test_the_outline_has_the_head_and_not_the_corners() -> None:
    mask = outlined(made(1).picture, BOX)
    assert mask.shape == made(1).picture.shape[:2]
    assert mask[100, 107] == 1
    assert mask[2, 2] == mask[2, -3] == 0
    assert np.array_equal(mask, outlined(made(1).picture, BOX))


def test_who_stands_in_a_room_is_seen_where_it_says_and_the_room_around_her(
    random: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "APART", 0.0)
    source, other = made(1), made(2)
    for _ in range(8):
        scene, (left, top, width, height) = standing(source, other, 300, 0.2, random)
        assert scene.shape == (300, 300, 3)
        assert scene.dtype == np.float32
        assert height == pytest.approx(60)
        assert width == pytest.approx(45)
        assert np.allclose(
            scene[round(top + height / 2), round(left + width / 2)], light(source.picture)[110, 107], atol=0.05
        )
        below = scene[round(top + 1.6 * height) : round(top + 1.8 * height), round(left + width / 2)]
        assert np.abs(below - light(source.picture)[196, 107]).mean() < 0.2
        assert scene[:20].std() > 0


def test_her_light_may_be_another_than_the_rooms(random: Random) -> None:
    person = np.full((60, 60, 3), 0.5, np.float32)
    seen = [room.lit_apart(person, random) for _ in range(60)]
    brightness = np.array([float(one.mean()) for one in seen])
    assert brightness.min() < 0.25
    assert 0.4 < brightness.max() < 0.8
    sides = np.array([one[:, :10].mean() / one[:, -10:].mean() for one in seen])
    assert sides.min() < 0.7
    assert sides.max() > 1.4
    colours = np.array([one[..., 2].mean() / one[..., 0].mean() for one in seen])
    assert colours.min() < 0.85
    assert colours.max() > 1.15


def test_what_the_attacker_shows_has_the_face(random: Random) -> None:
    for _ in range(20):
        picture, (left, top, width, height) = content(made(1), random)
        assert left >= 0
        assert top >= 0
        assert left + width <= picture.shape[1]
        assert top + height <= picture.shape[0]


def test_skin_is_the_faces_colour() -> None:
    source = made(1)
    assert np.allclose(skin(source), source.picture[120, 107] / 255, atol=0.05)


def test_trimming_keeps_the_face(random: Random) -> None:
    picture: Image = np.zeros((300, 300, 3), np.uint8)
    sizes = set()
    for _ in range(40):
        smaller, box = trimmed(Frame(picture, (100.0, 90.0, 80.0, 110.0), Species.LIVE), 0.5, random)
        sizes.add(smaller.shape[:2])
        assert usable(smaller, box)
        assert box[2:] == (80.0, 110.0)
    assert len(sizes) > 3
    assert not usable(picture, (-60.0, 0.0, 100.0, 100.0))
    assert not usable(picture, (250.0, 0.0, 100.0, 100.0))
    assert jittered((10.0, 10.0, 50.0, 50.0), random) != (10.0, 10.0, 50.0, 50.0)


def test_whose_picture_ends_at_her_face_is_never_seen_with_a_room_around_her() -> None:
    whole = made(1)
    left, top, width, height = (round(value) for value in BOX)
    cut = whole.picture[top - 10 : top + height + 10, left - 10 : left + width + 10]
    near = Person(Source(cut, (10.0, 10.0, float(width), float(height))), 1)
    assert near.source.tight
    assert not whole.tight
    shown = list(frames([near, near, near, Person(whole, 2)], 120, seed=5))
    assert {species for _, _, species, number in shown if number == 1} >= {Species.LIVE, Species.PHONE, Species.PRINT}
    around = [max(picture.shape[:2]) / max(box[2:]) for picture, box, _, number in shown if number == 1]
    assert max(around) < 2
    assert max(max(picture.shape[:2]) / max(box[2:]) for picture, box, _, number in shown if number == 2) > 3


def test_a_lamp_in_the_glass_is_small_and_bright(random: Random) -> None:
    for _ in range(10):
        spots = screen.lamps(300, random)
        assert 0 < float(np.mean(spots > 0.05)) < 0.1
        assert float(spots.max()) > 0.15


def test_smoothing_takes_the_grain_and_leaves_the_edge(random: Random) -> None:
    edge = np.full((60, 60, 3), 0.2, np.float32)
    edge[:, 30:] = 0.8
    grainy = edge + random.normal(0, 0.015, edge.shape).astype(np.float32)
    smooth = camera.smoothed(grainy, random)
    assert smooth[:, :25].std() < 0.7 * grainy[:, :25].std()
    assert float((smooth[:, 30] - smooth[:, 29]).mean()) > 0.5


def test_variation_changes_both_crops_alike_but_not_their_size(random: Random) -> None:
    crops = np.concatenate([made(1).picture[:112, :112]] * 2, axis=2)
    before = crops.copy()
    first, again = (varied(crops, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(crops, before)
    assert (first.shape, first.dtype) == (crops.shape, crops.dtype)
    assert not np.array_equal(first, crops)
    means = np.array([[part.mean() for part in np.split(varied(crops, random), 2, axis=2)] for _ in range(30)])
    assert np.abs(means[:, 0] - means[:, 1]).max() < 2
    assert means[:, 0].std() > 10


def test_the_other_printer_prints_the_face_where_it_says(random: Random) -> None:
    source = made(1)
    for _ in range(3):
        frame, (left, top, width, height) = printed(source.picture, source.box, random)
        assert frame.dtype == np.uint8
        assert frame.shape[0] == frame.shape[1]
        assert left + width / 2 == pytest.approx(frame.shape[1] / 2)
        assert top + height / 2 == pytest.approx(frame.shape[0] / 2)
        assert 0.4 < height / frame.shape[0] < 0.6


def test_inks_add_up_to_the_picture() -> None:
    inks = separated(PICTURE)
    assert inks.shape == (*PICTURE.shape[:2], 4)
    assert 0 <= float(inks.min()) <= float(inks.max()) <= 1
    dots = ordered(np.full((64, 64, 4), 0.25, np.float32))
    assert set(np.unique(dots)) == {0.0, 1.0}
    assert float(dots.mean()) == pytest.approx(0.25, abs=0.01)


def test_stochastic_dots_keep_the_tone(random: Random) -> None:
    dots = scattered(np.full((64, 64, 4), 0.3, np.float32), random)
    assert float(dots.mean()) == pytest.approx(0.3, abs=0.01)
    assert not np.array_equal(dots[..., 0], dots[..., 1])


def test_rendered_presentations_are_of_every_species() -> None:
    persons = [Person(made(number), number) for number in range(3)]
    shown = list(presentations(persons, each=3))
    assert len(shown) == 3 * (len(Species) + 2)
    live = {species for species, is_live, _, _ in shown if is_live}
    assert live == {"simulated_live", "photograph"}
    assert {number for _, _, number, _ in shown} == {0, 1, 2}
    assert all(picture.dtype == np.uint8 for _, _, _, picture in shown)


def test_recorded_faces_become_a_shard_of_named_sources_only(
    tmp_path: Path, person: Callable[[str], Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = ["path,label,source"]
    for number, (stem, label, source) in enumerate(
        [("a_live", "real", "s1"), ("b_live", "fake", "s1"), ("c", "real", "s2"), (None, "real", "s1")]
    ):
        picture = np.zeros((80, 80, 3), np.uint8) if stem is None else person(stem)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        listed.append(f"{number}.png,{label},{source}")
    (tmp_path / "list.csv").write_text("\n".join(listed) + "\n", encoding="utf-8")
    out = tmp_path / "recorded.npz"
    command = ["recorded", "--list", str(tmp_path / "list.csv"), "--root", str(tmp_path), "--sources", "s1", "--out"]
    monkeypatch.setattr("sys.argv", [*command, str(out)])
    recorded.main()
    with np.load(out) as shard:
        assert shard["crops"].shape == (2 * recorded.TAKES, SIDE_PX, SIDE_PX, 3 * len(CROPS))
        found = [list(Species)[number] for number in shard["species"]]
    assert found == [Species.LIVE] * recorded.TAKES + [Species.PHONE] * recorded.TAKES
    with pytest.raises(PairsError, match="s9"):
        recorded.chosen(tmp_path / "list.csv", ["s1", "s9"])
