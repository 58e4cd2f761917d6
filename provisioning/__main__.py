"""``vernix-provision``, and ``python -m provisioning``: the same."""

from __future__ import annotations

import sys

from evidence.console import start


def main() -> int:
    """Entry point; the exit status is that of :func:`provisioning.cli.main`."""
    return start("provisioning.cli")


if __name__ == "__main__":
    sys.exit(main())
