"""From the card read to the comparison decided: the unit's own share, beside the reader's and the camera's time."""

from __future__ import annotations

import datetime as dt
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from daemon.cards import to_document
from daemon.demo.people import ANNA, Studio, document_of
from daemon.faces import FRAMES, FaceMatcher
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.card_reader.driver import CardReader
from hw.card_reader.photo import photo_decoder
from hw.card_reader.simulator import SimulatedReader
from hw.uri import DeviceUri
from models.face import FaceModels
from tests.bench.table import Row

CHECKS = 30


def _frames(folder: Path) -> list[Frame]:
    """As many frames as a comparison needs, taken beforehand: waiting for the camera is not the unit's own share."""
    with Camera(DeviceUri.parse(f"replay://{folder}?fps=30")) as camera:
        frames: list[Frame] = []
        while len(frames) < FRAMES:
            frames.append(camera.latest(newer_than=frames[-1].number if frames else -1))
    return frames


def run() -> Sequence[Row]:
    """Lay the same card again and again; time reading it and everything after it apart."""
    models = FaceModels.load(num_threads=2)
    studio, matcher, decoder = Studio(models), FaceMatcher(models), photo_decoder("simulated")
    today = dt.datetime.now().astimezone().date()
    card = studio.card(ANNA, document_of(ANNA, today))
    own_ms: list[float] = []
    reader_ms: list[float] = []
    with tempfile.TemporaryDirectory(prefix="vernix-bench-") as name, SimulatedReader() as simulator:
        frames = _frames(studio.scene(ANNA, Path(name) / "scene"))
        with CardReader(DeviceUri.parse(simulator.uri)) as reader:
            for _ in range(CHECKS):
                simulator.lay(card)
                read = reader.wait_for_card(threading.Event(), timeout_s=10)
                if read is None:
                    raise RuntimeError("the simulated card was not read")
                start_s = time.perf_counter()
                to_document(read.document, today)
                reference = matcher.reference(decoder.decode(read.photo))
                if reference is None or matcher.compare(reference, iter(frames)).decision != "match":
                    raise RuntimeError("the bench's person no longer matches her own card")
                own_ms.append((time.perf_counter() - start_s) * 1e3)
                reader_ms.append(read.wire_s * 1e3)
                simulator.lift()
                reader.wait_for_removal(threading.Event(), timeout_s=10)
    p95 = float(np.percentile(own_ms, 95))
    return [
        Row(f"card read to decided, own share, {FRAMES} frames, median", float(np.median(own_ms)), "ms"),
        Row(f"card read to decided, own share, {FRAMES} frames, p95", p95, "ms", "<= 300", p95 <= 300),
        Row("reader on a pty, no wire and card time", float(np.median(reader_ms)), "ms", note="real: 112 ms wire"),
    ]
