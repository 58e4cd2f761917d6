"""A sound pack's text, broken on purpose, and what ``vernix policy check`` finds in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from daemon.policy import Policy, load_policy, pack_path, shipped_names
from daemon.policy.check import Mistake, check_file
from evidence.tree import read_tree

PACKS: dict[str, Policy] = {name: load_policy(name) for name in shipped_names()}


def text_of(name: str) -> str:
    """The shipped pack as it stands in its file."""
    return pack_path(name).read_text("utf-8")


def own(name: str) -> str:
    """A hospital's pack that stands on a shipped one: its own id, everything else the same."""
    old = f'id = "{name}"\n'
    text = text_of(name)
    assert old in text
    return text.replace(old, f'id = "general-hospital"\nbase = "{name}"\n', 1)


def check_text(folder: Path, text: str) -> tuple[Mistake, ...]:
    """The mistakes of a pack with this text."""
    path = folder / "pack.toml"
    path.write_text(text, "utf-8")
    return check_file(path).mistakes


def line_in(text: str, part: str) -> int:
    """The line where ``part`` begins."""
    return text[: text.index(part)].count("\n") + 1


def read_text(folder: Path, text: str) -> Policy | None:
    """The pack with this text, whatever is wrong with it; None: no TOML."""
    path = folder / "pack.toml"
    path.write_text(text, "utf-8")
    return read_tree(Policy, path).value


@dataclass(frozen=True, slots=True)
class Broken:
    """A shipped pack with one change, and what is found then; see ``broken.toml``."""

    name: str
    pack: str
    old: str
    new: str
    path: str
    problem: str
    advice: str
    count: int
    base: bool = False

    @property
    def text(self) -> str:
        """The broken pack; under a name of its own, unless its name is the mistake."""
        text = own(self.pack) if self.base else text_of(self.pack)
        assert self.old in text, self.name
        text = text.replace(self.old, self.new, 1)
        named = self.path in ("id", "base")
        return text if named else text.replace(f'id = "{self.pack}"\n', 'id = "mine"\n', 1)


def _broken() -> dict[str, Broken]:
    rows = tomllib.loads(Path(__file__).with_name("broken.toml").read_text("utf-8"))["broken"]
    return {row["name"]: Broken(**row) for row in rows}


BROKEN = _broken()
