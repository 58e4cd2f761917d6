"""What must hold of every view that the screen is given."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.demo.screen import View


def faults_of(view: View, secret: Sequence[str]) -> list[str]:
    """What is wrong with ``view``; ``secret`` is in full on no screen."""
    step, confirmed = view["step"], view["decision"]["confirmed"] if view["decision"] else ()
    found = {
        "unmasked on the screen": any(one in repr(view) for one in secret),
        "somebody's data": step in ("idle", "notice") and bool(view["document"] or view["face"]),
        "an officer counts twice": len(set(confirmed)) < len(confirmed),
        "called recorded, and no record has a number": step == "done" and view["seq"] is None,
    }
    return [f"{what}, at {step}" for what, is_wrong in found.items() if is_wrong]
