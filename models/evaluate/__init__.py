"""Measuring: error rates of the whole pipeline on pictures outside this repository; `python -m models.evaluate`."""
