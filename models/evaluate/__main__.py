"""`python -m models.evaluate faces --pairs pairs.csv --root DIR --condition chip`."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from typing import Any

from models.errors import ModelsError
from models.evaluate import agreement, answers, chips, faces, few, looks, pad, quality
from models.evaluate.pairs import PairsError

OK, USAGE, ENVIRONMENT = 0, 2, 3
COMMANDS: dict[str, Any] = {
    "faces": faces,
    "looks": looks,
    "quality": quality,
    "pad": pad,
    "few": few,
    "chips": chips,
    "answers": answers,
    "agreement": agreement,
}
"""Modules: `add_arguments`, `evaluate`, `to_text`, and `to_json` of those that have the option."""


def main(arguments: list[str] | None = None) -> int:
    """Run one evaluation; 0 done, 2 bad usage or list, 3 models missing or broken."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.__doc__, description=command.__doc__))
    options = parser.parse_args(arguments)
    try:
        text = outcome(options)
    except PairsError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except (ModelsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return ENVIRONMENT
    sys.stdout.write(f"{text}\n")
    return OK


def outcome(options: argparse.Namespace) -> str:
    """What the command prints."""
    command = COMMANDS[options.command]
    found = command.evaluate(options)
    return as_json(command.to_json(found)) if getattr(options, "json", False) else str(command.to_text(found))


def as_json(report: object) -> str:
    """``report``, made of plain values, as JSON; a figure that there is none of (NaN) is null."""
    return json.dumps(finite(report), indent=2, allow_nan=False)


def finite(value: object) -> object:
    """``value`` with None for each number in it that JSON has no word for."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    # Nobody reads any more (`... | head -1`): end without a word, as other programs do.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
