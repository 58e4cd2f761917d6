"""``vernix export``: the unit's records as it keeps them, encrypted, with a signed head.

JSON Lines: the first line says whose and holds a signed health message, which also names what the unit overwrote after
the gateway's receipts; then one record a line. Only the gateway's key or the site's recovery key opens them.
"""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path

from daemon.config import Config
from daemon.delivery import health_message
from daemon.identity import load_identity
from daemon.lock import DataFolder
from daemon.parts import open_outbox
from evidence.encoding import json_bytes
from evidence.files import whole_file

FORMAT = "vernix-sealed-bundle"


def export_sealed(config: Config, path: Path) -> int:
    """Write all records to ``path``; how many.

    Raises:
        OSError: the disk is full or read-only; then there is what was there before, not half a file.
        DataFolderBusy: the unit is running.
    """
    with DataFolder(config.unit.data), whole_file(path) as stream:
        identity = load_identity(config, dt.datetime.now(dt.UTC))
        with closing(open_outbox(config, identity)) as outbox:
            gone = outbox.overwritten()
            said = health_message(outbox, config.address, identity.signer, 0, overwritten=gone)
            first = {"format": FORMAT, "v": 1, "head": said}
            stream.write(json_bytes(first) + b"\n")
            count = 0
            for seq, sha256, sealed in outbox.every_envelope():
                line = {"seq": seq, "sha256": sha256, "envelope": sealed.decode("ascii")}
                stream.write(json_bytes(line) + b"\n")
                count += 1
    return count
