"""The face that answered is the one that was compared, and was seen well enough to say so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.demo.people import ANNA, STRANGER, Person, Studio, document_of
from daemon.liveness import light
from daemon.liveness.eyes import Eyes
from daemon.liveness.inspection import Means
from daemon.liveness.light import Light
from daemon.liveness.watch import Watch
from daemon.liveness.witnesses import MOVED, Witness, same_face
from daemon.policy.words import Challenge
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.camera.simulated_lens import Lens
from hw.camera.simulated_scene import Act, Kind, Scene
from hw.card_reader.photo import SimulatedDecoder
from hw.uri import DeviceUri
from models.embedding import Template
from models.face import FaceModels, nearest_face
from models.image import Image
from models.liveness.result import Decision
from models.liveness.sequence import LightColour
from models.liveness.signal import Timeline
from models.quality import Cause
from tests.daemon.liveness.booth import Booth, open_booth
from tests.daemon.liveness.test_liveness_task import Unit, check
from tests.daemon.support import now

SIZE = (320, 240)
MIDDLE = (SIZE[0] / 2, SIZE[1] / 2)


@pytest.fixture(scope="module")
def studio(face_models: FaceModels) -> Studio:
    return Studio(face_models)


def picture(studio: Studio, person: Person, time_s: float = 0.0) -> Image:
    return Lens(studio.scene(person), *SIZE).picture(time_s, np.zeros(3))


def covered(image: Image, models: FaceModels) -> Image:
    """A surgical mask of one colour."""
    face = nearest_face(models.detect(image))
    assert face is not None
    x, y = (round(float(one)) for one in face.landmarks[3:].mean(axis=0))
    mask = image.copy()
    cv2.ellipse(mask, (x, y), (round(face.box[2] * 0.46), round(face.box[3] * 0.33)), 0, 0, 360, (205, 180, 140), -1)
    changed = nearest_face(models.detect(mask))
    assert changed is None or not models.assess(mask, changed).usable
    return mask


def witness(image: Image, asking: int, excused: frozenset[Cause] = frozenset()) -> Witness:
    return Witness(Frame(image, 1, 0.0, "sim:"), MIDDLE, asking, excused)


@pytest.fixture(scope="module")
def anna(studio: Studio) -> list[Image]:
    return [picture(studio, ANNA, number / 3) for number in range(3)]


@pytest.fixture(scope="module")
def live(face_models: FaceModels, anna: list[Image]) -> Template:
    face = nearest_face(face_models.detect(anna[0]))
    assert face is not None
    return face_models.template(anna[0], face)


@pytest.fixture(scope="module")
def masked(studio: Studio, face_models: FaceModels) -> Image:
    return covered(picture(studio, STRANGER), face_models)


@pytest.mark.parametrize(
    ("asked", "answered", "decision"),
    [
        ((0, 1, 1), {1}, Decision.LIVE),
        ((1, 1), {1}, Decision.LIVE),
        ((0, 0, 1), {1}, Decision.UNSURE),
        ((0, 0, 0), {1}, Decision.UNSURE),
        ((1, 1, 2), {2}, Decision.UNSURE),
        ((1, 1, 2), {1, 2}, Decision.UNSURE),
        ((0, 0), (), Decision.LIVE),
        ((0,), (), Decision.UNSURE),
    ],
)
def test_enough_of_her_is_seen_in_what_was_answered(
    eyes: Eyes, live: Template, anna: list[Image], asked: tuple[int, ...], answered: Collection[int], decision: Decision
) -> None:
    found = same_face(eyes, live, [witness(*one) for one in zip(anna, asked, strict=False)], answered)
    assert found.decision is decision
    assert found.reasons == (() if decision is Decision.LIVE else ("face_not_seen",))
    assert found.evidence["frames"] == found.evidence["looked_at"] == len(asked)


def test_covered_faces_answer_for_nobody(eyes: Eyes, live: Template, anna: list[Image], masked: Image) -> None:
    """Her picture is held until the first frame of the challenge, and then lowered."""
    for asked in (0, 1):
        frames = [witness(anna[0], asked), *[witness(masked, 1)] * 4]
        found = same_face(eyes, live, frames, {1})
        assert (found.decision, found.reasons) == (Decision.UNSURE, ("face_not_seen",))
        assert (found.evidence["frames"], found.evidence["looked_at"]) == (1, 5)


def test_every_witness_is_looked_at(eyes: Eyes, live: Template, anna: list[Image], studio: Studio) -> None:
    frames = [witness(anna[0], 1) for _ in range(6)]
    frames[1] = witness(picture(studio, STRANGER), 1)
    found = same_face(eyes, live, frames, {1})
    assert (found.decision, found.reasons) == (Decision.UNSURE, ("another_face",))


def test_her_picture_beside_the_face_that_answers_is_no_witness(
    eyes: Eyes, live: Template, anna: list[Image], masked: Image
) -> None:
    larger = cv2.resize(anna[0], None, fx=1.3, fy=1.3)[: SIZE[1]]
    both = np.ascontiguousarray(np.hstack([masked, larger]), np.uint8)
    nearest = nearest_face(eyes.models.detect(both))
    assert nearest is not None
    assert nearest.box[0] > SIZE[0], "her picture is the nearest"
    found = same_face(eyes, live, [witness(both, 1) for _ in range(3)], {1})
    assert (found.decision, found.evidence["frames"]) == (Decision.UNSURE, 0)


@pytest.fixture(scope="module")
def booth(face_models: FaceModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    with open_booth(tmp_path_factory.mktemp("witnesses"), face_models) as made:
        yield made


class Hasty:
    """A light that is over at once, so that too few frames are seen and it is shown again."""

    ready = True

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        now_s, (one, other, *_), slot_s = time.monotonic(), dict.fromkeys(colours), slot_ms / 1000
        return Timeline.shown([(now_s, one), (now_s + slot_s, other)], now_s + 2 * slot_s, 0.0)

    def stop(self) -> None:
        """Nothing is shown."""


def test_a_challenge_that_is_shown_again_has_its_own_witnesses(booth: Booth, eyes: Eyes) -> None:
    booth.room.stand(ANNA)
    with Camera(DeviceUri.parse(booth.room.uri)) as camera:
        watch = Watch(camera, eyes, Preview(), lambda: False)
        result = light.challenge(Hasty(), watch, lambda: False)
        assert (result.reasons, result.evidence["tries"]) == (("too_few_frames",), light.TRIES)
        assert watch.askings == light.TRIES
        assert {one.asking for one in watch.witnesses} <= {0, light.TRIES}
        span_s = watch.witnesses[-1].frame.captured_at_s - watch.witnesses[0].frame.captured_at_s
        assert span_s < 2 * (light.BEFORE_S + light.AFTER_S)


@dataclass
class Swapped:
    """The ring; whoever stands there gives way to somebody else once she has been seen, just before the colours."""

    ring: Light
    booth: Booth
    scene: Scene

    @property
    def ready(self) -> bool:
        return self.ring.ready

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        self.booth.room.show(self.scene)
        time.sleep(light.BEFORE_S)
        return self.ring.show(colours, slot_ms)

    def stop(self) -> None:
        self.ring.stop()


def test_a_covered_stranger_who_answers_the_ring_for_her_is_not_live(
    booth: Booth, eyes: Eyes, studio: Studio, face_models: FaceModels, tmp_path: Path
) -> None:
    scene = studio.scene(STRANGER)
    portrait = cv2.imread(scene.picture)
    assert portrait is not None
    cv2.imwrite(str(tmp_path / "covered.png"), covered(np.asarray(portrait, np.uint8), face_models))
    stranger = replace(scene, picture=str(tmp_path / "covered.png"))
    booth.room.stand(ANNA)
    photo = SimulatedDecoder().decode(studio.card(ANNA, document_of(ANNA, now().date())).photo)
    means = Means(frozenset({Challenge.LIGHT}), Swapped(booth.light, booth, stranger))
    unit = Unit(booth.room.uri, eyes, means, photo)
    try:
        finding = unit.look()
    finally:
        unit.close()
    assert finding.decision == "match"
    assert check(finding, "light")["decision"] == "live", "a living body answers"
    assert check(finding, "same_face")["reasons"] == ["face_not_seen"]
    assert (finding.liveness.decision, finding.liveness.cause) == ("unsure", "same_face:face_not_seen")


def resized(image: Image, factor: float) -> Image:
    """The same scene from farther away."""
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    down, across = SIZE[1] - small.shape[0], SIZE[0] - small.shape[1]
    borders = down // 2, down - down // 2, across // 2, across - across // 2
    return np.asarray(cv2.copyMakeBorder(small, *borders, cv2.BORDER_REPLICATE), np.uint8)


def test_who_is_far_away_answers_for_nobody(
    eyes: Eyes, live: Template, anna: list[Image], studio: Studio, masked: Image
) -> None:
    """Her picture before it and after it; in between a face that nobody can recognise, and nobody asked for that."""
    far = resized(picture(studio, STRANGER), 0.55)
    face = nearest_face(eyes.models.detect(far))
    assert face is not None
    assert not eyes.models.assess(far, face).usable
    for unknown in (far, masked):
        frames = [witness(image, 1) for image in (anna[0], anna[1], unknown, anna[2])]
        found = same_face(eyes, live, frames, {1})
        assert (found.decision, found.reasons) == (Decision.UNSURE, ("face_not_seen",))
        assert same_face(eyes, live, frames, ()).decision is Decision.LIVE, "nothing rests on it"


def darkened(image: Image) -> Image:
    return np.asarray(image * 0.45, np.uint8)


def blurred(image: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 4), np.uint8)


def lit_from_aside(image: Image) -> Image:
    shade = np.where(np.arange(SIZE[0]) < SIZE[0] / 2, 1.0, 0.3)
    return np.asarray(image * shade[np.newaxis, :, np.newaxis], np.uint8)


def blindfolded(image: Image) -> Image:
    bar = image.copy()
    cv2.rectangle(bar, (0, round(SIZE[1] * 0.38)), (SIZE[0], round(SIZE[1] * 0.5)), (25, 25, 25), -1)
    return bar


@pytest.mark.parametrize("spoilt", [darkened, blurred, lit_from_aside, blindfolded])
@pytest.mark.parametrize("excused", [frozenset(), MOVED], ids=["colours", "movement"])
def test_a_stranger_whom_nobody_could_recognise_answers_for_nobody(
    eyes: Eyes,
    live: Template,
    anna: list[Image],
    studio: Studio,
    spoilt: Callable[[Image], Image],
    excused: frozenset[Cause],
) -> None:
    """Her picture before and after; whoever answers between stands in the dark, out of focus or behind something."""
    stranger = spoilt(picture(studio, STRANGER))
    face = nearest_face(eyes.models.detect(stranger))
    assert face is None or not eyes.models.assess(stranger, face).usable
    frames = [witness(image, 1, excused) for image in (anna[0], stranger, stranger, anna[1])]
    if face is None and excused:
        return  # as of somebody who turns away
    found = same_face(eyes, live, frames, {1})
    assert (found.decision, found.reasons) == (Decision.UNSURE, ("face_not_seen",))


@pytest.mark.parametrize("spoilt", [darkened, lit_from_aside])
def test_she_is_known_in_bad_light_too(
    eyes: Eyes, live: Template, anna: list[Image], spoilt: Callable[[Image], Image]
) -> None:
    """Too bad for her card's photo; a minute after she was compared it is enough."""
    spoilt_her = spoilt(anna[2])
    face = nearest_face(eyes.models.detect(spoilt_her))
    assert face is not None
    assert not eyes.models.assess(spoilt_her, face).usable
    found = same_face(eyes, live, [witness(image, 1) for image in (anna[0], spoilt_her, anna[1])], {1})
    assert found.decision is Decision.LIVE


def test_the_last_of_an_answer_is_recognised(eyes: Eyes, live: Template, anna: list[Image]) -> None:
    nobody = witness(np.full((SIZE[1], SIZE[0], 3), 128, np.uint8), 1)
    found = same_face(eyes, live, [witness(anna[0], 1), witness(anna[1], 1), nobody], {1})
    assert (found.decision, found.reasons) == (Decision.UNSURE, ("face_not_seen",))
    for excused, decision in ((MOVED, Decision.LIVE), (frozenset(), Decision.UNSURE)):
        between = replace(nobody, excused=excused)
        found = same_face(eyes, live, [witness(anna[0], 1), between, witness(anna[1], 1)], {1})
        assert found.decision is decision, "who turns cannot be recognised for a moment, who looks at colours can"


def test_a_stranger_who_turns_for_her_picture_is_not_live(booth: Booth, eyes: Eyes, studio: Studio) -> None:
    """No ring. Her picture is compared and held still; then somebody farther away does what is asked, and goes."""
    flat = studio.scene(ANNA, Kind.PRINT)
    photo = SimulatedDecoder().decode(studio.card(ANNA, document_of(ANNA, now().date())).photo)

    changes: list[threading.Timer] = []

    def obey(asked: str | None) -> None:
        if asked in set(Act):
            moves = replace(studio.scene(STRANGER, Kind.LIVE, Act(asked)), face_px=75)
            for after_s, scene in ((1.2, moves), (2.2, flat)):
                changes.append(threading.Timer(after_s, booth.room.show, [scene]))
                changes[-1].start()

    unit = Unit(booth.room.uri, eyes, Means(frozenset(Challenge), None), photo)
    unit.on_ask = obey
    booth.room.show(flat)
    try:
        finding = unit.look()
    finally:
        unit.close()
        for change in changes:
            change.join()
    assert finding.decision == "match"
    assert finding.liveness.decision != "live"
    assert finding.liveness.cause is not None
