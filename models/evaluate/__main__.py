"""`python -m models.evaluate faces --pairs pairs.csv --root DIR --condition chip`."""

from __future__ import annotations

import argparse
import json
import sys

from models.errors import ModelsError
from models.evaluate import faces
from models.evaluate.pairs import PairsError

OK, USAGE, ENVIRONMENT = 0, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run one evaluation; 0 done, 2 bad usage or list, 3 models missing or broken."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    faces.add_arguments(commands.add_parser("faces", help="comparison: FMR, FNMR, DET", description=faces.__doc__))
    options = parser.parse_args(arguments)
    try:
        report = faces.evaluate(options)
    except PairsError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except (ModelsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return ENVIRONMENT
    sys.stdout.write((json.dumps(faces.to_json(report), indent=2) if options.json else faces.to_text(report)) + "\n")
    return OK


if __name__ == "__main__":
    sys.exit(main())
