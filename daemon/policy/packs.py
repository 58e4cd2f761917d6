"""Where packs are: the shipped ones by name in ``packs/``, any other by its path."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from daemon.policy.pack import Policy
from evidence.tree import TreeError, load_tree

_FOLDER = Path(__file__).with_name("packs")


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped packs."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def pack_path(name: str) -> Path:
    """Where the pack called ``name`` is, or the path ``name`` itself (ending in ``.toml``).

    Raises:
        TreeError: neither a name nor such a path; or what is there is no file.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if path.exists() and not (path.is_file() or path.is_dir()):  # waited for, or read for ever
            raise TreeError(name, "expected a file, found a pipe, a socket or a device; name a .toml file")
        return path
    if not name or Path(name).name != name:
        raise TreeError(name or "policy", "expected a pack's name, or the path of one, ending in .toml")
    return _FOLDER / f"{name}.toml"


@cache
def shipped(name: str) -> Policy:
    """A shipped pack as it stands in its file; its rules are held by the tests."""
    return load_tree(Policy, _FOLDER / f"{name}.toml")
