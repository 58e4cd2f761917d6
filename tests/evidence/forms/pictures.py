"""Printed forms as pictures and as text."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pypdfium2
from numpy.typing import NDArray

from tests.support import ROOT

GOLDEN = ROOT / "tests/vectors/forms"
SHOWN = ROOT / "build/forms"
Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""


def drawn(pdf: bytes, scale: float) -> list[Picture]:
    """Each page in grey, 72 * ``scale`` pixels an inch."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=scale, grayscale=True).to_numpy().copy() for page in document]


def text_of(pdf: bytes) -> str:
    """All text without spaces, line ends and what only permits a break."""
    with pypdfium2.PdfDocument(pdf) as document:
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
    return "".join(character for character in text if not character.isspace() and character != "\u200b")


def runs(pdf: bytes) -> list[list[Box]]:
    """Where text stands on each page: a box a run of one line."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = []
        for page in document:
            text = page.get_textpage()
            pages.append([text.get_rect(at) for at in range(text.count_rects())])
        return pages


def difference(one: Picture, other: Picture) -> float:
    """The largest difference of two pictures, 0 to 255, of what an eye sees from afar.

    Blurred over 15 pixels: a glyph that moves by one, or a font's other version, does not count; a missing line, box,
    tick or word does.
    """
    if one.shape != other.shape:
        return 255.0
    soft = [cv2.GaussianBlur(picture, (15, 15), 0).astype(np.float32) for picture in (one, other)]
    return float(np.abs(soft[0] - soft[1]).max())


def read(path: Path) -> Picture:
    """A golden picture."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert picture is not None, f"{path} is missing: python -m tests.evidence.forms"
    return np.asarray(picture, np.uint8)
