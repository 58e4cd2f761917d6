"""The campaign: cut at every point, then at random ones; torn and lost writes on copies of the files."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.disk import UNSEEN, Disk
from tests.faults.tally import Tally
from tests.faults.tracing import Call, Point, TracingFailed, points_of, read_trace, run
from tests.faults.ways import Verdict, Way

SERIES = 3
"""Kills in the same folder, one after the other, at most."""
TRACES = 6
"""Different lives of a process whose traces are replayed."""
REAL = 0.25
"""How many of the random cuts are a SIGKILL; the others are torn and lost writes."""


@dataclass(frozen=True, slots=True)
class _Life:
    """A life of the process that was traced: what its disk held before, and its calls."""

    before: Path
    said_before: tuple[str, ...]
    calls: tuple[Call, ...] = field(repr=False)


class Campaign:
    """Cuts one way, and counts."""

    def __init__(self, way: Way, seed: int, progress: Callable[[int, str], None]) -> None:
        self._way, self._seed, self._progress = way, seed, progress
        self._random = Random(f"{seed}/{way.name}")
        self.tally = Tally(way.name)
        self._holder: AbstractContextManager[str] = tempfile.TemporaryDirectory(prefix="vernix-cuts-")

    def run(self, cuts: int, share: float = 1.0) -> Tally:
        """Cut at all points of one life (or a ``share`` of them), then ``cuts`` times at random."""
        with self._holder as name:
            folder = Path(name).resolve()
            lives = self._trace(folder)
            self._enumerate(folder, lives[0], share)
            begun = self._cuts()
            while self._cuts() - begun < cuts:
                if self._random.random() < REAL:
                    self._kill_at_random(folder)
                else:
                    self._tear(folder, self._random.choice(lives))
        return self.tally

    def _cuts(self) -> int:
        return self.tally.killed + self.tally.torn

    # --- tracing --------------------------------------------------------------------------------------------------

    def _trace(self, folder: Path) -> list[_Life]:
        """Lives to replay. Every other begins where a cut has left the one before."""
        lives: list[_Life] = []
        for number in range(TRACES):
            before = folder / f"before-{number}"
            before.mkdir()
            said: tuple[str, ...] = ()
            if number % 2:
                said = self._cut(lives[-1], before, self._random)
            lives.append(self._trace_one(folder, before, said, number))
        return lives

    def _trace_one(self, folder: Path, before: Path, said: tuple[str, ...], number: int) -> _Life:
        data, trace = folder / "data", folder / "trace"
        _copy(before, data)
        run(lambda say: self._way.live(data, say, self._script(number)), trace=trace)
        life = _Life(before, said, tuple(read_trace(trace)))
        disk = self._disk(life, data, [])
        for call in life.calls:
            disk.follow(call)
        if disk.now() != {str(path): path.read_bytes() for path in _files(data)}:
            raise TracingFailed("the replay of a whole life does not lead to the files that are there")
        return life

    def _script(self, number: int) -> Random:
        return Random(f"{self._seed}/{self._way.name}/{number}")

    @staticmethod
    def _disk(life: _Life, data: Path, said: list[str]) -> Disk:
        """The disk before ``life``, as if it were in ``data``, where the calls were made."""
        here = data.with_name("holds")
        _copy(life.before, here)
        disk = Disk.load(here, lambda text: said.extend(text.decode().splitlines()))
        disk.move(str(data))
        return disk

    # --- cutting --------------------------------------------------------------------------------------------------

    def _enumerate(self, folder: Path, life: _Life, share: float) -> None:
        points = points_of(life.calls)
        wanted = max(1, round(share * len(points)))
        for number in range(wanted):
            data = folder / "data"
            _copy(life.before, data)
            self._kill(data, [], points[number * len(points) // wanted], self._script(0))
            self.tally.points += 1

    def _kill_at_random(self, folder: Path) -> None:
        """A few kills in a row, judged after each: what was confirmed before the first must be there to the last."""
        data, said = folder / "data", list[str]()
        _copy(None, data)
        for _ in range(self._random.randint(1, SERIES)):
            point = Point(*self._random.choice((("pwrite64", 60), ("write", 40), ("fsync", 30), ("fdatasync", 40))))
            point = Point(point.name, self._random.randint(1, point.nth))
            self._kill(data, said, point, Random(self._random.random()))

    def _kill(self, data: Path, said: list[str], point: Point, script: Random) -> None:
        outcome = run(lambda say: self._way.live(data, say, script), kill=point)
        said += outcome.said
        self.tally.killed += outcome.killed
        self.tally.not_reached += not outcome.killed
        copy = data.with_name("judged")
        _copy(data, copy)
        self._judge(copy, said, f"killed before {point.name} {point.nth}")

    def _tear(self, folder: Path, life: _Life) -> None:
        copy = folder / "judged"
        seed = self._random.random()
        said = self._cut(life, copy, Random(seed))
        self.tally.torn += 1
        self._judge(copy, said, f"torn, seed {seed}")

    def _cut(self, life: _Life, target: Path, random: Random) -> tuple[str, ...]:
        """Leave in ``target`` what a cut somewhere in ``life`` may leave; all that was said until then."""
        said = list(life.said_before)
        data = life.before.with_name("data")
        disk = self._disk(life, data, said)
        for call in life.calls[: random.randint(1, len(life.calls))]:
            disk.follow(call)
        _copy(None, target)
        for path, content in disk.cut(random).items():
            file = target / Path(path).relative_to(data)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tuple(said)

    def _judge(self, folder: Path, said: Sequence[str], what: str) -> None:
        began_s = time.perf_counter()
        verdict: Verdict = self._way.judge(folder, said)
        tally = self.tally
        tally.slowest_start_s = round(max(tally.slowest_start_s, time.perf_counter() - began_s), 2)
        tally.records += verdict.records
        tally.lost += len(verdict.lost)
        tally.doubled += len(verdict.doubled)
        tally.broken += len(verdict.broken)
        tally.faults += [f"{what}: {fault}" for fault in verdict.faults]
        self._progress(tally.killed + tally.torn + tally.not_reached, tally.way)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not str(path).endswith(UNSEEN)]


def _copy(source: Path | None, target: Path) -> None:
    """Make ``target`` a copy of ``source``, or an empty folder."""
    shutil.rmtree(target, ignore_errors=True)
    if source is None:
        target.mkdir()
    else:
        shutil.copytree(source, target)
