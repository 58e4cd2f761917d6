"""Policy packs: what a province or hospital demands of a check, as data.

A pack is a TOML file; :class:`Policy` is its form and answers what the rest of the unit asks. The packs of ``packs/``
are found by name, any other by path.
"""

from __future__ import annotations

from daemon.policy.check import hold
from daemon.policy.pack import DECIDABLE, FLOOR_OFFICERS, VERIFIED, Policy, Told
from daemon.policy.packs import pack_path, shipped_names
from evidence.tree import load_tree


def load_policy(name: str) -> Policy:
    """The pack called ``name``, or at the path ``name`` (ending in ``.toml``).

    Raises:
        TreeError: no such pack, or it breaks its form or a rule; ``vernix policy check`` tells of every mistake.
    """
    policy = load_tree(Policy, pack_path(name))
    hold(policy)
    return policy


__all__ = ["DECIDABLE", "FLOOR_OFFICERS", "VERIFIED", "Policy", "Told", "load_policy", "pack_path", "shipped_names"]
