"""The commands about keys: ``unit rotate|revoke|slip-keys``, ``site revoke|slip-keys|gateway-key``, and more."""

from __future__ import annotations

import argparse
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence.certificates import key_of
from evidence.chain import Head
from evidence.instants import write_instant
from evidence.keys import thumbprint
from evidence.revocation import Reason, Revoked
from evidence.slip_keys import FILE as SLIP_KEYS
from provisioning.broker import CRL
from provisioning.crl import install_crl
from provisioning.errors import SiteUnusableError
from provisioning.gateway_key import CERTIFICATE, KEY, make_gateway_key
from provisioning.recover import recover
from provisioning.revoke import FILE, is_gateway_key, revoke, revoke_unit
from provisioning.rotation import rotate
from provisioning.site import AUTHORITY, GATEWAY_SIGNING
from provisioning.slip_keys import give_slip_keys, rotate_slip_keys

_KID = "kid:"
_HYPHENED_KID = re.compile(r"-[A-Za-z0-9_-]{42}")
Result = tuple[Mapping[str, Any], str]
"""What a command has to say: for a program, and for a person."""
Adder = Callable[[Any, str, str, Callable[[argparse.Namespace], Result]], argparse.ArgumentParser]


def _path(text: str) -> Path:
    return Path(text).resolve()


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC)  # without a zone: local time, as on the engineer's watch


_moment.__name__ = "moment like 2026-11-21T19:21+08:00"


def _head(text: str) -> Head:
    seq, _, digest = text.partition(":")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError(text)
    return Head(int(seq), digest)


_head.__name__ = "SEQ:SHA256"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _rotate(args: argparse.Namespace) -> Result:
    made = rotate(args.site, args.folder, args.reason, args.key, _now)
    until = write_instant(made.certificate.not_valid_after_utc)
    plain = {
        "unit": made.address.unit,
        "site": made.address.site,
        "kid": made.key.kid,
        "serial": f"{made.certificate.serial_number:x}",
        "protection": made.protection,
        "not_after": until,
    }
    text = f"""\
Made the next record key of {made.address.unit}: {made.key.kid} ({made.protection}), valid until {until[:10]}.
Next: restart the unit's program. It signs a key record with both keys; from then on the new one is in force.
Once the gateway has receipted that record, destroy the old key where it lies."""
    return plain, text


def _revoke(args: argparse.Namespace) -> Result:
    now = _now()
    entry, whole = revoke(args.folder, args.name, Reason(args.reason), args.at or now, now, args.last)
    place = args.folder / AUTHORITY
    text = f"""\
Revoked {entry.kid} (serial {entry.serial}), {entry.reason}, since {write_instant(entry.since)}.
List number {whole.number}, {len(whole.entries)} keys: {place / FILE}
{_next(place)}{_of_gateway(args.folder) if is_gateway_key(args.folder, entry) else _undelivered(entry)}"""
    return {**entry.to_dict(), "number": whole.number, "file": str(place / FILE)}, text


def _make_gateway_key(args: argparse.Namespace) -> Result:
    certificate = make_gateway_key(args.folder, args.to, _now())
    kid = thumbprint(key_of(certificate))
    text = f"""\
Made signing key {kid} for the gateway: {args.to / KEY}, {args.to / CERTIFICATE}.
Next:
  1. Carry both into the gateway's folder, in place of the old ones, and restart the gateway.
  2. On every unit: {args.folder / AUTHORITY / GATEWAY_SIGNING} into its folder, in place of the
     old one, and restart its program. Until then it refuses the gateway's word and keeps its records."""
    return {"kid": kid, "key": str(args.to / KEY), "certificate": str(args.to / CERTIFICATE)}, text


def _of_gateway(site: Path) -> str:
    """What a revoked gateway key means for every unit."""
    return f"""
  3. THIS IS THE GATEWAY'S SIGNING KEY. The running gateway hands the list on to the units that are connected; from
     then on they refuse its receipts, commands and rosters, keep their records and say so on the screen. To units that
     it does not reach, carry the list by hand, into the folder of unit.toml; it is read without a restart.
  4. Make the gateway a new key: vernix-provision site gateway-key {site} --to FOLDER
     and put the new gateway-signing.pem on EVERY unit. Until then no record of theirs is receipted."""


def _next(place: Path) -> str:
    return f"""\
Next:
  1. Carry {place / FILE} to the gateway (it reads it where keys.revocations says, without a restart) and to
     whoever verifies (vernix verify --revocations).
  2. Carry {place / CRL} to the broker's machine, there:
     vernix-provision broker crl BROKERDIR {CRL}"""


def _undelivered(entry: Revoked) -> str:
    """What a key that may be in other hands leaves behind, where nobody has named its last record."""
    if entry.last is not None or entry.reason not in (Reason.COMPROMISED, Reason.LOST):
        return ""
    return """
Note: what this key has signed and the gateway has not yet received is not believed any more. --last SEQ:SHA256, the
unit's last sound record, would have kept it."""


def _revoke_unit(args: argparse.Namespace) -> Result:
    now = _now()
    entries, whole = revoke_unit(args.site, args.unit, Reason(args.reason), args.at or now, now, args.last)
    place = args.site / AUTHORITY
    keys = "\n".join(f"  {entry.kid} (serial {entry.serial})" for entry in entries)
    text = f"""\
Revoked the keys of {args.unit}, {args.reason}, since {write_instant(entries[0].since)}:
{keys}
List number {whole.number}, {len(whole.entries)} keys: {place / FILE}
{_next(place)}{_undelivered(entries[0])}"""
    plain = {"unit": args.unit, "revoked": [entry.to_dict() for entry in entries], "number": whole.number}
    return plain | {"file": str(place / FILE), "crl": str(place / CRL)}, text


def _rotate_slips(args: argparse.Namespace) -> Result:
    keys = rotate_slip_keys(args.folder / AUTHORITY, _now(), drop_old=args.drop_old)
    lost = (
        "every fingerprint slip that is out there is unreadable now" if args.drop_old else "older slips stay readable"
    )
    text = f"""\
Made slip key {keys[0].kid.hex()}; the site has {len(keys)}: {lost}.
Next: for every unit, vernix-provision unit slip-keys --site {args.folder} UNITDIR, and restart its program.
Do that soon: a unit that has not got the new key cannot read what the others write with it."""
    return {"kid": keys[0].kid.hex(), "keys": len(keys)}, text


def _give_slips(args: argparse.Namespace) -> Result:
    count = give_slip_keys(args.site / AUTHORITY, args.folder)
    if not count:
        raise SiteUnusableError(f"{args.site}: has no slip keys", "make them: vernix-provision site slip-keys")
    text = f"""\
Copied {count} slip keys into {args.folder}/{SLIP_KEYS}.
Next: unit.toml must say slips = "{SLIP_KEYS}" under [keys]; then restart the unit's program."""
    return {"keys": count, "file": str(args.folder / SLIP_KEYS)}, text


def _install_crl(args: argparse.Namespace) -> Result:
    total, fresh = install_crl(args.folder, args.crl)
    restart = "systemctl restart mosquitto"
    text = f"""\
{args.folder / CRL}: {total} certificates are revoked, {fresh} of them newly.
Next: {restart}. That cuts every session; those who may come in are back by themselves, and nothing is lost.
A reload (SIGHUP) is not enough: it keeps the revoked out from then on, but leaves a session that is open."""
    return {"file": str(args.folder / CRL), "revoked": total, "new": fresh, "next": restart}, text


def _recover(args: argparse.Namespace) -> Result:
    made = recover(args.export, args.key, args.to, args.attachments)
    plain = {"unit": made.unit, "site": made.site, "records": made.records, "attachments": made.attachments}
    plain |= {"overwritten": made.overwritten, "health": str(made.health)}
    gone = f"{made.overwritten} older ones the unit no longer had: it overwrote them after the gateway's receipts.\n"
    text = f"""\
Opened {made.records} records of {made.unit}, site {made.site}, and {made.attachments} attachments, whose hashes hold.
{gone if made.overwritten else ""}{args.to} holds them unencrypted: keep it as you keep the persons' files.
Next: vernix verify {args.to} --health {made.health} --authority authority.pem"""
    return plain | {"file": str(args.to)}, text


def kids_marked(arguments: Sequence[str]) -> list[str]:
    """``arguments``, none of whose kids looks like an option: one of 64 begins with a hyphen (RFC 4648 section 5)."""
    return [f"{_KID}{one}" if _HYPHENED_KID.fullmatch(one) else one for one in arguments]


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, choices=[str(reason) for reason in Reason])
    parser.add_argument("--at", type=_moment, metavar="MOMENT", help="since when it is not believed; default: now")
    parser.add_argument("--last", type=_head, metavar="SEQ:SHA256", help="the unit's last record to be believed")


def add_unit(commands: Any, add: Adder) -> None:
    """``unit rotate``, ``unit revoke`` and ``unit slip-keys``."""
    _add_unit_slips(commands, add)
    parser = add(commands, "rotate", "make and certify a unit's next record key", _rotate)
    parser.add_argument("folder", metavar="UNITDIR", type=_path, help="the unit's folder, on the unit")
    parser.add_argument("--site", required=True, metavar="DIR", type=_path, help="the site's folder")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="for the record; 'compromised' if it may be")
    parser.add_argument("--key", metavar="URI", help="where to make it: pkcs11:... (default: a file after a file)")
    parser = add(commands, "revoke", "put all keys of a unit on the site's lists of revoked keys", _revoke_unit)
    parser.add_argument("unit", metavar="NAME", help="the unit's name; it may be lost or stolen")
    parser.add_argument("--site", required=True, metavar="DIR", type=_path, help="the site's folder")
    _add_reason(parser)


def add_site(commands: Any, add: Adder) -> None:
    """``site revoke``, ``site slip-keys`` and ``site gateway-key``."""
    _add_site_slips(commands, add)
    parser = add(commands, "gateway-key", "make the gateway's next signing key", _make_gateway_key)
    parser.add_argument("folder", metavar="DIR", type=_path, help="the site's folder")
    parser.add_argument(
        "--to", required=True, metavar="FOLDER", type=_path, help="a new folder for key and certificate"
    )
    parser = add(commands, "revoke", "put one key on the site's lists of revoked keys", _revoke)
    parser.add_argument("folder", metavar="DIR", type=_path, help="the site's folder")
    what = "the key's kid, or its certificate's serial number"
    parser.add_argument("name", metavar="KID|SERIAL", type=lambda text: text.removeprefix(_KID), help=what)
    _add_reason(parser)


def _add_unit_slips(commands: Any, add: Adder) -> None:
    parser = add(commands, "slip-keys", "copy the site's slip keys to a unit", _give_slips)
    parser.add_argument("folder", metavar="UNITDIR", type=_path, help="the unit's folder")
    parser.add_argument("--site", required=True, metavar="DIR", type=_path, help="the site's folder")


def _add_site_slips(commands: Any, add: Adder) -> None:
    parser = add(commands, "slip-keys", "make the next key for fingerprint slips", _rotate_slips)
    parser.add_argument("folder", metavar="DIR", type=_path, help="the site's folder")
    parser.add_argument(
        "--drop-old", action="store_true", help="somebody may have read the old ones: no slip out there is read again"
    )


def add_broker(groups: Any, add: Adder) -> None:
    """``broker crl``."""
    commands = groups.add_parser("broker", help="the broker's files, on its machine").add_subparsers(
        required=True, metavar="COMMAND"
    )
    parser = add(commands, "crl", "give the broker a newer list of revoked certificates", _install_crl)
    parser.add_argument("folder", metavar="BROKERDIR", type=_path, help="the folder that mosquitto is started in")
    parser.add_argument("crl", metavar="FILE", type=_path, help="the authority's revocations.crl")


def add_recover(groups: Any, add: Adder) -> None:
    """``recover``."""
    parser = add(groups, "recover", "open a unit's export with the site's recovery key", _recover)
    parser.add_argument("export", metavar="EXPORT", type=_path, help="what vernix export wrote")
    parser.add_argument("--key", required=True, metavar="FILE", type=_path, help="recovery.key")
    parser.add_argument("--to", required=True, metavar="BUNDLE", type=_path, help="a new file, unencrypted")
    parser.add_argument("--attachments", metavar="DIR", type=_path, help="an existing folder for attachments")
