"""``vernix-gateway statistics``, ``export`` and ``report``."""

from __future__ import annotations

import argparse
import datetime as dt
import errno
import getpass
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evidence.bundle import Bundle, write_bundle
from evidence.certificates import load_certificate
from evidence.export_proof import proof_path
from evidence.export_rows import Format
from evidence.files import BrokenOff, write_atomic
from evidence.instants import china_day, day_after, day_begins, write_instant
from evidence.keys import Signer
from evidence.progress import watched
from evidence.workbook import TooManyRows
from gateway.config import Config
from gateway.revocations import stored_list
from gateway.snapshot import snapshot
from gateway.statistics import page, report
from gateway.statistics.counts import BY, Counts, figures, key_title, to_dict
from gateway.statistics.export import Done, Job, export
from gateway.statistics.facts import Check
from gateway.statistics.survey import Period, Survey
from gateway.statistics.words import OUTCOMES
from gateway.store import Store

OpenSigner = Callable[[Config], Signer]
OK, FINDING, USAGE = 0, 1, 2
BUNDLE = "bundle"


class ArgumentsWrong(Exception):
    """What was typed does not go together; says what was expected."""


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"vernix-gateway: {line}\n")


def _open_store(config: Config) -> closing[Store]:
    return closing(Store(config.gateway.data / "gateway.db", create=False))


@contextmanager
def looked_at(config: Config, store: Store) -> Iterator[Survey]:
    """Everything looked at, with a bar on a terminal; what does not hold is told."""
    authority = load_certificate(config.keys.authority)
    with snapshot(store) as shot:
        watch = partial(watched, total=shot.count(), what="verifying")
        survey = Survey(shot, authority, stored_list(store, authority), watch, config.rules())
        for unit in survey.units.values():
            for seq, wrong in unit.broken.items():
                _complain(f"{unit.row.unit} seq {seq} is left out: {wrong}")
        yield survey


def _is_whole(survey: Survey) -> bool:
    return not any(unit.missing for unit in survey.units.values())


def _period(first: dt.date, last: dt.date) -> Period:
    """The days ``first`` to ``last`` in China, both included.

    Raises:
        ArgumentsWrong: there is no such day.
    """
    if last < first:
        raise ArgumentsWrong("--to is before --from")
    return Period(write_instant(day_begins(first)), write_instant(day_begins(day_after(last))))


# --- statistics ------------------------------------------------------------------------------------------------------


def statistics(config: Config, arguments: argparse.Namespace) -> int:
    """Count checks by day, checkpoint, outcome, officer or document. Drills apart. Exit 1 if records are missing."""
    today = china_day(dt.datetime.now(dt.UTC))
    first, last = arguments.first or today.replace(month=1, day=1), arguments.last or today
    period = _period(first, last)
    with _open_store(config) as store, looked_at(config, store) as survey:
        counts = Counts(survey.rules is not None)
        for check in survey.checks(period):
            counts.add(check)
    if arguments.html is not None:
        facts = page.Facts(
            config.gateway.site, first, last, dt.datetime.now(dt.UTC), counts, list(survey.units.values())
        )
        with _written(arguments.html):
            write_atomic(arguments.html, page.statistics_page(facts).encode("utf-8"))
        _say(json.dumps({"file": str(arguments.html)}) if arguments.json else f"{arguments.html}: written")
    elif arguments.json:
        _say(json.dumps(_as_json(first, last, counts, survey), ensure_ascii=False))
    else:
        for line in _lines(arguments.by, counts, survey):
            _say(line)
    return OK if _is_whole(survey) else FINDING


def _as_json(first: dt.date, last: dt.date, counts: Counts, survey: Survey) -> dict[str, Any]:
    units = [
        {
            "unit": one.row.unit,
            "checks": one.rows,
            "drills": one.drills,
            "verified": one.head.seq,
            "claimed": one.row.claimed.seq,
            "claimed_at": one.row.claimed_at,
            "missing": [list(pair) for pair in one.missing],
        }
        for one in survey.units.values()
    ]
    drills = sum(one.drills for one in survey.units.values())
    return {"from": str(first), "to": str(last), **to_dict(counts, {}), "drills": drills, "units": units}


def _lines(by: str, counts: Counts, survey: Survey) -> Iterator[str]:
    for key, titles, value in figures(counts):
        yield f"{key:26} {'-' if value is None else value:>8}  {titles[0]}"
    yield f"{'drills (never counted)':26} {sum(one.drills for one in survey.units.values()):>8}  演练"
    shown = [outcome for outcome in OUTCOMES if counts.outcomes[outcome]]
    yield ""
    yield f"{by:26} {'total':>8} " + " ".join(f"{outcome:>12}" for outcome in shown)
    for row, found in counts.table(by):
        cells = " ".join(f"{found[outcome]:>12}" for outcome in shown)
        yield f"{'/'.join(row) or '-':26} {found.total():>8} {cells}  {key_title(by, row, {})[0]}"
    yield ""
    for one in survey.units.values():
        gaps = ", ".join(f"{first} to {last}" for first, last in one.missing) or "none"
        head = f"signed head {one.row.claimed.seq} of {one.row.claimed_at}" if one.row.claim else "no signed head"
        yield f"{one.row.unit}: verified to {one.head.seq}, {head}, missing: {gaps}"


# --- export ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exporter:
    """``export``; signing needs the gateway's key."""

    open_signer: OpenSigner

    def __call__(self, config: Config, arguments: argparse.Namespace) -> int:
        if arguments.format == BUNDLE:
            if arguments.unit is None or arguments.file is None:
                raise ArgumentsWrong("a bundle needs UNIT and FILE; rows need --format csv, xlsx or jsonl")
            return _bundle(config, arguments.unit, arguments.file)
        if None in (arguments.first, arguments.last, arguments.out) or arguments.unit is not None:
            raise ArgumentsWrong("rows need --from, --to and --out, and are of all units")
        if arguments.names and arguments.by is None:
            raise ArgumentsWrong("rows that name people need --by: who takes them out is kept in the audit")
        return self._rows(config, arguments)

    def _rows(self, config: Config, arguments: argparse.Namespace) -> int:
        period, now, by = _period(arguments.first, arguments.last), dt.datetime.now(dt.UTC), arguments.by
        by = by or getpass.getuser()
        with _open_store(config) as store, looked_at(config, store) as survey:
            job = Job(
                config.gateway.site,
                arguments.out,
                Format(arguments.format),
                period,
                by,
                now,
                self.open_signer(config),
                load_certificate(config.keys.signing_certificate),
                _officer_names(store) if arguments.names else None,
            )
            about = f"{job.form} {arguments.first} to {arguments.last}{' with names' if arguments.names else ''}"

            def begun() -> None:
                with store.transaction():
                    store.officers.note_export(by, about, now, done=False)

            with _written(arguments.out):
                done = export(job, survey, begun, partial(_bar, survey.most_checks))
            with store.transaction():
                said = f"{about}, {done.counts.total} rows, sha256 {done.sha256}"
                store.officers.note_export(by, said, dt.datetime.now(dt.UTC), done=True)
        _tell(arguments, done)
        return OK if _is_whole(survey) else FINDING


_PULLED = "the disk was pulled or fails: take another"
_ADVICE = {
    errno.ENOSPC: "the disk is full: make room there, or take another",
    errno.EDQUOT: "the disk is full: make room there, or take another",
    errno.EFBIG: "the disk takes no file as large: take another",
    errno.EROFS: "the disk is write-protected: take the protection off, or take another",
    errno.EACCES: "let this user write there",
    errno.EPERM: "let this user write there",
    errno.ENOENT: "there is no such folder: make it, or put the disk in",
    errno.ENOTDIR: "there is no such folder: make it, or put the disk in",
    errno.EISDIR: "it is a folder: name a file in it",
    **dict.fromkeys((errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE), _PULLED),
}


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """What went wrong with a file, with its name and what to do; there is no half of it, or it is told which.

    Raises:
        OSError: see :data:`_ADVICE`.
        ArgumentsWrong: the format has no room.
    """
    try:
        yield
    except BrokenOff as error:
        raise OSError(f"{path}: {error.strerror}") from error
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "see to it and try again")
        raise OSError(f"{path}: {error.strerror or error}; {advice}. Nothing was written") from error
    except TooManyRows as error:
        raise ArgumentsWrong(f"{path}: {error}") from error


def _bar(total: int, checks: Iterable[Check]) -> Iterable[Check]:
    return watched(checks, total, "writing")


def _tell(arguments: argparse.Namespace, done: Done) -> None:
    proof = proof_path(arguments.out)
    if arguments.json:
        said = {"file": str(arguments.out), "proof": str(proof), "rows": done.counts.total, "sha256": done.sha256}
        _say(json.dumps(said, ensure_ascii=False))
    else:
        _say(f"{arguments.out}: {done.counts.total} checks, {done.size} bytes, sha256 {done.sha256}")
        _say(f"{proof}: the proof; vernix verify --export {arguments.out} --authority authority.pem")


def _officer_names(store: Store) -> dict[str, str]:
    with store.transaction():
        return {one.id: one.name for one in store.officers.accounts()}


def _bundle(config: Config, unit: str, file: Path) -> int:
    with _open_store(config) as store:
        row = store.unit(unit)
        records = tuple(store.chained_jws(unit))
    if row is None:
        _complain(f"no records of a unit {unit}")
        return FINDING
    write_bundle(file, Bundle(row.unit, config.gateway.site, row.head, records))
    _say(f"{file}: {len(records)} records of {row.unit}")
    return OK


# --- the quarterly report --------------------------------------------------------------------------------------------


def quarter_report(config: Config, arguments: argparse.Namespace) -> int:
    """The quarterly self-inspection (每季度自查) as a page to print and sign. Exit 1 if it finds something."""
    first, last = arguments.quarter
    now = dt.datetime.now(dt.UTC)
    with _open_store(config) as store, looked_at(config, store) as survey:
        counts, open_cases = Counts(survey.rules is not None), report.OpenCases()
        for check in survey.checks(_period(first, last)):
            counts.add(check)
            open_cases.add(check)
        with store.transaction():
            accounts, audit = store.officers.accounts(), store.officers.audit()
        kept = store.kept_apart()
    facts = page.Facts(config.gateway.site, first, last, now, counts, list(survey.units.values()))
    said = report.Report(facts, open_cases, report.roster_of(accounts, audit, facts), len(kept))
    with _written(arguments.out):
        write_atomic(arguments.out, report.report_page(said).encode("utf-8"))
    found = report.findings(said)
    if arguments.json:
        _say(json.dumps({"file": str(arguments.out), "findings": [one[1] for one in found]}, ensure_ascii=False))
    else:
        _say(f"{arguments.out}: {counts.total} checks, {len(found)} findings")
    return FINDING if found else OK


def _quarter(text: str) -> tuple[dt.date, dt.date]:
    """First and last day of a quarter written as 2026Q3."""
    year, _, number = text.upper().partition("Q")
    if number not in ("1", "2", "3", "4"):
        raise ValueError
    first, end = dt.date(int(year), 3 * int(number) - 2, 1), dt.date(int(year), 3 * int(number), 30)
    return _known(first), _known(end if number in "23" else end.replace(day=31))


def _day(text: str) -> dt.date:
    return _known(dt.date.fromisoformat(text))


def _known(day: dt.date) -> dt.date:
    """``day``, if the calendar goes on before and after it in every time zone: usage otherwise, not a failure later."""
    _ = day_begins(day), day_begins(day_after(day))
    return day


_quarter.__name__, _day.__name__ = "quarter", "day"  # what argparse calls them


def _add_days(parser: Any) -> None:
    parser.add_argument("--from", dest="first", type=_day, metavar="DAY", help="first day in China, 2026-01-01")
    parser.add_argument("--to", dest="last", type=_day, metavar="DAY", help="last day, included")


def add_commands(commands: Any, open_signer: OpenSigner) -> None:
    """Add the commands to the command line."""

    def add(name: str, action: Callable[[Config, argparse.Namespace], int], about: str) -> Any:
        parser = commands.add_parser(name, help=about, description=about)
        parser.set_defaults(action=action)
        parser.add_argument("--json", action="store_true", help="a line of JSON")
        return parser

    parser = add("statistics", statistics, statistics.__doc__ or "")
    _add_days(parser)
    parser.add_argument("--by", choices=BY, default="outcome", help="what the table counts by (default: outcome)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with charts instead")
    about = "Checks as rows, with a proof of completeness; or all records of UNIT as a bundle for vernix verify."
    parser = add("export", _Exporter(open_signer), about)
    parser.add_argument("unit", nargs="?")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--format", choices=[BUNDLE, *map(str, Format)], default=BUNDLE)
    _add_days(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the rows; the proof is written beside them")
    parser.add_argument("--names", action="store_true", help="with what names people; needs --by")
    parser.add_argument("--by", metavar="WHO", help="who takes it out (default: the user who is logged in)")
    parser = add("report", quarter_report, quarter_report.__doc__ or "")
    parser.add_argument("--quarter", type=_quarter, required=True, metavar="2026Q3")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="an HTML page without outside resources"
    )
