"""The face task: real networks on people before a simulated camera, and cameras that fail."""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from daemon import faces
from daemon.cards import Photo
from daemon.demo.people import ANNA, STRANGER, Person, Studio, document_of
from daemon.demo.room import Room
from daemon.events import DeviceLost, Event
from daemon.face_events import FaceCompared, FaceFinding
from daemon.faces import FRAMES, FaceMatcher, FaceTask, Guide
from daemon.liveness.eyes import Eyes
from hw.camera.frame import Frame
from hw.camera.simulated_lens import Lens
from hw.card_reader.photo import SimulatedDecoder
from hw.uri import DeviceUri
from models.face import FaceModels
from models.image import Image
from models.manifest import MANIFEST, Manifest
from models.nearest import Sight
from tests.daemon.support import now
from tests.support.brokers import wait_for

PATIENCE_S = 40.0


class Booth:
    """The task in its thread, before a camera."""

    def __init__(self, uri: str, eyes: Eyes) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.hints: list[str | None] = []
        self.task = FaceTask(DeviceUri.parse(uri), eyes, post=self.events.put, told=self._told)
        self._thread = threading.Thread(target=self.task.run)
        self._thread.start()

    def _told(self) -> None:
        self.hints.append(self.task.hint)

    @property
    def camera_runs(self) -> bool:
        """Whether a process of ours has the camera."""
        return bool(cameras())

    def compare(self, photo: Photo, check: str = "check-1") -> Event:
        self.task.compare(check, photo)
        return self.events.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.task.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the face task did not end"


def cameras() -> list[int]:
    """Process ids of the capture processes that belong to this one."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if any("capture" in word for word in child.cmdline()):
                found.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


Open = Callable[[str], Booth]


@pytest.fixture
def booth(eyes: Eyes) -> Iterator[Open]:
    made: list[Booth] = []

    def open_one(uri: str) -> Booth:
        made.append(Booth(uri, eyes))
        return made[-1]

    yield open_one
    for one in made:
        one.close()
    assert cameras() == []


@pytest.fixture(scope="module")
def studio(face_models: FaceModels) -> Studio:
    return Studio(face_models)


@pytest.fixture(scope="module")
def photo(studio: Studio) -> Photo:
    """Anna's picture as it comes out of her card: 102 x 126 pixels in 1 KB."""
    card = studio.card(ANNA, document_of(ANNA, now().date()))
    return SimulatedDecoder().decode(card.photo)


def scene(studio: Studio, person: Person | None, folder: Path) -> str:
    room = Room(folder, studio)
    room.stand(person)
    return room.uri


def compared(event: Event) -> FaceFinding:
    assert isinstance(event, FaceCompared)
    assert event.check == "check-1"
    return event.finding


def test_her_own_face_matches(booth: Open, studio: Studio, photo: Photo, tmp_path: Path) -> None:
    one = booth(scene(studio, ANNA, tmp_path))
    one.task.open_camera()
    finding = compared(one.compare(photo))
    assert (finding.decision, finding.frames, finding.cause) == ("match", FRAMES, None)
    assert finding.score is not None
    assert finding.threshold < finding.score <= 1
    assert set(finding.model) >= {"detector", "embedding", "liveness", "mesh"}


def test_another_face_does_not(booth: Open, studio: Studio, photo: Photo, tmp_path: Path) -> None:
    one = booth(scene(studio, STRANGER, tmp_path))
    one.task.open_camera()
    for _ in range(2):
        finding = compared(one.compare(photo))
        assert (finding.decision, finding.cause) == ("no_match", None)
        assert finding.score is not None
        assert finding.score < finding.threshold


def shrunk(studio: Studio, folder: Path) -> str:
    """Anna far away: her face is narrower than can be compared."""
    room = Room(folder, studio)
    room.show(replace(studio.scene(ANNA), face_px=30))
    return room.uri


def nobody(studio: Studio, folder: Path) -> str:
    return scene(studio, None, folder)


@pytest.mark.parametrize(("make", "cause"), [(nobody, "no_face"), (shrunk, "face_too_small")])
def test_nothing_to_compare(
    make: Callable[[Studio, Path], str],
    cause: str,
    booth: Open,
    studio: Studio,
    photo: Photo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """She is told what is in the way while she is looked at, and asked no second time."""
    monkeypatch.setattr(faces, "ATTEMPT_S", 1.5)
    monkeypatch.setattr(faces, "HINT_S", 0.2)
    one = booth(make(studio, tmp_path))
    one.task.open_camera()
    finding = compared(one.compare(photo))
    assert (finding.decision, finding.score, finding.frames, finding.cause) == ("not_comparable", None, 0, cause)
    assert one.hints == [cause, None]


def test_one_instruction_at_a_time_and_long_enough_to_follow() -> None:
    said: list[str] = []
    times = iter((0.0, 1.4, 1.6, 2.9, 3.0, 3.2, 4.0, 5.4, 5.6, 9.0))
    guide = Guide(said.append, lambda: next(times))
    for cause in (
        *("no_face", "no_face", "face_too_dark", "face_turned", "face_too_dark"),
        *("face_turned", None, "face_blurred", "face_blurred", "face_blurred"),
    ):
        guide.saw(cause)
    assert said == ["face_too_dark", "face_turned", "face_blurred"]


@pytest.mark.parametrize("shape", [(126, 102, 3), (126, 102), (0, 0, 3)])
def test_card_picture_without_a_face(booth: Open, studio: Studio, tmp_path: Path, shape: tuple[int, ...]) -> None:
    one = booth(scene(studio, ANNA, tmp_path))
    one.task.open_camera()
    finding = compared(one.compare(np.full(shape, 128, np.uint8)))
    assert (finding.decision, finding.cause) == ("not_comparable", "card_photo_no_face")


def seen(studio: Studio, show: Callable[[Image], Image]) -> Iterator[Frame]:
    """Frames of Anna, each changed by ``show``."""
    lens = Lens(studio.scene(ANNA), 640, 480)
    for number in range(6):
        yield Frame(show(lens.picture(number / 15, np.zeros(3))), number + 1, number / 15, "sim:")


def masked(image: Image) -> Image:
    """A mask over nose and mouth, of one colour."""
    result = image.copy()
    cv2.ellipse(result, (320, 262), (48, 40), 0, 0, 360, (205, 180, 140), -1)
    return result


def test_a_mask_is_a_finding_with_its_cause(eyes: Eyes, studio: Studio, photo: Photo) -> None:
    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    finding, compared_with = matcher.compare(reference, seen(studio, masked))
    assert (finding.decision, finding.cause, finding.frames) == ("not_comparable", "face_mouth_covered", 0)
    assert compared_with.live is None


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (np.zeros_like, "face_too_dark"),
        (lambda image: (image // 50).astype(np.uint8), "face_too_dark"),
        (lambda image: np.full_like(image, 255), "face_too_bright"),
        (lambda image: cv2.convertScaleAbs(image, alpha=10, beta=200), "face_too_bright"),
        (lambda image: np.full_like(image, 128), "no_face"),
    ],
)
def test_where_light_hides_everybody_the_light_is_named(
    make: Callable[[Image], Image], cause: str, eyes: Eyes, studio: Studio, photo: Photo
) -> None:
    """Nobody can follow "face the camera" whose camera is covered, or looks into the sun."""
    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    finding, _ = matcher.compare(reference, seen(studio, make))
    assert (finding.decision, finding.cause) == ("not_comparable", cause)


def in_turn(studio: Studio, *persons: Person) -> Iterator[Frame]:
    """A frame of each of them."""
    lenses = {one.live_photo: Lens(studio.scene(one), 640, 480) for one in persons}
    for number, one in enumerate(persons):
        yield Frame(lenses[one.live_photo].picture(number / 15, np.zeros(3)), number + 1, number / 15, "sim:")


def test_two_people_never_become_one_template(eyes: Eyes, studio: Studio, photo: Photo) -> None:
    """Her picture for a moment, then somebody else: the mean of both would be like her."""
    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    frames = in_turn(studio, ANNA, ANNA, *(STRANGER,) * FRAMES)
    finding, seen_of_her = matcher.compare(reference, frames)
    assert (finding.decision, finding.frames, len(seen_of_her.scores)) == ("no_match", FRAMES, FRAMES)
    finding, _ = matcher.compare(reference, in_turn(studio, STRANGER, *(ANNA,) * FRAMES))
    assert (finding.decision, finding.frames) == ("match", FRAMES), "whoever walked past does not count"


def test_faces_that_take_turns_are_compared_with_nobody(eyes: Eyes, studio: Studio, photo: Photo) -> None:
    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    finding, seen_of_her = matcher.compare(reference, in_turn(studio, *(STRANGER, ANNA) * 4))
    assert (finding.decision, finding.cause, seen_of_her.live) == ("not_comparable", "face_changed", None)


def test_the_cause_is_what_stood_most_in_the_way(eyes: Eyes, studio: Studio, photo: Photo) -> None:
    """In the dark, and once somebody far away."""
    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    dark = seen(studio, lambda image: (image // 12).astype(np.uint8))
    small = seen(studio, lambda image: cv2.copyMakeBorder(image[::4, ::4], 180, 180, 240, 240, cv2.BORDER_REPLICATE))
    finding, _ = matcher.compare(reference, [*dark, next(small)])
    assert (finding.decision, finding.cause) == ("not_comparable", "face_too_dark")


def test_who_lies_nearest_is_compared_and_not_her_helper(eyes: Eyes, studio: Studio, photo: Photo) -> None:
    """The helper stands behind the trolley; Anna, lying, is nearer. Her place is told in the frame's own pixels."""
    other = Lens(replace(studio.scene(STRANGER), face_px=90), 320, 240).picture(0.0, np.zeros(3))

    def on_a_trolley(image: Image) -> Image:
        return np.hstack([cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), cv2.copyMakeBorder(other, 0, 400, 0, 0, 0)])

    matcher = FaceMatcher(eyes)
    reference = matcher.reference(photo)
    assert reference is not None
    taken: list[Sight | None] = []
    frames = seen(studio, on_a_trolley)
    finding, compared_with = matcher.compare(reference, frames, lambda sight, _cause: taken.append(sight))
    assert (finding.decision, finding.frames) == ("match", FRAMES)
    assert all(one and one.placed.box[0] + one.placed.box[2] <= 480 for one in taken), "the mirror marks her, not him"
    assert compared_with.face is not None
    assert compared_with.size == (800, 640)
    assert compared_with.face.box[0] + compared_with.face.box[2] <= 480


@pytest.mark.parametrize(
    "uri",
    [
        "none:",
        "replay:///no/such/folder",
        *(f"sim:camera?fault={fault}" for fault in ("busy", "black", "die", "raise", "block", "gone")),
    ],
)
def test_camera_that_fails_is_lost(uri: str, booth: Open, photo: Photo) -> None:
    one = booth(uri)
    one.task.open_camera()
    assert one.compare(photo) == DeviceLost("check-1", "camera")
    assert one.compare(photo, "check-2") == DeviceLost("check-2", "camera"), "it stays so until somebody opens it"


def test_camera_that_dies_meanwhile_and_comes_back(booth: Open, studio: Studio, photo: Photo, tmp_path: Path) -> None:
    one = booth(scene(studio, ANNA, tmp_path))
    one.task.open_camera()
    compared(one.compare(photo))
    for pid in cameras():
        psutil.Process(pid).kill()
    assert one.compare(photo) == DeviceLost("check-1", "camera")
    one.task.cancel()
    one.task.open_camera()
    assert compared(one.compare(photo)).decision == "match"


def test_a_network_whose_file_is_damaged_meanwhile_decides_about_nobody(
    eyes: Eyes, studio: Studio, photo: Photo, tmp_path: Path
) -> None:
    """The chip photos' stem is read again for every card."""
    shutil.copytree(MANIFEST.parent / "weights", tmp_path / "weights")
    manifest = Path(shutil.copy(MANIFEST, tmp_path))
    chip = Manifest.load(manifest).entry("embedding").chip
    assert chip is not None
    one = Booth(scene(studio, ANNA, tmp_path), replace(eyes, models=FaceModels.load(manifest=manifest)))
    try:
        one.task.open_camera()
        (tmp_path / chip.file).rename(tmp_path / "away")
        assert one.compare(photo) == DeviceLost("check-1", "models")
        assert one.compare(photo, "check-2") == DeviceLost("check-2", "models")
        (tmp_path / "away").rename(tmp_path / chip.file)
        assert compared(one.compare(photo)).decision == "match"
    finally:
        one.close()


def test_a_camera_that_is_plugged_in_later_is_the_units_own(
    booth: Open, studio: Studio, photo: Photo, tmp_path: Path
) -> None:
    """It is missing at the first opening: which camera the unit has is known once one has opened."""
    folder = tmp_path / "camera"
    one = booth(f"replay://{folder}?width=320&height=240&fps=15")
    one.task.open_camera()
    assert one.compare(photo) == DeviceLost("check-1", "camera")
    one.task.cancel()
    folder.mkdir()
    lens = Lens(studio.scene(ANNA), 320, 240)
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), lens.picture(number / 15, np.zeros(3)))
    one.task.open_camera()
    finding = compared(one.compare(photo))
    (frames,) = (check for check in finding.liveness.checks if check["name"] == "frames")
    assert (finding.decision, "another_camera" in frames["reasons"]) == ("match", False)


def test_camera_runs_only_between_consent_and_the_end(
    booth: Open, studio: Studio, photo: Photo, tmp_path: Path
) -> None:
    one = booth(scene(studio, ANNA, tmp_path))
    threading.Event().wait(0.5)
    assert not one.camera_runs, "the camera started before anybody asked for it"
    one.task.open_camera()
    wait_for(lambda: one.camera_runs, "the camera to start")
    compared(one.compare(photo))
    one.task.cancel()
    wait_for(lambda: not one.camera_runs, "the camera to stop")
    threading.Event().wait(0.5)
    assert not one.camera_runs


def test_cancelled_comparison_tells_nothing(
    booth: Open, studio: Studio, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody stands there, so the task is busy looking when the check ends."""
    monkeypatch.setattr(faces, "ATTEMPT_S", 30.0)
    one = booth(nobody(studio, tmp_path))
    one.task.open_camera()
    one.task.compare("check-1", photo)
    wait_for(lambda: one.camera_runs, "the camera to start")
    threading.Event().wait(0.5)
    one.task.cancel()
    wait_for(lambda: not one.camera_runs, "the camera to stop")
    threading.Event().wait(0.5)
    assert one.events.empty()


def test_work_and_its_picture_are_not_shown(photo: Photo) -> None:
    work = faces._Work("check-1", photo, threading.Event())
    assert "array" not in repr(work)
