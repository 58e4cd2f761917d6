"""A slip as a QR code: rows of modules for a screen, SVG or PNG for paper."""

from __future__ import annotations

import io
from typing import Final

import segno

from evidence.errors import MalformedError

QUIET_ZONE: Final = 4
"""Light modules around the code (ISO/IEC 18004)."""
Matrix = tuple[tuple[bool, ...], ...]
"""Rows of modules, True is dark, with the quiet zone."""


def _code(text: str) -> segno.QRCode:
    """Level M where it fits: a slip is folded and carried for months. Else L.

    Raises:
        MalformedError: no QR code has room for ``text``, or it holds other characters than QR's alphanumeric ones.
    """
    for level in ("m", "l"):
        try:
            return segno.make_qr(text, error=level, mode="alphanumeric", boost_error=False)
        except segno.DataOverflowError:
            continue
        except ValueError:
            break
    # Not chained: the error may hold the text.
    raise MalformedError(f"{len(text)} characters cannot be put into a QR code")


def qr_matrix(text: str) -> Matrix:
    """``text`` as modules. Print a module 0.4 mm wide or more: a slip of 145 modules is then 6 cm wide.

    Raises:
        MalformedError: see :func:`qr_png`.
    """
    return tuple(tuple(bool(one) for one in row) for row in _code(text).matrix_iter(border=QUIET_ZONE))


def qr_png(text: str, *, scale: int = 6) -> bytes:
    """``text`` as a PNG, ``scale`` pixels a module (6 at 300 dpi is 0.5 mm), black on white with its quiet zone.

    Raises:
        MalformedError: no QR code has room for ``text``, or it holds other characters than QR's alphanumeric ones.
    """
    target = io.BytesIO()
    _code(text).save(target, kind="png", scale=scale, border=QUIET_ZONE)
    return target.getvalue()


def qr_svg(text: str) -> bytes:
    """``text`` as an SVG with its quiet zone, for a form that sets the size.

    Raises:
        MalformedError: see :func:`qr_png`.
    """
    target = io.BytesIO()
    _code(text).save(target, kind="svg", border=QUIET_ZONE, light="white")
    return target.getvalue()
