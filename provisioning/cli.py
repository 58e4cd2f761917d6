"""``vernix-provision``: arguments in, sentences or one line of JSON out, exit status 0, 2 or 3."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence.certificates import Profile
from evidence.console import INTERRUPTED, quietly
from evidence.credentials import Role
from evidence.errors import EvidenceError
from evidence.keys import SOFT
from provisioning import flash_command, key_commands
from provisioning.broker import GATEWAY, Broker
from provisioning.enrolment import Enrolled, enrol
from provisioning.errors import BadValueError, ProvisioningError
from provisioning.issued import Issued
from provisioning.officers import add_officer, check_officer
from provisioning.site import init_site
from provisioning.unit_toml import FILE_KEY, UnitSettings

OK, USAGE, ENVIRONMENT = 0, 2, 3
"""Exit statuses. 1, a finding, is for commands that examine something; none here does."""
_USES = {
    (GATEWAY, Profile.GATEWAY.name): "gateway, signing",
    (GATEWAY, Profile.CLIENT.name): "gateway, TLS to the broker",
}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _end_of_day(text: str) -> dt.datetime:
    """The first moment after the local day ``text``, written as YYYY-MM-DD."""
    day = dt.datetime.strptime(text, "%Y-%m-%d") + dt.timedelta(days=1)
    return day.astimezone(dt.UTC)


_end_of_day.__name__ = "date like 2027-12-31"


def _print(args: argparse.Namespace, result: Mapping[str, Any], text: str) -> None:
    print(json.dumps(result, sort_keys=True) if args.json else text)


def _use(line: Issued) -> str:
    return _USES.get((line.name, line.profile), "broker, TLS server")


def _site_init(args: argparse.Namespace) -> None:
    issued = init_site(args.folder, args.site, Broker(args.broker_host, args.broker_port), _now())
    certificates = [{"use": _use(line), "serial": line.serial, "not_after": line.not_after} for line in issued]
    folder = args.folder
    ends = "\n".join(f"  {item['use']}: certificate valid until {item['not_after'][:10]}" for item in certificates)
    text = f"""\
Made the site {args.site} in {folder}: authority, gateway, recovery and broker.
{ends}
Next:
  1. Take {folder}/recovery offline; the README in it says how.
  2. Carry {folder}/gateway to the gateway's machine and {folder}/broker to the broker's, by hand; they hold keys.
  3. Back {folder}/authority up and keep it where only you can read it: who has it can make units.
  4. For each unit: vernix-provision unit enrol --site {folder} --unit NAME --into FOLDER --checkpoint CHECKPOINT
  5. Name the units' policy pack in {folder}/gateway/gateway.toml, under [gateway]: policy = "pack.toml"
     (vernix policy show NAME --toml > pack.toml)"""
    _print(args, {"site": args.site, "folder": str(folder), "certificates": certificates}, text)


def _settings(args: argparse.Namespace) -> UnitSettings:
    return UnitSettings(
        checkpoint=args.checkpoint,
        card_reader=args.card_reader,
        photo_decoder=args.photo_decoder,
        camera=args.camera,
        fingerprint=args.fingerprint,
        policy=args.policy,
        production=args.production,
        record_key=args.key,
    )


def _production_notes(settings: UnitSettings, protection: str) -> list[str]:
    """What keeps a unit that is meant for production from being ready for it."""
    notes = []
    if settings.production and protection in SOFT:
        where = "a file" if protection == "file" else f"software ({protection})"
        notes.append(f"the record key is {where}; a unit's self-test does not accept that in production")
    if settings.production and settings.photo_decoder == "simulated":
        notes.append("the photo decoder is the simulated one, which cannot read a real card's photo")
    return notes


def _unit_enrol(args: argparse.Namespace) -> None:
    settings = _settings(args)
    made = enrol(args.site, args.unit, args.into, settings, _now, args.replaces)
    notes = _production_notes(settings, made.protection)
    for note in notes:
        print(f"vernix-provision: note: {note}", file=sys.stderr)
    _print(args, {**_enrolled_plain(made), "notes": notes}, _enrolled_text(made))


def _enrolled_plain(made: Enrolled) -> dict[str, Any]:
    return {
        "site": made.address.site,
        "unit": made.address.unit,
        "folder": str(made.folder),
        "kid": made.birth.payload["key"]["kid"],
        "protection": made.protection,
        "birth_sha256": made.birth.sha256,
        "record_certificate": Issued.of(made.record, Profile.RECORD).not_after,
        "client_certificate": Issued.of(made.client, Profile.CLIENT).not_after,
    }


def _enrolled_text(made: Enrolled) -> str:
    plain = _enrolled_plain(made)
    return f"""\
Enrolled {plain["unit"]} at site {plain["site"]} in {made.folder}: keys, certificates, unit.toml and birth record.
  record key {plain["kid"]} ({plain["protection"]}), certificate valid until {plain["record_certificate"][:10]}
  TLS to the broker: certificate valid until {plain["client_certificate"][:10]}
  birth record, SHA-256 {plain["birth_sha256"]}: write it on the unit's acceptance sheet
Next:
  1. Add the officers: vernix-provision officer add {made.folder} --id o-01 --role officer
  2. If this is not the unit itself, move the folder there (move, not copy: a record key exists once).
  3. On the unit: vernix config --effective, then vernix selftest, then vernix run."""


def _typed_pin(officer: str) -> str:
    with warnings.catch_warnings():
        # Where echo cannot be switched off, getpass only warns and goes on; a PIN must not appear on a screen.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            pins = [getpass.getpass(f"PIN of {officer}{again}: ") for again in ("", ", again")]
        except (getpass.GetPassWarning, EOFError):
            raise BadValueError("there is no terminal to type a PIN on", "use --pin-stdin") from None
    if pins[0] != pins[1]:
        raise BadValueError("the two PINs differ", "start again")
    return pins[0]


def _piped_pin() -> str:
    line = sys.stdin.readline()
    if not line:
        raise BadValueError("standard input holds no PIN", "write it there as one line")
    return line.rstrip("\r\n")


def _officer_add(args: argparse.Namespace) -> None:
    check_officer(args.folder, args.id)
    pin = _piped_pin() if args.pin_stdin else _typed_pin(args.id)
    made = add_officer(args.folder, args.id, Role(args.role), pin, _now(), args.valid_to, regular=not args.temporary)
    until = "without an end" if made.valid_to is None else f"until {made.valid_to}"
    text = f"""\
Added {made.id} as {made.role} to {args.folder}/officers.json, valid from {made.valid_from} {until}.
Next: restart the unit's program so that it reads the roster; keep the list of who is {made.id} at the hospital."""
    plain = {"id": made.id, "role": str(made.role), "valid_from": made.valid_from, "valid_to": made.valid_to}
    _print(args, plain, text)


def _add_command(group: Any, name: str, summary: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    parser.set_defaults(run=run)
    return parser


def _add_printing(
    group: Any, name: str, summary: str, compute: Callable[[argparse.Namespace], key_commands.Result]
) -> argparse.ArgumentParser:
    return _add_command(group, name, summary, lambda args: _print(args, *compute(args)))


def _add_site(groups: Any) -> None:
    commands = groups.add_parser("site", help="a site's keys and files").add_subparsers(
        required=True, metavar="COMMAND"
    )
    parser = _add_command(commands, "init", "make a new site: authority, gateway and recovery keys, broker", _site_init)
    parser.add_argument("folder", metavar="DIR", type=_folder, help="new or empty folder")
    parser.add_argument("--site", required=True, metavar="NAME", help="the site's name, as in topics and records")
    parser.add_argument("--broker-host", required=True, metavar="HOST", help="name or address that units will use")
    parser.add_argument("--broker-port", type=int, default=8883, metavar="PORT", help="default: %(default)s")
    key_commands.add_site(commands, _add_printing)


def _add_unit(groups: Any) -> None:
    commands = groups.add_parser("unit", help="a unit's identity").add_subparsers(required=True, metavar="COMMAND")
    summary = "make a unit's keys, certificates, configuration and birth record"
    parser = _add_command(commands, "enrol", summary, _unit_enrol)
    parser.add_argument("--site", required=True, metavar="DIR", type=_folder, help="the site's folder")
    parser.add_argument("--unit", required=True, metavar="NAME", help="a name no unit of the site ever had")
    parser.add_argument("--into", required=True, metavar="UNITDIR", type=_folder, help="new or empty folder")
    parser.add_argument("--checkpoint", required=True, metavar="ID", help="where it will stand, for example delivery")
    parser.add_argument("--card-reader", default="serial:///dev/ttyUSB0", metavar="URI", help="default: %(default)s")
    parser.add_argument("--camera", default="picamera:0", metavar="URI", help="default: %(default)s")
    parser.add_argument("--fingerprint", default="none:", metavar="URI", help="default: %(default)s")
    parser.add_argument(
        "--photo-decoder", default="simulated", metavar="SPEC", help="simulated (default) or ctypes:..."
    )
    parser.add_argument("--policy", default="neutral", metavar="PACK", help="policy pack; default: %(default)s")
    parser.add_argument("--production", action="store_true", help="the unit is for real people")
    parser.add_argument(
        "--key", default=FILE_KEY, metavar="URI", help="where to make the record key: pkcs11:... (RFC 7512)"
    )
    parser.add_argument("--replaces", type=_folder, metavar="BUNDLE", help="records of the unit whose place it takes")
    key_commands.add_unit(commands, _add_printing)


def _add_officer(groups: Any) -> None:
    commands = groups.add_parser("officer", help="who may use a unit").add_subparsers(required=True, metavar="COMMAND")
    summary = "add an officer to a unit's roster; asks for a PIN of 6 to 12 digits"
    parser = _add_command(commands, "add", summary, _officer_add)
    parser.add_argument("folder", metavar="UNITDIR", type=_folder, help="the unit's folder")
    parser.add_argument("--id", required=True, metavar="ID", help="as records will name the person; not a name")
    parser.add_argument("--role", required=True, choices=[str(role) for role in Role])
    parser.add_argument("--valid-to", type=_end_of_day, metavar="DATE", help="last day of validity; default: no end")
    parser.add_argument("--temporary", action="store_true", help="not regular staff (正式工作人员)")
    parser.add_argument("--pin-stdin", action="store_true", help="read the PIN from standard input, one line")


def make_parser() -> argparse.ArgumentParser:
    """The command line of ``vernix-provision``."""
    parser = argparse.ArgumentParser(
        prog="vernix-provision",
        description="Provision a Vernix site, its units and their officers.",
        epilog="Exit status: 0 done, 2 the command or a value is wrong, 3 files or folders are not as they must be.",
    )
    groups = parser.add_subparsers(required=True, metavar="WHAT")
    _add_site(groups)
    _add_unit(groups)
    _add_officer(groups)
    key_commands.add_broker(groups, _add_printing)
    key_commands.add_recover(groups, _add_printing)
    flash_command.add(groups, _add_printing)
    return parser


def _failed(status: int, message: str) -> int:
    print(f"vernix-provision: {message}", file=sys.stderr)
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    return quietly(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    try:
        args = make_parser().parse_args(key_commands.kids_marked(sys.argv[1:] if argv is None else argv))
        args.run(args)
    except SystemExit as stop:  # argparse: --help, or a usage error that it has printed
        return stop.code if isinstance(stop.code, int) else USAGE
    except BadValueError as error:
        return _failed(USAGE, f"{error}; {error.advice}")
    except ProvisioningError as error:
        return _failed(ENVIRONMENT, f"{error}; {error.advice}")
    except EvidenceError as error:
        return _failed(ENVIRONMENT, f"{error}; mend what it names, or restore it from a backup")
    except BrokenPipeError:
        raise  # nobody reads: no fault of the environment
    except OSError as error:
        return _failed(ENVIRONMENT, f"{error.filename}: {error.strerror}; check the path, its owner and free space")
    except KeyboardInterrupt:
        return _failed(INTERRUPTED, "stopped; nothing was changed")
    return OK


if __name__ == "__main__":
    sys.exit(main())
