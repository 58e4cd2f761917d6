"""Exports and their proofs: whoever verifies one got both from somebody else."""

from __future__ import annotations

from contextlib import closing, suppress

from daemon.export_rows import export_rows
from evidence.certificates import load_certificate
from evidence.errors import EvidenceError, MalformedError
from evidence.export_proof import proof_path
from evidence.export_rows import SHEET, Format, read_rows
from evidence.export_verify import verify_export
from evidence.workbook import Workbook
from tests.daemon.support import Home, build, check_fields
from tests.fuzz.mutations import mutated
from tests.fuzz.scratch import folder, written
from tests.fuzz.target import Target


def targets() -> list[Target]:
    """All of them."""
    home = Home(folder() / "exports-home")
    build(home.folder)
    with closing(home.outbox()) as outbox:
        for _ in range(3):
            outbox.append(check_fields())
    paths = {form: home.folder / f"rows.{form}" for form in (Format.CSV, Format.JSONL)}
    for form, path in paths.items():
        export_rows(home.config(), path, form)
    authority = load_certificate(home.site / "authority/authority.pem")
    proofs = [proof_path(path).read_bytes() for path in paths.values()]
    sheet = home.folder / "rows.xlsx"
    with sheet.open("w+b") as stream:
        book = Workbook(stream)
        book.sheet(SHEET, ["unit", "seq"], [9, 9])
        book.end()

    def rows(data: bytes) -> None:
        for form, path in paths.items():
            changed = written(path.name, data)
            proof = proof_path(path)
            assert not verify_export(changed, proof, authority).sound or changed.read_bytes() == path.read_bytes()
            with suppress(EvidenceError):
                list(read_rows(changed, form, ["unit"]))

    def proof(data: bytes) -> None:
        verify_export(paths[Format.CSV], written("x.proof.jsonl", data), authority)

    return [
        Target("evidence: rows of an export", mutated([path.read_bytes() for path in paths.values()]), rows),
        Target("evidence: proof of an export", mutated(proofs), proof, (MalformedError,)),
        Target(
            "evidence: sheet of an export",
            mutated([sheet.read_bytes()]),
            lambda data: list(read_rows(written("x.xlsx", data), Format.XLSX, ["unit", "seq"])),
            (MalformedError,),
        ),
    ]
