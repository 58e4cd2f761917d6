"""Which camera is the unit's own: the first that it had, until an engineer accepts another one.

Whoever has a recording of a face puts what plays it in the camera's place, and takes away the power before. So it is
kept in the data folder. Another camera is a finding and no refusal: checks go on, and officers decide about every face.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from daemon.events import Event, Noted
from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError
from evidence.files import write_atomic
from hw.camera.identity import mark_of

log = logging.getLogger(__name__)

FILE = "camera.json"
_DAMAGED = ""
"""No camera's identity: every camera is another one than this."""


class OwnCamera:
    """The unit's own camera, and whether it was that one that opened last. One thread tells, any may ask."""

    def __init__(self, path: Path | None = None, tell: Callable[[Event], None] = lambda _event: None) -> None:
        """Read what is kept in ``path``; None: in memory only. ``tell`` hears what the chain is to hold.

        A file that cannot be read is no first use: it counts as a camera that nobody has accepted.
        """
        self._path, self._tell = path, tell
        self.identity = _read(path) if path is not None else None
        """None before the first one."""
        self._found: str | None = None

    @property
    def replaced(self) -> bool:
        """Whether another camera than the unit's own opened last."""
        return self._found is not None and self.is_another(self._found)

    def is_another(self, identity: str) -> bool:
        """Whether a camera of this identity is another one than the unit's own."""
        return self.identity is not None and identity != self.identity

    def saw(self, identity: str) -> None:
        """The camera has opened, and this is its identity. The first one ever is the unit's own from now on.

        That a camera takes another one's place goes into the chain, with an alert if it is not the unit's own.
        """
        own = self._begin(identity) if self.identity is None else self.identity
        before, self._found = self._found or own, identity
        if identity == before:
            return
        known = {"own": mark_of(own)} if own else {}
        self._tell(Noted("camera.changed", {"camera": mark_of(identity), **known}, alert=identity != own))
        log.warning("the camera is now %s; this unit's own is %s", identity, own or "not known any more")

    def _begin(self, identity: str) -> str:
        self._tell(_accepted(identity, "first_use"))
        try:
            self._keep(identity)
        except OSError as error:
            self.identity = identity
            log.warning("the camera's identity is not kept: %s", error.strerror)
        return identity

    def accept(self, identity: str, record: Callable[[Noted], object]) -> None:
        """An engineer makes this camera the unit's own: from now on, also after a power cut.

        ``record`` commits what the chain holds of it, first of all: a cut may leave a record without a change, which is
        then accepted once more, and never a change without its record.

        Raises:
            OSError: it cannot be kept; the one before still is. Whatever ``record`` raises.
        """
        record(_accepted(identity, "selftest"))
        self._keep(identity)

    def _keep(self, identity: str) -> None:
        if self._path is not None:
            write_atomic(self._path, json_bytes({"camera": identity}), mode=0o600)
        self.identity = identity
        log.warning("this unit's own camera is %s", identity)


def _accepted(identity: str, by: str) -> Noted:
    return Noted("camera.accepted", {"camera": mark_of(identity), "by": by}, alert=by != "first_use")


def _read(path: Path) -> str | None:
    try:
        known = json_object(path.read_bytes())["camera"]
        if isinstance(known, str):
            return known
    except FileNotFoundError:
        return None
    except (OSError, MalformedError, KeyError) as error:
        log.warning("%s cannot be read: %s", path, type(error).__name__)
    return _DAMAGED
