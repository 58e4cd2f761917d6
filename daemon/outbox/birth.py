"""The first record of a chain, made by provisioning."""

from __future__ import annotations

from pathlib import Path

from daemon.outbox.schema import OutboxDamaged
from evidence import chain
from evidence.errors import ChainError, MalformedError
from evidence.record import Record
from evidence.verify import read_record


def read_birth(path: Path, certificate_der: bytes) -> Record:
    """The birth record that provisioning left for the unit.

    Raises:
        OutboxDamaged: missing, or not the birth record of this certificate.
    """
    try:
        birth = read_record(path.read_text("ascii").strip())
        chain.follow(chain.genesis(certificate_der), birth)
    except OSError as error:
        raise OutboxDamaged(f"{path}: cannot read the birth record: {error.strerror}") from error
    except (MalformedError, ChainError, UnicodeDecodeError) as error:
        raise OutboxDamaged(f"{path}: not the birth record of this unit's certificate: {error}") from error
    return birth
