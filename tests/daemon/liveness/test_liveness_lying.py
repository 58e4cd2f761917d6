"""She lies on a trolley: the unit finds her, compares her and sees that she is alive, and knows a print that lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from daemon.cards import Photo
from daemon.demo.people import ANNA, Studio, document_of
from daemon.liveness.eyes import Eyes
from daemon.liveness.inspection import Means
from daemon.policy.words import Challenge
from hw.camera.simulated_scene import Kind, Scene
from hw.card_reader.photo import SimulatedDecoder
from models.face import FaceModels
from models.liveness.motion import Ask
from tests.daemon.liveness.booth import Booth, open_booth
from tests.daemon.liveness.test_liveness_task import Unit, check, decided
from tests.daemon.support import now


@pytest.fixture(scope="module")
def booth(face_models: FaceModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    with open_booth(tmp_path_factory.mktemp("trolley"), face_models) as made:
        yield made


@pytest.fixture(scope="module")
def studio(face_models: FaceModels) -> Studio:
    return Studio(face_models)


@pytest.fixture(scope="module")
def photo(studio: Studio) -> Photo:
    return SimulatedDecoder().decode(studio.card(ANNA, document_of(ANNA, now().date())).photo)


@pytest.fixture(scope="module")
def unit(booth: Booth, eyes: Eyes, photo: Photo) -> Iterator[Unit]:
    made = Unit(booth.room.uri, eyes, Means(frozenset(Challenge), booth.light), photo)
    made.on_ask = booth.obey
    yield made
    made.close()


def lying(studio: Studio, roll_deg: float, kind: Kind = Kind.LIVE) -> Scene:
    return replace(studio.scene(ANNA, kind), roll_deg=roll_deg)


@pytest.mark.parametrize("roll_deg", [90, -90])
def test_who_lies_is_known_and_alive(unit: Unit, booth: Booth, studio: Studio, roll_deg: float) -> None:
    booth.room.show(lying(studio, roll_deg))
    finding = decided(unit)
    assert (finding.decision, finding.liveness.decision) == ("match", "live"), finding.liveness
    assert check(finding, "same_face")["decision"] == "live"


def test_a_print_that_lies_is_refused(unit: Unit, booth: Booth, studio: Studio) -> None:
    booth.room.show(lying(studio, 90, Kind.PRINT))
    finding = decided(unit)
    assert (finding.decision, finding.liveness.decision) == ("match", "attack"), finding.liveness
    assert finding.liveness.cause == "light:flat_response"


def test_left_is_hers_however_she_lies(
    booth: Booth, eyes: Eyes, photo: Photo, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.liveness.motion.draw", lambda **_: Ask.TURN_LEFT)
    booth.room.show(lying(studio, -90))
    one = Unit(booth.room.uri, eyes, Means(frozenset({Challenge.MOTION}), None), photo)
    one.on_ask = booth.obey
    try:
        finding = decided(one)
    finally:
        one.close()
    assert finding.decision == "match"
    assert check(finding, "motion")["decision"] == "live", check(finding, "motion")
