"""``python -m provisioning``: the same as ``vernix-provision``."""

from __future__ import annotations

import sys

from provisioning.cli import main

sys.exit(main())
