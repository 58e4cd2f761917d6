"""Who passes and who does not, before the unit's own drivers: camera, ring and people are simulated, nothing else."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from daemon.cards import Photo
from daemon.demo.people import ANNA, STRANGER, Studio, document_of
from daemon.events import DeviceLost, Event
from daemon.face_events import FaceCompared, FaceFinding
from daemon.faces import FaceTask
from daemon.liveness.eyes import Blind, Eyes
from daemon.liveness.inspection import Means
from daemon.liveness.light import Light
from daemon.policy import load_policy
from daemon.policy.words import Challenge
from daemon.thermal import ThermalView
from hw.camera.identity import mark_of
from hw.camera.simulated_lens import Lens
from hw.camera.simulated_scene import Kind, Scene
from hw.card_reader.photo import SimulatedDecoder
from hw.coprocessor.messages import Challenge as ChallengeMessage
from hw.coprocessor.numbers import Colour
from hw.thermal.codec import ThermalFrame
from hw.uri import DeviceUri
from models.errors import ModelWrong
from models.face import FaceModels
from models.liveness.motion import Ask
from models.liveness.result import CheckResult, Decision
from models.liveness.thermal import USUAL, Mounting
from models.manifest import Manifest
from models.passive import PassiveLiveness
from tests.daemon.liveness.booth import Booth, open_booth
from tests.daemon.support import now
from tests.support.brokers import wait_for

PATIENCE_S = 60.0
POLICY = load_policy("neutral")
EVERYTHING = frozenset(Challenge)


@pytest.fixture(scope="module")
def booth(face_models: FaceModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    with open_booth(tmp_path_factory.mktemp("room"), face_models) as made:
        yield made


@pytest.fixture(scope="module")
def photo(face_models: FaceModels) -> Photo:
    studio = Studio(face_models)
    return SimulatedDecoder().decode(studio.card(ANNA, document_of(ANNA, now().date())).photo)


class Unit:
    """The face task in its thread; ``on_ask`` is called when the screen asks something of her."""

    def __init__(self, uri: str, eyes: Eyes | Blind, means: Means, photo: Photo) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.asked: list[str | None] = []
        self.on_ask: Callable[[str], None] = lambda _: None
        self.task = FaceTask(DeviceUri.parse(uri), eyes, post=self.events.put, means=means, told=self._told)
        self._photo = photo
        self._thread = threading.Thread(target=self.task.run)
        self._thread.start()
        self.task.open_camera()

    def _told(self) -> None:
        self.asked.append(self.task.asked)
        if self.task.asked is not None:
            self.on_ask(self.task.asked)

    def begin(self) -> None:
        self.task.compare("check-1", self._photo)

    def look(self) -> FaceFinding:
        self.begin()
        event = self.events.get(timeout=PATIENCE_S)
        assert isinstance(event, FaceCompared), event
        return event.finding

    def close(self) -> None:
        self.task.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the face task did not end"


Make = Callable[..., Unit]


@pytest.fixture
def unit(booth: Booth, eyes: Eyes, photo: Photo) -> Iterator[Make]:
    made: list[Unit] = []

    def make(means: Means | None = None, uri: str | None = None, own: Eyes | Blind | None = None) -> Unit:
        means = Means(EVERYTHING, booth.light) if means is None else means
        made.append(Unit(uri or booth.room.uri, own or eyes, means, photo))
        return made[-1]

    yield make
    for one in made:
        one.close()


def check(finding: FaceFinding, name: str) -> dict[str, Any]:
    """The last result of that name, as the record has it."""
    return dict([one for one in finding.liveness.checks if one["name"] == name][-1])


def decided(unit: Unit) -> FaceFinding:
    """The first sure finding of some: a busy machine drops frames, and then the answer is unsure."""
    for _ in range(3):
        finding = unit.look()
        if finding.liveness.decision != "unsure":
            break
    return finding


NO_MOTION = frozenset({Challenge.LIGHT})


def test_a_living_face_passes_and_the_record_can_show_why(unit: Make, booth: Booth, eyes: Eyes) -> None:
    booth.room.stand(ANNA)
    finding = decided(unit())
    assert (finding.decision, finding.liveness.decision, finding.liveness.cause) == ("match", "live", None)
    assert [one["name"] for one in finding.liveness.checks if one["decision"] == "live"] == [
        "passive",
        "light",
        "same_face",
        "frames",
    ]
    passive, light = check(finding, "passive"), check(finding, "light")
    assert passive["evidence"]["score"] >= passive["evidence"]["threshold"]
    assert passive["model"] == finding.model["liveness"] == eyes.passive.sha256
    assert light["model"] == finding.model["mesh"] == eyes.mesh.sha256
    assert light["evidence"]["sequence"] == [int(colour) for colour in booth.device.shown], "bound into the record"
    assert check(finding, "motion")["reasons"] == ["not_asked"]
    assert check(finding, "frames")["evidence"]["camera"] == mark_of(booth.room.uri)
    assert "array" not in repr(finding)
    json.dumps(finding.liveness.checks, allow_nan=False)


def test_a_living_face_before_another_camera_is_not_taken_for_live(unit: Make, booth: Booth, tmp_path: Path) -> None:
    """Swapped between two checks of one run: the light is answered as ever, and officers decide until it is back."""
    booth.room.stand(ANNA)
    fitted = tmp_path / "fitted"
    fitted.write_text("HD Camera", "utf-8")
    one = unit(uri=f"{booth.room.uri}&identity={fitted}")
    for name, reasons in (("HD Camera", []), ("USB Video", ["another_camera"]), ("HD Camera", [])):
        fitted.write_text(name, "utf-8")
        one.task.cancel()
        one.task.open_camera()
        finding = one.look() if reasons else decided(one)
        assert (finding.decision, finding.liveness.decision) == ("match", "unsure" if reasons else "live")
        frames = check(finding, "frames")
        assert (frames["reasons"], frames["evidence"]["camera"]) == (reasons, mark_of(name))


@pytest.mark.parametrize(
    ("kind", "causes"),
    [
        (Kind.PRINT, {"light:flat_response"}),
        (Kind.BENT, {"light:flat_response"}),
        (Kind.SCREEN, {"light:only_surroundings_answer", "light:no_response"}),
        (Kind.INJECTED, {"light:no_response"}),
        (Kind.TINT, {"light:global_tint"}),
    ],
)
def test_attacks_are_refused_with_their_reason(unit: Make, booth: Booth, kind: Kind, causes: set[str]) -> None:
    booth.room.stand(ANNA, kind)
    finding = decided(unit(Means(NO_MOTION, booth.light)))
    assert (finding.decision, finding.liveness.decision) == ("match", "attack"), finding
    assert finding.liveness.cause in causes


def test_without_a_light_she_moves_as_asked(unit: Make, booth: Booth) -> None:
    booth.room.stand(ANNA)
    one = unit(Means(EVERYTHING, None))
    one.on_ask = booth.obey
    finding = one.look()
    assert finding.liveness.decision == "live", finding.liveness
    assert check(finding, "light")["reasons"] == ["no_light"]
    motion = check(finding, "motion")
    assert motion["evidence"]["asked"] in {"turn_left", "turn_right"}, "paper with holes for eyes blinks too"
    asked = [one for one in one.asked if one is not None]
    assert asked[-1] == motion["evidence"]["asked"]
    assert len(asked) == len(set(asked)) <= 2, "one thing at a time, and never the same twice"
    assert one.task.asked is None


def test_a_picture_that_is_turned_is_refused(unit: Make, booth: Booth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.liveness.motion.draw", lambda **_: Ask.TURN_RIGHT)
    booth.room.stand(ANNA, Kind.PRINT)
    one = unit(Means(EVERYTHING, None))
    one.on_ask = booth.obey
    finding = one.look()
    assert finding.liveness.decision in ("attack", "unsure")
    assert check(finding, "motion")["reasons"][0] in ("moves_as_plane", "depth_unclear")


@pytest.fixture(scope="module")
def doubting(eyes: Eyes) -> Eyes:
    """A passive network that says attack of everybody, as it does of every tenth living face and more."""
    manifest = Manifest.load()
    entry = replace(manifest.liveness_entry(), threshold=1.1)
    return replace(eyes, passive=PassiveLiveness(manifest.network(entry.network, 1), entry))


def test_whom_the_network_alone_suspects_moves_and_passes(unit: Make, booth: Booth, doubting: Eyes) -> None:
    booth.room.stand(ANNA)
    one = unit(own=doubting)
    one.on_ask = booth.obey
    finding = decided(one)
    assert check(finding, "passive")["decision"] == "attack"
    assert [check(finding, name)["decision"] for name in ("light", "motion", "same_face")] == ["live"] * 3
    assert (finding.liveness.decision, finding.liveness.cause) == ("live", None)


def test_the_network_alone_refuses_nobody(unit: Make, booth: Booth, doubting: Eyes) -> None:
    """Where no ring is fitted either: she moves as asked, and an officer decides."""
    booth.room.stand(ANNA)
    one = unit(Means(EVERYTHING, None), own=doubting)
    one.on_ask = booth.obey
    finding = one.look()
    assert check(finding, "motion")["decision"] in ("live", "unsure")
    assert (finding.liveness.decision, finding.liveness.cause) == ("unsure", "passive:looks_recaptured")


def test_another_persons_face_is_asked_nothing(unit: Make, booth: Booth) -> None:
    booth.room.stand(STRANGER)
    one = unit()
    finding = one.look()
    assert (finding.decision, one.asked) == ("no_match", [])
    assert check(finding, "light")["reasons"] == ["not_asked"]


def test_who_changes_places_in_the_challenge_is_noticed(unit: Make, booth: Booth) -> None:
    """A print of her for the comparison, the thief's own living face for the challenge."""
    booth.room.stand(ANNA)
    one = unit()
    one.on_ask = lambda _: booth.room.stand(STRANGER)
    finding = one.look()
    assert finding.decision == "match"
    assert finding.liveness.decision in ("unsure", "attack")
    assert check(finding, "same_face")["reasons"] == ["another_face"]


def test_an_officer_may_leave_the_light_out(unit: Make, booth: Booth) -> None:
    booth.room.stand(ANNA)
    one = unit(Means(NO_MOTION, booth.light))
    one.on_ask = lambda _: one.task.skip("light")
    begun_s = time.monotonic()
    finding = one.look()
    assert time.monotonic() - begun_s < 20
    assert check(finding, "light")["reasons"] == ["skipped_by_officer"]
    assert (finding.liveness.decision, finding.liveness.cause) == ("unsure", "light:skipped_by_officer")


@pytest.mark.parametrize(
    ("seen", "kept"), [(Decision.ATTACK, "flat_response"), (Decision.UNSURE, "skipped_by_officer")]
)
def test_what_a_challenge_saw_before_it_was_left_out_is_kept(
    unit: Make, booth: Booth, monkeypatch: pytest.MonkeyPatch, seen: Decision, kept: str
) -> None:
    booth.room.stand(ANNA)
    one = unit(Means(NO_MOTION, booth.light))

    def ended(*_: object) -> CheckResult:
        one.task.skip("light")
        return CheckResult("light", seen, ("flat_response",), {"sequence": [1, 2, 3]})

    monkeypatch.setattr("daemon.liveness.light.challenge", ended)
    finding = one.look()
    assert check(finding, "light")["reasons"] == [kept]
    assert check(finding, "light")["evidence"] == {"sequence": [1, 2, 3]}
    assert finding.liveness.decision == ("attack" if seen is Decision.ATTACK else "unsure")


def played(booth: Booth) -> int:
    return sum(isinstance(one, ChallengeMessage) for one in booth.device.obeyed)


def test_the_end_of_the_check_ends_the_light_at_once(unit: Make, booth: Booth) -> None:
    """An emergency, a refusal, somebody who leaves: all of them cancel."""
    booth.room.stand(ANNA)
    one = unit()
    before = played(booth)
    one.begin()
    wait_for(lambda: played(booth) > before, "the colours", PATIENCE_S)
    one.task.cancel()
    wait_for(lambda: played(booth) == before + 2 and not cameras(), "stopped and shut", PATIENCE_S)
    wait_for(lambda: len(booth.device.shown) == 1, "a moment of the colour that was on ends it", PATIENCE_S)
    assert Colour.OFF not in booth.device.shown, "nothing flashes"
    assert one.events.empty()
    assert one.task.asked is None
    one.task.open_camera()
    assert one.look().decision == "match", "and the next woman is served as ever"


def cameras() -> list[int]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if any("capture" in word for word in child.cmdline()):
                found.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def kill_cameras() -> None:
    for pid in cameras():
        psutil.Process(pid).kill()


def test_a_camera_that_dies_in_the_challenge_is_lost(unit: Make, booth: Booth) -> None:
    booth.room.stand(ANNA)
    one = unit()
    one.on_ask = lambda _: kill_cameras()
    one.begin()
    assert one.events.get(timeout=PATIENCE_S) == DeviceLost("check-1", "camera")
    assert one.task.asked is None


def recorded(folder: Path, scene: Scene) -> str:
    """A loop of six frames, in the camera's place."""
    lens = Lens(scene, 320, 240)
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), lens.picture(number / 15, np.zeros(3)))
    return f"replay://{folder}?width=320&height=240&fps=15"


def test_a_loop_in_the_cameras_place_is_refused_by_its_frames(
    unit: Make, face_models: FaceModels, tmp_path: Path
) -> None:
    one = unit(Means(EVERYTHING - NO_MOTION, None), recorded(tmp_path, Studio(face_models).scene(ANNA)))
    finding = one.look()
    assert finding.liveness.decision == "attack"
    assert check(finding, "frames")["reasons"] == ["frames_repeated"]


def test_a_loop_is_an_attack_where_no_face_in_it_can_be_compared_too(
    unit: Make, face_models: FaceModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.faces.ATTEMPT_S", 3.0)
    far = replace(Studio(face_models).scene(ANNA), face_px=30)
    finding = unit(Means(EVERYTHING - NO_MOTION, None), recorded(tmp_path, far)).look()
    assert finding.decision == "not_comparable"
    assert (finding.liveness.decision, finding.liveness.cause) == ("attack", "frames:frames_repeated")


def warm(face_c: float, column: int = 2, mounting: Mounting = USUAL) -> ThermalView:
    pixels = np.full((8, 8), 22.0, np.float32)
    pixels[1:5, column : column + 4] = face_c
    return ThermalView(ThermalFrame(pixels, 24.0, overflow=False), time.monotonic(), mounting)


def test_warmth_is_evidence_where_it_is_fitted(unit: Make, booth: Booth) -> None:
    booth.room.stand(STRANGER)
    light: Light | None = None
    finding = unit(Means(frozenset({Challenge.THERMAL}), light, lambda: warm(34.0))).look()
    assert "thermal" not in {one["name"] for one in finding.liveness.checks}, "nothing is asked about another face"
    booth.room.stand(ANNA)
    finding = unit(Means(frozenset({Challenge.THERMAL}), light, lambda: warm(34.0))).look()
    assert check(finding, "thermal")["reasons"] == ["warmer_than_surroundings"]
    assert finding.liveness.decision == "unsure", "warmth decides nothing"


@pytest.mark.parametrize(
    ("mounting", "reason"), [(Mounting(right_deg=-30), "warmer_than_surroundings"), (USUAL, "not_warmer")]
)
def test_a_sensor_that_looks_aside_is_believed_as_it_is_mounted(
    unit: Make, booth: Booth, mounting: Mounting, reason: str
) -> None:
    booth.room.stand(ANNA)
    finding = unit(Means(frozenset({Challenge.THERMAL}), None, lambda: warm(34.0, 6, mounting))).look()
    assert check(finding, "thermal")["reasons"] == [reason]


def test_networks_that_cannot_be_used_decide_about_nobody(unit: Make) -> None:
    asked = unit(own=Blind(ModelWrong("liveness", "this runtime", 0.99, 0.5)))
    asked.begin()
    assert asked.events.get(timeout=PATIENCE_S) == DeviceLost("check-1", "models")
