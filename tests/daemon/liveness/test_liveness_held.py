"""What of the camera stands still while the ring's light runs: as much as it can hold, and the record says how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from daemon.cards import Photo
from daemon.demo.people import ANNA, Studio, document_of
from daemon.liveness import light
from daemon.liveness.eyes import Eyes
from daemon.liveness.inspection import Means
from daemon.liveness.light import Light
from daemon.liveness.watch import Watch
from daemon.policy.words import Challenge
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.card_reader.photo import SimulatedDecoder
from hw.uri import DeviceUri
from models.face import FaceModels
from models.liveness.sequence import LightColour
from models.liveness.signal import Timeline
from tests.daemon.liveness.booth import Booth, open_booth
from tests.daemon.liveness.test_liveness_task import Unit, check, decided
from tests.daemon.support import now


@pytest.fixture(scope="module")
def studio(face_models: FaceModels) -> Studio:
    return Studio(face_models)


@pytest.fixture(scope="module")
def booth(face_models: FaceModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    with open_booth(tmp_path_factory.mktemp("held"), face_models) as made:
        yield made


@pytest.fixture(scope="module")
def photo(studio: Studio) -> Photo:
    return SimulatedDecoder().decode(studio.card(ANNA, document_of(ANNA, now().date())).photo)


@pytest.mark.parametrize(
    ("lacks", "held"),
    [
        ("", ["exposure", "gain", "white_balance"]),
        ("&lacks=white_balance", ["exposure", "gain"]),
        ("&lacks=exposure,gain,white_balance", []),
    ],
)
def test_who_is_alive_is_live_and_the_record_says_what_was_held(
    booth: Booth, studio: Studio, eyes: Eyes, photo: Photo, lacks: str, held: list[str]
) -> None:
    """Live either way: what drifts slowly falls out."""
    booth.room.show(replace(studio.scene(ANNA), exposure_drift=0.2, white_drift=0.1))
    with closing(Unit(booth.room.uri + lacks, eyes, Means(frozenset(Challenge), booth.light), photo)) as unit:
        unit.on_ask = booth.obey
        finding = decided(unit)
    assert check(finding, "light")["evidence"]["held"] == held
    assert (finding.decision, finding.liveness.decision) == ("match", "live")


@dataclass
class Interrupted:
    """The ring's light, and a camera that is opened anew before it is over."""

    ring: Light
    camera: Camera

    @property
    def ready(self) -> bool:
        return self.ring.ready

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        timeline = self.ring.show(colours, slot_ms)
        self.camera.restart()
        return timeline

    def stop(self) -> None:
        self.ring.stop()


def test_a_camera_that_was_opened_anew_meanwhile_held_nothing(booth: Booth, eyes: Eyes) -> None:
    booth.room.stand(ANNA)
    with Camera(DeviceUri.parse(booth.room.uri)) as camera:
        camera.hold(True)
        watch = Watch(camera, eyes, Preview(), lambda: False)
        result = light.challenge(Interrupted(booth.light, camera), watch, lambda: False)
    assert result.evidence["held"] == []
