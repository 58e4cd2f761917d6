"""What the tests of several folders share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: The root of the repository.
ROOT: Final = Path(__file__).resolve().parents[2]

#: The import packages that the distribution consists of.
PACKAGES: Final = ("evidence", "hw", "models", "daemon", "gateway", "provisioning")
