"""The self-test's checks on a unit at work: what it holds itself is told from its drivers, the rest is asked anew.

``vernix selftest`` opens every device; here the running unit has them. Its camera stays shut: nobody has consented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from daemon import troubles
from daemon.config import Config
from daemon.devices import NONE_FITTED

HELD = ("card_reader", "coprocessor", "door", "thermal")
"""Devices whose drivers the unit keeps open, and whose troubles it therefore knows."""
_PARTS = MappingProxyType({"coprocessor": ("light",)})
"""What hangs on a device, under a name of its own."""
MODELS = "models"
_NOT_NOW = MappingProxyType(
    {
        "outbox": "in use by this unit; a damaged one would have kept it from starting",
        "camera": "opened only after consent; vernix selftest looks through it while the unit is stopped",
    }
)


_WELL = MappingProxyType({MODELS: "they computed what was recorded when the unit started"})


def findings(config: Config, found: Sequence[str]) -> list[dict[str, Any]]:
    """One result for each test of ``vernix selftest``: ``test``, ``ok``, ``text``, of devices also ``troubles``.

    Args:
        config: the unit's configuration.
        found: the unit's troubles, see :mod:`daemon.troubles`.
    """
    from daemon.cli import EXPECTED  # both know the running unit, which knows this module
    from daemon.selftest import TESTS, run_test

    told = [_told(config, name, found) for name in TESTS]
    return [one or asdict(run_test(config, name, EXPECTED)) for name, one in zip(TESTS, told, strict=True)]


def _told(config: Config, name: str, found: Sequence[str]) -> dict[str, Any] | None:
    """What is known without asking; None where it must be asked."""
    if name not in (*HELD, *_NOT_NOW, MODELS):
        return None
    if name in HELD and getattr(config.devices, name) == "none:":
        return {"test": name, "ok": name != "card_reader", "text": NONE_FITTED}
    own = [one for one in found if one.partition(":")[0] in (name, *_PARTS.get(name, ()))]
    text = "; ".join(f"{one}: {troubles.meaning(one)}" for one in own)
    said = {"test": name, "ok": not own, "text": text or {**_NOT_NOW, **_WELL}.get(name, "in use, in order")}
    return {**said, "troubles": own} if own and name != MODELS else said
