"""A ward of three units, and an office that exports from it and verifies with nothing but the files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main as vernix
from evidence.encoding import json_object
from evidence.export_proof import proof_path
from evidence.jws import parse
from gateway.cli import main
from tests.gateway.ward import RARE, Ward, document_of

FORMULA = "=cmd|' /C calc'!A0"
LONG = "Wolfeschlegelsteinhausenbergerdorff Maximiliane"
NAMES = ("示例甲", RARE, LONG, FORMULA, "_x0041_ <&>\"'")
QUARTER = ("--from", "2026-07-01", "--to", "2026-09-30")


def fill(ward: Ward) -> None:
    """Unit u1 with five women and a failed check, u2 with one that came in another way, u3 that was retired."""
    one, other, gone = (ward.unit(name) for name in ("u1", "u2", "u3"))
    for number, name in enumerate(NAMES):
        one.now += dt.timedelta(days=1)
        one.check(document=document_of(number, name), visit={"ref": f"V-2026-{number:04}", "source": "typed"})
    one.check("failed", officers=("g-0001", "g-0002"), contact={"phone": "+86 791 5550"})
    one.check("passed", drill=True)
    other.check("manual", officers=("g-0001", "g-0002"), channel="ganfutong", document=document_of(9, LONG, "passport"))
    gone.check("refused")
    gone.outbox.append({"kind": "retire", "reason": "replaced"})
    gone.deliver()
    gone.tell_health()
    for unit in (one, other):
        unit.now = dt.datetime.now(dt.UTC)
        unit.deliver()
        unit.tell_health()


@dataclass(slots=True)
class Office:
    """Who exports, and who verifies with nothing but the files and the authority's certificate."""

    ward: Ward
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: object, status: int = 0) -> str:
        done = main(["--config", str(self.ward.toml), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        assert done == status, err
        return out + err

    def export(self, form: str, *more: str, status: int = 0) -> Path:
        path = self.folder / f"export.{form}"
        self.run("export", "--format", form, *QUARTER, "--out", path, *more, status=status)
        return path

    def named(self, form: str) -> Path:
        return self.export(form, "--names", "--by", "王主任")

    def verify(self, path: Path, *more: object, status: int = 1) -> list[str]:
        """What the verifier says, its verdict last."""
        authority = self.ward.root / "authority/authority.pem"
        done = vernix(["verify", "--export", str(path), "--authority", str(authority), *map(str, more)])
        out, err = self.capsys.readouterr()
        assert done == status, out + err
        return (out + err).splitlines()


def statement_of(path: Path) -> dict[str, Any]:
    """What was signed."""
    last = proof_path(path).read_bytes().splitlines()[-1]
    return json_object(parse(json_object(last)["proof"], "vernix-export-proof+jws").payload)
