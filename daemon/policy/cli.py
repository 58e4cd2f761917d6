"""``vernix policy``: which packs there are, what one says, and every mistake of a hospital's own."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from daemon.policy import Policy, load_policy, pack_path, shipped_names
from daemon.policy.check import Checked, check_file
from daemon.policy.schema import schema_text
from daemon.policy.show import overview
from evidence.tree import TreeError, plain

_OK, _FINDING = 0, 1


def add_policy_commands(command: argparse.ArgumentParser) -> None:
    """Give ``vernix policy`` its subcommands."""
    actions = command.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, action in (("list", _list), ("show", _show), ("check", _check), ("schema", _schema)):
        one = actions.add_parser(name, help=action.__doc__, description=action.__doc__)
        one.set_defaults(policy_action=action)
        if name in ("show", "check"):
            one.add_argument("pack", help="a name such as neutral, or a .toml file")
        if name == "show":
            one.add_argument("--toml", action="store_true", help="the file itself: to build on, and for the gateway")
        if name != "schema":
            one.add_argument("--json", action="store_true", help="a line of JSON per result")


def policy_command(arguments: argparse.Namespace) -> int:
    """Policy packs: list and show them, check a hospital's own, print their JSON Schema."""
    return int(arguments.policy_action(arguments))


def _list(arguments: argparse.Namespace) -> int:
    """The shipped packs."""
    for name in shipped_names():
        policy = load_policy(name)
        if arguments.json:
            facts = {"id": policy.id, "version": policy.version, "title": policy.title, "title_en": policy.title_en}
            print(json.dumps(facts | {"checkpoints": [one.id for one in policy.checkpoints]}, ensure_ascii=False))
        else:
            checkpoints = f"{len(policy.checkpoints)} checkpoints"
            print(f"{policy.id:16} {policy.version:8} {checkpoints:15} {policy.title}  {_rests_on(policy)}".rstrip())
    return _OK


def _rests_on(policy: Policy) -> str:
    return policy.sources[0].number or policy.sources[0].title


def _show(arguments: argparse.Namespace) -> int:
    """What a pack says: checkpoints, officers, alerts, forms, texts. Exit 1 if it has a mistake."""
    path = _there(arguments.pack)
    checked = check_file(path)
    if checked.policy is None:
        return _print_mistakes(path, checked)
    if arguments.toml:
        print(path.read_text("utf-8-sig"), end="")
    else:
        print(json.dumps(plain(checked.policy), ensure_ascii=False) if arguments.json else overview(checked.policy))
    return _OK


def _check(arguments: argparse.Namespace) -> int:
    """Every mistake of a pack, by key path and line, with what to do. Exit 1 if there is one."""
    path = _there(arguments.pack)
    checked = check_file(path)
    if arguments.json:
        print(json.dumps(_as_json(path, checked), ensure_ascii=False))
        return _FINDING if checked.mistakes else _OK
    if checked.policy is None:
        return _print_mistakes(path, checked)
    policy = checked.policy
    print(f"{policy.id} version {policy.version}: {len(policy.checkpoints)} checkpoints, in order")
    return _OK


def _print_mistakes(path: Path, checked: Checked) -> int:
    for one in checked.mistakes:
        print(f"{path}:{one.line}: {one.path or 'file'}: {one.problem}")
        if one.advice:
            print(f"    -> {one.advice}")
    print(f"{len(checked.mistakes)} mistake{'s' if len(checked.mistakes) > 1 else ''}")
    return _FINDING


def _there(name: str) -> Path:
    path = pack_path(name)
    if not path.is_file() and not path.is_dir():
        raise TreeError(name, f"there is no such pack; shipped: {', '.join(shipped_names())}; or name a .toml file")
    return path


def _as_json(path: Path, checked: Checked) -> dict[str, object]:
    about = {"id": checked.policy.id, "version": checked.policy.version} if checked.policy else {}
    mistakes = [asdict(one) for one in checked.mistakes]
    return {"file": str(path), "sound": checked.policy is not None, **about, "mistakes": mistakes}


def _schema(_arguments: argparse.Namespace) -> int:
    """The JSON Schema of a pack, for an editor."""
    print(schema_text(), end="")
    return _OK
