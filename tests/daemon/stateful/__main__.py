"""``python -m tests.daemon.stateful [--minutes N] [--steps N]``: the stateful test for as long as somebody likes.

Random days, other ones in every run. Ends at the first fault, with what led to it; exit status 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.daemon.stateful.machine import LongDay
from tests.daemon.stateful.plant import Plant
from tests.support.programs import read_list

DAYS = 5
"""Days between two looks at the whole chain."""


def main() -> int:
    """Play until the minutes are over."""
    parser = argparse.ArgumentParser(prog="python -m tests.daemon.stateful", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=40, help="rules a day")
    arguments = parser.parse_args()
    mosquitto = read_list()["mosquitto"].find()
    if mosquitto is None:
        sys.stderr.write("mosquitto is missing: .ci/setup programs\n")
        return 3
    options = settings(
        max_examples=DAYS,
        stateful_step_count=arguments.steps,
        derandomize=False,
        deadline=None,
        database=None,
        phases=(Phase.generate,),  # the unit lives on between days: nothing could be made smaller by repeating it
        suppress_health_check=list(HealthCheck),
    )
    until_s, days = time.monotonic() + 60 * arguments.minutes, 0
    with Plant(mosquitto) as plant:
        played = type("LongDayAtThePlant", (LongDay,), {"plant": plant})
        while time.monotonic() < until_s:
            try:
                run_state_machine_as_test(played, settings=options)
            finally:
                if plant.fault is not None:
                    traceback.print_exception(plant.fault)
                    sys.stderr.write(f"{plant.story}\n")
            days += DAYS
            count, cameras = plant.verify_chain(), len(plant.camera.seen)
            said = f"{days} days, {count} records verified, {len(plant.begun)} checks, {cameras} cameras, 0 faults"
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
