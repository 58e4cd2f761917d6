"""``vernix export --rows``: the unit's checks as rows without a person, onto a stick for instance, with a signed proof.

The unit cannot read its own records; these rows are what it keeps in clear (:mod:`daemon.outbox.checks`). They are read
beside the running unit, in one transaction that writes nothing.
"""

from __future__ import annotations

import datetime as dt
import getpass
import sqlite3
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config import Config
from daemon.identity import OUTBOX, load_identity
from evidence.certificates import load_certificate
from evidence.chain import Head
from evidence.export_proof import Coverage, ProofWriter, proof_path
from evidence.export_rows import Format, Row, cell, row_digest
from evidence.export_writers import Holds, open_writer
from evidence.files import digest_of, whole_files
from evidence.health import write_health
from evidence.instants import local_text, read_instant, write_instant
from evidence.keys import Signer
from evidence.progress import watched
from evidence.receipt import ranges_of
from evidence.record import Kind
from evidence.succession import read_succession


@dataclass(frozen=True, slots=True)
class Column:
    """A heading of the rows."""

    key: str
    title: str
    holds: Holds = Holds.TEXT


COLUMNS = (
    Column("unit", "人证核验设备"),
    Column("seq", "记录序号", Holds.NUMBER),
    Column("time", "核验时间", Holds.MOMENT),
    Column("checkpoint", "关键节点代码"),
    Column("outcome", "核验结果代码"),
    Column("debt", "待补核"),
    Column("delivered", "已送达"),
    Column("sha256", "记录指纹(SHA-256)"),
)
# What is owed stays longer than other checks: the rows begin after the last one that is forgotten, and lack none.
_FORGOTTEN = """SELECT max(earliest) FROM records
    WHERE kind = 'check' AND seq NOT IN (SELECT seq FROM checks)"""
_SQL = """SELECT checks.seq, checks.at, checks.checkpoint, checks.outcome, checks.owed,
    coalesce(records.receipted, 1) > 0, checks.sha256
    FROM checks LEFT JOIN records ON records.seq = checks.seq WHERE NOT checks.drill AND at >= ? ORDER BY checks.seq"""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the outbox says at one moment; ``checks`` are those from ``first`` on, and no drills."""

    head: Head
    numbers: list[int] = field(repr=False)
    kinds: dict[str, int]
    first: str
    last: str
    drills: int
    checks: list[tuple[int, str, str, str, int, int, str]] = field(repr=False)


def export_rows(config: Config, path: Path, form: Format) -> int:
    """Write the unit's checks, drills apart, to ``path`` and the proof beside it; how many.

    Raises:
        BrokenOff: the rows are there, their proof is not.
        OSError: the disk is full, read-only or was pulled; what was there before is there still, both or neither.
        TooManyRows: a sheet has no room for them.
        sqlite3.Error: the outbox cannot be read.
        EvidenceError: the unit's key cannot be used.
    """
    now = dt.datetime.now(dt.UTC)
    identity, kept = load_identity(config, now), _read(config.unit.data / OUTBOX)
    with whole_files([path, proof_path(path)]) as (stream, beside):
        proof = ProofWriter(beside)
        with open_writer(form, stream, COLUMNS) as writer:
            for seq, row in watched(_rows(config.unit.id, kept), len(kept.checks), "writing"):
                writer.row(row)
                proof.row((config.unit.id, seq), row_digest(row))
            writer.end()
        sha256, size = digest_of(stream)
        file = {"name": path.name, "format": form.value, "sha256": sha256, "bytes": size, "rows": len(kept.checks)}
        statement = {**_statement(config, kept, identity.signer, now), "file": file}
        proof.finish(statement, identity.signer, load_certificate(_certificate(config, identity.signer.kid)))
    return len(kept.checks)


def _read(database: Path) -> _Kept:
    uri = f"file:{urllib.parse.quote(str(database.absolute()))}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        db.execute("BEGIN")
        first, last = db.execute("SELECT min(earliest), max(earliest) FROM records").fetchone()
        if (forgotten := db.execute(_FORGOTTEN).fetchone()[0]) is not None:
            first = _after(forgotten)
        checks = db.execute(_SQL, (first,)).fetchall()
        drills = db.execute("SELECT count(*) FROM checks WHERE drill AND at >= ?", (first,)).fetchone()[0]
        numbers = [seq for (seq,) in db.execute("SELECT seq FROM records ORDER BY seq")]
        kinds = dict(db.execute("SELECT kind, count(*) FROM records GROUP BY kind ORDER BY kind").fetchall())
        head = db.execute("SELECT seq, sha256 FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    return _Kept(Head(*head), numbers, kinds, first, last, drills, checks)


def _after(instant: str) -> str:
    return write_instant(read_instant(instant) + dt.timedelta(milliseconds=1))


def _rows(unit: str, kept: _Kept) -> Iterator[tuple[int, Row]]:
    for seq, at, checkpoint, outcome, owed, delivered, sha256 in kept.checks:
        values = (unit, seq, local_text(read_instant(at)), checkpoint, outcome, bool(owed), bool(delivered), sha256)
        yield seq, [cell(value) for value in values]


def _statement(config: Config, kept: _Kept, signer: Signer, now: dt.datetime) -> dict[str, object]:
    """The unit's word; checks that it has forgotten after 400 days are those of another time."""
    said = {"unit": config.unit.id, "site": config.unit.site, "at": write_instant(now)}
    cover = Coverage(
        config.unit.id,
        kept.head,
        tuple(ranges_of(kept.numbers)),
        (),
        kept.kinds,
        len(kept.checks),
        kept.drills,
        kept.kinds.get(Kind.CHECK, 0) - len(kept.checks) - kept.drills,
        write_health(said, kept.head, signer),
        (),
    )
    return {
        "site": config.unit.site,
        "made": write_instant(now),
        "by": getpass.getuser(),
        "names": False,
        "period": {"from": kept.first, "until": max(write_instant(now), _after(kept.last))},
        "columns": [[one.key, one.title] for one in COLUMNS],
        "units": [cover.to_dict()],
    }


def _certificate(config: Config, kid: str) -> Path:
    """The certificate of the key in force."""
    folder = config.keys.certificate.parent
    later = {one.kid: one.certificate for one in read_succession(folder)}
    return folder / later.get(kid, config.keys.certificate.name)
