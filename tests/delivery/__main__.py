"""Runs :mod:`tests.delivery.cli`."""

from __future__ import annotations

import sys

from tests.delivery.cli import main

sys.exit(main())
