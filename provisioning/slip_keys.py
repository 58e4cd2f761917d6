"""The site's slip keys: made with the site, copied to every unit, rotated from time to time.

They are the one secret that the units of a site share, so they travel by hand and never in an answer to a unit's
request. See ``evidence/slip_keys.py`` for what they protect.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from evidence.errors import KeyUnusableError
from evidence.slip import LIFETIME
from evidence.slip_keys import FILE, SlipKey, make_slip_key, read_slip_keys, rotated, write_slip_keys
from provisioning.errors import SiteUnusableError


def rotate_slip_keys(authority: Path, now: dt.datetime, *, drop_old: bool = False) -> tuple[SlipKey, ...]:
    """Make a new slip key in the folder ``authority``, in front of those that valid slips need; the first one too.

    Args:
        authority: the site's folder of that name.
        now: the moment.
        drop_old: keep no other key, because somebody may have read them: every slip out there becomes unreadable.

    Raises:
        SiteUnusableError: the keys that are there cannot be read.
        OSError: the file cannot be written.
    """
    path = authority / FILE
    try:
        known = read_slip_keys(path) if path.exists() else ()
    except KeyUnusableError as error:
        if not drop_old:
            raise SiteUnusableError(str(error), "restore it from a backup, or drop the old keys") from error
        known = ()
    keys = (make_slip_key(now),) if drop_old else rotated(known, now, LIFETIME)
    write_slip_keys(path, keys)
    return keys


def give_slip_keys(authority: Path, unit: Path) -> int:
    """Copy the site's slip keys into a unit's folder; how many there are, 0 for a site that has none.

    Raises:
        SiteUnusableError: the site's file cannot be used.
        OSError: the unit's folder cannot be written.
    """
    if not (authority / FILE).exists():
        return 0
    try:
        keys = read_slip_keys(authority / FILE)
    except KeyUnusableError as error:
        raise SiteUnusableError(str(error), "restore it from a backup") from error
    write_slip_keys(unit / FILE, keys)
    return len(keys)
