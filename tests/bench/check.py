"""From the card read to the comparison decided: the unit's own share, beside the reader's and the camera's time."""

from __future__ import annotations

import datetime as dt
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from daemon.cards import to_document
from daemon.demo.people import ANNA, Picture, Studio, document_of
from daemon.demo.room import Room
from daemon.faces import FRAMES, FaceMatcher
from daemon.liveness.eyes import Eyes
from daemon.liveness.witnesses import Witness, same_face
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.card_reader.driver import CardReader
from hw.card_reader.photo import photo_decoder
from hw.card_reader.simulator import SimulatedReader
from hw.uri import DeviceUri
from models import passive
from models.face import nearest_face
from models.liveness import light, sequence
from models.liveness.regions import Sample, observe
from models.liveness.signal import Timeline
from tests.bench.table import Row

CHECKS = 30


def _frames(uri: str) -> list[Frame]:
    """As many frames as a comparison needs, taken beforehand: waiting for the camera is not the unit's own share."""
    with Camera(DeviceUri.parse(uri)) as camera:
        frames: list[Frame] = []
        while len(frames) < FRAMES:
            frames.append(camera.latest(newer_than=frames[-1].number if frames else -1))
    return frames


def _answer(eyes: Eyes, frame: Frame) -> tuple[Timeline, list[Sample]]:
    """As much as a light challenge leaves to be judged: a sequence and a frame every 67 ms. Nobody answers it."""
    drawn = sequence.draw()
    slots = [(10 + number * drawn.slot_ms / 1000, colour) for number, colour in enumerate(drawn.colours)]
    face = nearest_face(eyes.models.detect(frame.image))
    found = None if face is None else observe(frame.image, eyes.mesh.find(frame.image, face), 0.0)
    if found is None:
        raise RuntimeError("the bench's person has lost her face")
    samples = [replace(found, at_s=9.5 + number / 15) for number in range(40)]
    return Timeline.shown(slots, 10 + drawn.duration_s, 0.0), samples


def _decided(matcher: FaceMatcher, eyes: Eyes, photo: Picture, frames: list[Frame]) -> None:
    """All that is computed for one check, but for what happens while the challenge runs; it leaves six witnesses."""
    reference = matcher.reference(photo)
    if reference is None:
        raise RuntimeError("the bench's card has lost its face")
    finding, compared = matcher.compare(reference, frames)
    if finding.decision != "match" or compared.live is None or compared.face is None:
        raise RuntimeError("the bench's person no longer matches her own card")
    passive.judge(compared.scores)
    left, top, width, height = compared.face.box
    middle = left + width / 2, top + height / 2
    same_face(eyes, compared.live, [Witness(frame, middle, 1) for frame in (*frames, *frames)], {1})


def run() -> Sequence[Row]:
    """Lay the same card again and again; time reading it and all that follows apart."""
    eyes = Eyes.load()
    studio, matcher, decoder = Studio(eyes.models), FaceMatcher(eyes), photo_decoder("simulated")
    today = dt.datetime.now().astimezone().date()
    card = studio.card(ANNA, document_of(ANNA, today))
    own_ms: list[float] = []
    reader_ms: list[float] = []
    with tempfile.TemporaryDirectory(prefix="vernix-bench-") as name, SimulatedReader() as simulator:
        room = Room(Path(name), studio)
        room.stand(ANNA)
        frames = _frames(room.uri)
        timeline, samples = _answer(eyes, frames[0])
        with CardReader(DeviceUri.parse(simulator.uri)) as reader:
            for _ in range(CHECKS):
                simulator.lay(card)
                read = reader.wait_for_card(threading.Event(), timeout_s=10)
                if read is None:
                    raise RuntimeError("the simulated card was not read")
                start_s = time.perf_counter()
                to_document(read.document, today)
                _decided(matcher, eyes, decoder.decode(read.photo), frames)
                light.judge(timeline, samples)
                own_ms.append((time.perf_counter() - start_s) * 1e3)
                reader_ms.append(read.wire_s * 1e3)
                simulator.lift()
                reader.wait_for_removal(threading.Event(), timeout_s=10)
    p95 = float(np.percentile(own_ms, 95))
    return [
        Row(f"card read to decided, challenge apart, {FRAMES} frames, median", float(np.median(own_ms)), "ms"),
        Row(f"card read to decided, challenge apart, {FRAMES} frames, p95", p95, "ms", "<= 300", p95 <= 300),
        Row("reader on a pty, no wire and card time", float(np.median(reader_ms)), "ms", note="real: 112 ms wire"),
    ]
