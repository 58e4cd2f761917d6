"""The outbox: the unit's one chain, and every record until the gateway has it, and longer.

SQLite, write-ahead log, synchronous=FULL, one writer. A record exists once :meth:`Outbox.append` returned. It is kept
as ciphertext the unit cannot read; beside it stand number, hash, check id and whether a receipt came. A receipt makes
a record overwritable, it does not remove it: see :mod:`daemon.outbox.retention`.
"""

from daemon.outbox.birth import read_birth
from daemon.outbox.outbox import Outbox, Stored, Waiting
from daemon.outbox.schema import SCHEMA_VERSION, OutboxDamaged, key_in_force

__all__ = ["SCHEMA_VERSION", "Outbox", "OutboxDamaged", "Stored", "Waiting", "key_in_force", "read_birth"]
