"""A process that writes records until it is killed: ``python -m tests.daemon.outbox_writer HOME``.

It prints a line for each record only after it is committed: ``<seq> <sha256> <check id>``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from daemon.check_id import new_check_id
from tests.daemon.support import Home, check_fields


def main(folder: Path) -> None:
    """Write until somebody pulls the plug."""
    outbox = Home(folder).outbox()
    while True:
        check = new_check_id()
        stored = outbox.append(check_fields(check), alert=True)
        os.write(1, f"{stored.seq} {stored.sha256} {check}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
