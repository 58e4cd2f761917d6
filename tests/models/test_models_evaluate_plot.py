"""The DET plot: what is on it, also where there is little to show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.evaluate.metrics import Genuine, impostors
from models.evaluate.plot import Curve, place, write_det


def test_high_rates_are_not_drawn_at_the_edge() -> None:
    """Of one picture of East-Asian women at the operating threshold two thirds are refused."""
    assert place(0.01, 0.65)[1] < place(0.01, 0.4)[1]
    assert place(0.01, 0.99) == place(0.01, 0.9)


def test_one_comparison_of_different_people_is_a_plot(tmp_path: Path) -> None:
    vectors = np.eye(2, dtype=np.float32)
    strangers = impostors(vectors, vectors, np.array([0, 1]), symmetric=True, max_fmr=0.1)
    assert len(strangers.scores) == 1
    path = tmp_path / "det.png"
    write_det(path, [Curve("two people", Genuine(np.ones(1, np.float32), np.zeros(1, np.int64)), strangers)])
    image = cv2.imread(str(path))
    assert image is not None
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 3
