"""``vernix``, and ``python -m daemon``: the same."""

from __future__ import annotations

import sys

from evidence.console import start


def main() -> int:
    """Entry point; the exit status is that of :func:`daemon.cli.main`."""
    return start("daemon.cli")


if __name__ == "__main__":
    sys.exit(main())
