"""``python -m tests.evidence.forms [--golden]``: print all sample forms into build/forms, to be looked at.

With ``--golden`` they become what the tests compare with: look at each of them first.
"""

from __future__ import annotations

import sys

import cv2

from evidence.forms.render import render
from tests.evidence.forms.pictures import GOLDEN, SHOWN, drawn
from tests.evidence.forms.samples import sheets


def main() -> None:
    """See above."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    for name, sheet in sheets().items():
        pdf = render(sheet).pdf
        (SHOWN / f"{name}.pdf").write_bytes(pdf)
        for number, picture in enumerate(drawn(pdf, 1.8), start=1):
            cv2.imwrite(str(SHOWN / f"{name}_{number}.png"), picture)
        if "--golden" in sys.argv:
            cv2.imwrite(str(GOLDEN / f"{name}.png"), drawn(pdf, 0.8)[0])


if __name__ == "__main__":
    main()
