"""``vernix-gateway``, and ``python -m gateway``: the same."""

from __future__ import annotations

import sys

from evidence.console import start


def main() -> int:
    """Entry point; the exit status is that of :func:`gateway.cli.main`."""
    return start("gateway.cli")


if __name__ == "__main__":
    sys.exit(main())
