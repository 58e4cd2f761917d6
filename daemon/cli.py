"""``vernix``: run the unit, test it, and check what it has made."""

from __future__ import annotations

import argparse
import json
import sqlite3
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from daemon import logs
from daemon.config import Config, load
from daemon.environment import EnvironmentUnusable, of_storage, sentence, storage_named
from daemon.lock import DataFolderBusy, DataFolderUnusable
from daemon.mqtt import LinkError
from daemon.officers import RosterUnusable
from daemon.outbox import OutboxDamaged
from daemon.policy.cli import add_policy_commands, policy_command
from daemon.verify_files import completeness, lines_of, lines_of_export, verify_export_files, verify_files
from evidence.console import quietly
from evidence.errors import EvidenceError
from evidence.export_rows import Format
from evidence.tree import TreeError, plain
from hw.card_reader.photo import BadPhotoSpec
from hw.errors import BadDeviceUri, HardwareError
from models.errors import ModelsError

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3

EXPECTED = (
    EvidenceError,
    HardwareError,
    ModelsError,
    LinkError,
    OutboxDamaged,
    RosterUnusable,
    DataFolderBusy,
    DataFolderUnusable,
    EnvironmentUnusable,
    TreeError,
    OSError,
    ssl.SSLError,
    sqlite3.Error,
)
"""What can be wrong in a unit's environment; told in one sentence. Anything else is our own bug and keeps its trace."""


def run(arguments: argparse.Namespace) -> int:
    """The unit, until SIGTERM or SIGINT. Started by systemd; writes its log to standard error."""
    if arguments.simulated:
        from daemon.demo.simulated import run_simulated

        return run_simulated()
    from daemon.run import run as run_unit

    config = load(arguments.config)
    logs.start_logging()
    with storage_named(config.unit.data):
        failure = run_unit(config, degraded=arguments.degraded)
    if failure is None:
        return OK
    named = of_storage(failure, config.unit.data)
    print(f"vernix: stopped: {named or f'{type(failure).__name__}; the log says where'}", file=sys.stderr)
    return ENVIRONMENT


def demo(arguments: argparse.Namespace) -> int:
    """Scripted people at a simulated unit, from card to the hospital's receipt. Exit 1 if anything differs."""
    from daemon.demo.play import play

    return play(as_json=arguments.json, only=arguments.only)


def selftest(arguments: argparse.Namespace) -> int:
    """Test every device, key and connection that the configuration names. Exit 1 if one is not in order."""
    from daemon.selftest import accept_camera, accept_liveness, run_tests

    failed, config = False, load(arguments.config)
    wanted = ((arguments.accept_camera, accept_camera), (arguments.accept_liveness, accept_liveness))
    for result in chain((accept(config) for asked, accept in wanted if asked), run_tests(config, EXPECTED)):
        failed = failed or not result.ok
        if arguments.json:
            print(json.dumps(asdict(result), ensure_ascii=False), flush=True)
        else:
            print(f"{'ok  ' if result.ok else 'FAIL'}  {result.test:12} {result.text}", flush=True)
    return FINDING if failed else OK


def verify(arguments: argparse.Namespace) -> int:
    """Verify a bundle of records, or an export, against the authority's certificate. Exit 1 if it does not hold."""
    try:
        if arguments.export:
            return _verify_export(arguments)
        result = verify_files(
            arguments.file,
            arguments.authority,
            revocations=arguments.revocations,
            health=arguments.health,
            predecessor=arguments.predecessor,
        )
    except MemoryError:
        text = f"{arguments.file}: verifying it takes more memory than there is; do it on a larger machine"
        raise EnvironmentUnusable(f"{text}. This is no verdict about the records") from None
    if arguments.json:
        more = {"sound": result.sound, "completeness": completeness(result, arguments.health)}
        print(json.dumps({**asdict(result), **more}, ensure_ascii=False))
    else:
        print("\n".join(lines_of(result, arguments.file, arguments.health)))
    return OK if result.sound else FINDING


def _verify_export(arguments: argparse.Namespace) -> int:
    result = verify_export_files(
        arguments.file, arguments.authority, revocations=arguments.revocations, records=arguments.records or ()
    )
    if arguments.json:
        print(json.dumps({**asdict(result), "sound": result.sound}, ensure_ascii=False))
    else:
        print("\n".join(lines_of_export(result, arguments.file)))
    return OK if result.sound else FINDING


def export(arguments: argparse.Namespace) -> int:
    """All records as the unit keeps them, encrypted; or with --rows its checks without a person, and their proof."""
    config = load(arguments.config)
    with storage_named(config.unit.data, arguments.to):
        if arguments.rows:
            from daemon.export_rows import export_rows

            count = export_rows(config, arguments.to, Format(arguments.rows))
        else:
            from daemon.export import export_sealed

            count = export_sealed(config, arguments.to)
    print(json.dumps({"file": str(arguments.to), "records": count}) if arguments.json else f"{count} records")
    return OK


def config_command(arguments: argparse.Namespace) -> int:
    """Check the configuration and what it names; with --effective print it with all defaults."""
    from daemon.named import decoder_of, policy_of

    config: Config = load(arguments.config)
    policy_of(config)
    decoder_of(config)
    if arguments.effective or arguments.json:
        print(json.dumps(plain(config), indent=None if arguments.json else 2, ensure_ascii=False))
    else:
        print(f"{arguments.config}: in order")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vernix", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, action: Callable[[argparse.Namespace], int], *, config: bool, prints: bool) -> Any:
        command = commands.add_parser(name, help=action.__doc__, description=action.__doc__)
        command.set_defaults(action=action)
        if config:
            command.add_argument("--config", type=Path, default=Path("unit.toml"), help="default: unit.toml here")
        if prints:
            command.add_argument("--json", action="store_true", help="a line of JSON per result")
        return command

    running = add("run", run, config=True, prints=False)
    running.add_argument(
        "--simulated", action="store_true", help="a unit with simulated devices, a broker and a gateway of its own"
    )
    running.add_argument(
        "--degraded", action="store_true", help="start also when a device is missing: officers decide (used by systemd)"
    )
    add("demo", demo, config=False, prints=True).add_argument("--only", metavar="SCENARIO", help="play only this one")
    testing = add("selftest", selftest, config=True, prints=True)
    testing.add_argument(
        "--accept-camera",
        action="store_true",
        help="first make the camera that is fitted now this unit's own; a record and the next delivery tell of it",
    )
    testing.add_argument(
        "--accept-liveness",
        action="store_true",
        help="first record what the passive network of [models] liveness answers here; every start asks for the same",
    )
    verifying = add("verify", verify, config=False, prints=True)
    verifying.add_argument("file", type=Path)
    verifying.add_argument("--authority", type=Path, required=True, help="authority.pem, from a source you trust")
    verifying.add_argument("--revocations", type=Path, metavar="FILE", help="the authority's list of revoked keys")
    verifying.add_argument("--health", type=Path, metavar="FILE", help="a health message of the unit: shows a cut tail")
    verifying.add_argument("--export", action="store_true", help="FILE is an export; its proof lies beside it")
    verifying.add_argument(
        "--records",
        type=Path,
        metavar="BUNDLE",
        action="append",
        help="of an export: hold it against signed records too",
    )
    verifying.add_argument("--predecessor", type=Path, metavar="FILE", help="the bundle of the unit that it replaced")
    exporting = add("export", export, config=True, prints=True)
    exporting.add_argument("--to", type=Path, required=True, metavar="FILE")
    exporting.add_argument(
        "--rows", choices=[*map(str, Format)], help="checks without a person, and their proof; also while the unit runs"
    )
    add("config", config_command, config=True, prints=True).add_argument("--effective", action="store_true")
    add_policy_commands(add("policy", policy_command, config=False, prints=False))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit status is 0 ok, 1 finding, 2 usage, 3 environment."""
    return quietly(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.action(arguments))
    except BrokenPipeError:
        raise  # nobody reads: no fault of the environment
    except (TreeError, BadDeviceUri, BadPhotoSpec) as error:
        print(f"vernix: configuration: {error}", file=sys.stderr)
        return USAGE
    except EXPECTED as error:
        print(f"vernix: {sentence(error)}", file=sys.stderr)
        return ENVIRONMENT


if __name__ == "__main__":
    sys.exit(main())
