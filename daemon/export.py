"""``vernix export``: the unit's records as it keeps them, encrypted, with a signed head.

JSON Lines: the first line says whose and holds a signed health message; then one record a line. Only the gateway's key
or the site's recovery key opens them.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from daemon.config import Config
from daemon.delivery import health_message
from daemon.identity import load_identity
from daemon.lock import DataFolder
from daemon.parts import open_outbox
from evidence.encoding import json_bytes
from evidence.files import sync_folder

FORMAT = "vernix-sealed-bundle"


def export_sealed(config: Config, path: Path) -> int:
    """Write all records to ``path``; how many.

    Raises:
        OSError: the disk is full or read-only; then there is no file, not half of one.
        DataFolderBusy: the unit is running.
    """
    temporary = path.with_name(f".{path.name}.new")
    with DataFolder(config.unit.data):
        identity = load_identity(config, dt.datetime.now(dt.UTC))
        outbox = open_outbox(config, identity)
        try:
            first = {"format": FORMAT, "v": 1, "head": health_message(outbox, config.address, identity.signer, 0)}
            with temporary.open("wb") as stream:
                stream.write(json_bytes(first) + b"\n")
                count = 0
                for seq, sha256, sealed in outbox.every_envelope():
                    line = {"seq": seq, "sha256": sha256, "envelope": sealed.decode("ascii")}
                    stream.write(json_bytes(line) + b"\n")
                    count += 1
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
            sync_folder(path.absolute().parent)
        finally:
            temporary.unlink(missing_ok=True)
            outbox.close()
    return count
