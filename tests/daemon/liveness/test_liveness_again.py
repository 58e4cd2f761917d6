"""The light challenge is shown again where nothing could be measured, and every sequence is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from daemon.demo.people import ANNA
from daemon.liveness import light
from daemon.liveness.eyes import Eyes
from daemon.liveness.light import Light
from daemon.liveness.watch import Watch
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.errors import DeviceTimeout
from hw.uri import DeviceUri
from models.face import FaceModels
from models.liveness.result import Decision
from models.liveness.sequence import LightColour
from models.liveness.signal import Timeline
from tests.daemon.liveness.booth import Booth, open_booth


@pytest.fixture(scope="module")
def booth(face_models: FaceModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    with open_booth(tmp_path_factory.mktemp("again"), face_models) as made:
        yield made


@dataclass
class SlowOnce:
    """The ring behind a link that is slow at first; ``played``: all that it was asked to show."""

    ring: Light
    played: list[list[int]] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.ring.ready

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        self.played.append([int(colour) for colour in colours])
        timeline = self.ring.show(colours, slot_ms)
        return replace(timeline, error_s=0.1) if len(self.played) == 1 else timeline

    def stop(self) -> None:
        self.ring.stop()


class Lost(SlowOnce):
    """The ring plays, and nobody hears when it did."""

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        super().show(colours, slot_ms)
        raise DeviceTimeout("coprocessor", "no answer within 1 s")


def test_a_light_whose_moments_were_lost_keeps_what_it_showed(booth: Booth, eyes: Eyes) -> None:
    booth.room.stand(ANNA)
    source = Lost(booth.light)
    with Camera(DeviceUri.parse(booth.room.uri)) as camera:
        result = light.challenge(source, Watch(camera, eyes, Preview(), lambda: False), lambda: False)
    assert (result.decision, result.reasons) == (Decision.NOT_PERFORMED, ("light_failed",))
    assert [result.evidence["sequence"]] == source.played


def test_a_slow_link_is_asked_again_and_every_sequence_is_kept(booth: Booth, eyes: Eyes) -> None:
    booth.room.stand(ANNA)
    source = SlowOnce(booth.light)
    with Camera(DeviceUri.parse(booth.room.uri)) as camera:
        result = light.challenge(source, Watch(camera, eyes, Preview(), lambda: False), lambda: False)
    assert "clocks_uncertain" not in result.reasons
    assert len(source.played) >= 2
    assert result.evidence["tries"] == len(source.played)
    assert [*result.evidence["earlier_sequences"], result.evidence["sequence"]] == source.played
