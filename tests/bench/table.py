"""What a bench returns, and how it is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. ``target`` is what it should be, in words; ``met`` None where there is no target."""

    what: str
    value: float | None
    unit: str
    target: str = ""
    met: bool | None = None
    note: str = ""


Bench = Callable[[], Sequence[Row]]


def print_rows(name: str, rows: Sequence[Row]) -> None:
    """A table for people."""
    print(f"\n{name}")
    for row in rows:
        value = "absent" if row.value is None else f"{row.value:10.3g}"
        verdict = {None: "", True: "met", False: "MISSED"}[row.met]
        print(f"  {row.what:52}{value:>10} {row.unit:8}{row.target:22}{verdict:8}{row.note}".rstrip())
