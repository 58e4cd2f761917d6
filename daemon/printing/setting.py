"""A sheet becomes a PDF in a process of its own: through pipes, and gone with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from evidence.forms.sheet import Sheet

RENDER_S = 20.0
_LISTEN_S = 0.1


class CannotSet(Exception):
    """The form could not be set: a font is missing, mostly. The sentence holds nothing of the form."""


def set_aside(sheet: Sheet, over: threading.Event) -> bytes:
    """The PDF of ``sheet``, made in a process of its own that ends with it, and with ``over``.

    Raises:
        CannotSet: see there.
    """
    command = [sys.executable, "-m", "evidence.forms"]
    pipe = subprocess.PIPE
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            try:
                pdf, said = _until(process, sheet.to_bytes(), over)
            finally:
                process.kill()
    except (OSError, ValueError) as error:  # no memory or handle for one more process; a sheet that is no text
        raise CannotSet(f"no process could set it: {type(error).__name__}") from None
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:] if process.returncode in (2, 3) else []
        raise CannotSet("".join(last) or f"the process that sets forms ended with {process.returncode}")
    return pdf


def _until(process: subprocess.Popen[bytes], data: bytes, over: threading.Event) -> tuple[bytes, bytes]:
    until_s = time.monotonic() + RENDER_S
    rest: bytes | None = data
    while True:
        try:
            return process.communicate(rest, timeout=_LISTEN_S)
        except subprocess.TimeoutExpired:
            rest = None  # it is on its way
            if over.is_set() or time.monotonic() >= until_s:
                raise CannotSet(f"not set within {RENDER_S:.0f} s, or no longer wanted") from None
