"""All steps in order: `python -m models.convert`."""

from __future__ import annotations

from models.convert import fetch, fidelity, golden, manifest_entries, simplify, to_tflite

for step in (fetch, simplify, to_tflite, manifest_entries, golden, fidelity):
    step.main()
