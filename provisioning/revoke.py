"""The authority's list of revoked keys: for verifiers a signed list, for the broker a CRL (RFC 5280) of the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from evidence.certificates import Profile
from evidence.chain import Head
from evidence.errors import EvidenceError
from evidence.files import write_atomic
from evidence.keys import KeySigner
from evidence.revocation import Reason, Revocations, Revoked, read_revocations, sign_revocations
from provisioning.broker import CRL, RESERVED
from provisioning.crl import make_crl
from provisioning.errors import AlreadyThereError, BadValueError, SiteUnusableError
from provisioning.issued import FILE as REGISTER
from provisioning.issued import Issued, Register, opened, read_register
from provisioning.site import AUTHORITY, Site, load_site

FILE = "revocations.jws"
_OF_UNITS = (Profile.RECORD.name, Profile.CLIENT.name)


def load_revocations(site: Site) -> Revocations | None:
    """The site's list; None before the first revocation.

    Raises:
        SiteUnusableError: the list is damaged.
    """
    path = site.folder / AUTHORITY / FILE
    try:
        return read_revocations(path.read_text("ascii").strip(), site.authority)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, EvidenceError) as error:
        raise SiteUnusableError(f"{path}: {error}", "restore it from a backup: it says whom not to believe") from error


def _line(register: Register, name: str) -> Issued:
    wanted = name.lower().replace(":", "").lstrip("0")
    found = [line for line in register.lines if line.kid == name or line.serial == wanted]
    if not found:
        raise BadValueError(f"the site never issued a certificate for {name!r}", "give the kid or the serial number")
    if not found[0].kid:
        raise BadValueError("the register does not know this certificate's key", "give the kid of the key instead")
    return found[0]


def revoke(
    folder: Path, name: str, reason: Reason, since: dt.datetime, now: dt.datetime, last: Head | None = None
) -> tuple[Revoked, Revocations]:
    """Put the key ``name`` (its kid, or its certificate's serial number) on the site's list.

    Args:
        since: the first moment at which it is no longer believed.
        last: the last record to be believed under it, as the gateway had it before.

    Returns:
        The entry, and the whole list as it is now.

    Raises:
        SiteUnusableError: no site there, or a damaged one.
        BadValueError: an unknown key, or a time to come.
        AlreadyThereError: it is on the list; an entry is never changed.
        OSError: the site cannot be written.
    """
    entries, whole = _extend(folder, since, now, lambda register: [(_line(register, name), last)], reason)
    return entries[0], whole


def revoke_unit(
    folder: Path, unit: str, reason: Reason, since: dt.datetime, now: dt.datetime, last: Head | None = None
) -> tuple[Sequence[Revoked], Revocations]:
    """Put every key of ``unit`` that is not there yet on the site's list: those of its records, and of its TLS.

    ``last`` is for the record keys. Otherwise as :func:`revoke`.
    """

    def lines(register: Register) -> list[tuple[Issued, Head | None]]:
        of_unit = [line for line in register.lines if line.name == unit and line.profile in _OF_UNITS and line.kid]
        if unit in RESERVED or not of_unit:
            raise BadValueError(f"the site never enrolled a unit {unit!r}", "give its name as in unit.toml")
        return [(line, last if line.profile == Profile.RECORD.name else None) for line in of_unit]

    return _extend(folder, since, now, lines, reason, again=True)


def is_gateway_key(folder: Path, entry: Revoked) -> bool:
    """Whether a key of the site's list is one with which its gateway signed, now or before."""
    lines = read_register(folder / AUTHORITY / REGISTER).lines
    return any(line.kid == entry.kid and line.profile == Profile.GATEWAY.name for line in lines)


def _extend(
    folder: Path,
    since: dt.datetime,
    now: dt.datetime,
    lines: Callable[[Register], list[tuple[Issued, Head | None]]],
    reason: Reason,
    *,
    again: bool = False,
) -> tuple[Sequence[Revoked], Revocations]:
    """The list with ``lines``, for verifiers and for the broker. ``again``: some of them may be on it already."""
    if since > now:
        raise BadValueError("a key is revoked since a moment that has been", "give --at in the past, or leave it out")
    site = load_site(folder)
    with opened(site.folder / AUTHORITY) as register:
        before = load_revocations(site)
        entries = {} if before is None else dict(before.entries)
        wanted = [Revoked(line.kid, line.serial, since, reason, last) for line, last in lines(register)]
        fresh = [entry for entry in wanted if entry.kid not in entries]
        if not fresh or (len(fresh) < len(wanted) and not again):
            raise AlreadyThereError(f"key {wanted[0].kid} is revoked already", "an entry is never changed")
        entries |= {entry.kid: entry for entry in fresh}
        number = 1 if before is None else before.number + 1
        token = sign_revocations(site.name, number, entries.values(), now, KeySigner(site.authority_key))
        _write(site, token, make_crl(site.authority, site.authority_key, entries.values(), now))
    return fresh, Revocations(site.name, number, now, entries)


def _write(site: Site, token: str, crl: bytes) -> None:
    """Both lists; the broker's copy too, where the broker's folder has not been carried away."""
    for holder in (AUTHORITY, "broker"):
        if (site.folder / holder).is_dir():
            write_atomic(site.folder / holder / CRL, crl)
    write_atomic(site.folder / AUTHORITY / FILE, token.encode("ascii"))
