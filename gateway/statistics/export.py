"""An export and its proof: both whole, or neither."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from evidence.export_proof import ProofWriter, proof_path
from evidence.export_rows import Format, row_digest
from evidence.export_writers import Extra, Writer, open_writer
from evidence.files import digest_of, whole_files
from evidence.instants import write_instant
from evidence.keys import Signer
from gateway.statistics.counts import BY, Counts, figures, key_title
from gateway.statistics.facts import Check
from gateway.statistics.rows import Column, columns_of, row_of
from gateway.statistics.survey import Period, Survey, UnitSurvey
from gateway.statistics.words import OUTCOMES


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be exported, by whom, and who signs for it.

    Attributes:
        officers: officers' names by id; None: nobody is named.
    """

    site: str
    path: Path
    form: Format
    period: Period
    by: str
    made: dt.datetime
    signer: Signer
    certificate: x509.Certificate
    officers: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What was exported: its hash, and the counts of its rows."""

    sha256: str
    size: int
    counts: Counts


def export(
    job: Job,
    survey: Survey,
    begun: Callable[[], None] = lambda: None,
    watch: Callable[[Iterable[Check]], Iterable[Check]] = iter,
) -> Done:
    """Write the checks of the period, and the proof beside them.

    Args:
        begun: is called before the first row is read, when it is known that files can be made there.
        watch: is handed the checks and hands them on, to show how far it is.

    Raises:
        BrokenOff: the export is there, its proof is not.
        OSError: the disk is full or read-only, or was pulled; what was there before is there still, both or neither.
        TooManyRows: the format has no room for them.
    """
    columns = columns_of(job.officers)
    mode = 0o644 if job.officers is None else 0o600
    with whole_files([job.path, proof_path(job.path)], mode=mode) as (stream, beside):
        begun()
        proof, counts = ProofWriter(beside), Counts()
        with open_writer(job.form, stream, columns) as writer:
            _write_rows(watch(survey.checks(job.period)), columns, writer, proof, counts)
            units = list(survey.units.values())
            for extra in (_figures(counts), _units(units), *_tables(counts, job.officers or {}), _meanings(columns)):
                writer.extra(extra)
            writer.end()
        sha256, size = digest_of(stream)
        proof.finish(_statement(job, columns, units, counts, sha256, size), job.signer, job.certificate)
    return Done(sha256, size, counts)


def _write_rows(
    checks: Iterable[Check], columns: tuple[Column, ...], writer: Writer, proof: ProofWriter, counts: Counts
) -> None:
    for check in checks:
        row = row_of(check, columns)
        writer.row(row)
        proof.row((check.unit, check.seq), row_digest(row))
        counts.add(check)


def _statement(
    job: Job, columns: tuple[Column, ...], units: Sequence[UnitSurvey], counts: Counts, sha256: str, size: int
) -> dict[str, object]:
    return {
        "site": job.site,
        "made": write_instant(job.made),
        "by": job.by,
        "names": job.officers is not None,
        "period": {"from": job.period.first, "until": job.period.until},
        "file": {
            "name": job.path.name,
            "format": job.form.value,
            "sha256": sha256,
            "bytes": size,
            "rows": counts.total,
        },
        "columns": [[one.key, one.title] for one in columns],
        "units": [one.coverage().to_dict() for one in units],
    }


def _figures(counts: Counts) -> Extra:
    rows: list[tuple[str | int, ...]] = [
        (titles[0], key, "" if value is None else value) for key, titles, value in figures(counts)
    ]
    return Extra("统计", [("项目", "key", "数量"), *rows])


def _units(units: Sequence[UnitSurvey]) -> Extra:
    def line(one: UnitSurvey) -> Iterator[str | int]:
        yield from (one.row.unit, one.rows, one.drills, one.head.seq, one.row.claimed.seq, one.row.claimed_at)
        yield ", ".join(f"{first}-{last}" for first, last in one.missing)

    titles = ("人证核验设备", "核验数", "演练数", "记录至序号", "设备签名序号", "设备签名时刻(UTC)", "缺失序号")
    return Extra("完整性", [titles, *([*line(one)] for one in units)])


def _meanings(columns: tuple[Column, ...]) -> Extra:
    rows = [(one.title, one.key, one.meaning) for one in columns]
    return Extra("字段说明", [("标题", "key", "meaning"), *rows])


_SHEETS = dict(zip(BY, ("按日期", "按关键节点", "按核验结果", "按核验人员", "按证件类型"), strict=True))


def _tables(counts: Counts, officers: Mapping[str, str]) -> Iterator[Extra]:
    titles = ("项目", "合计", *(OUTCOMES[outcome][0] for outcome in OUTCOMES))
    for by in BY:
        rows: list[list[str | int]] = [
            [key_title(by, key, officers)[0], found.total(), *(found[outcome] for outcome in OUTCOMES)]
            for key, found in counts.table(by)
        ]
        yield Extra(_SHEETS[by], [titles, *rows])
