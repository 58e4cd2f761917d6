"""Vernix's tests: the tree mirrored, plus what spans it (architecture, end_to_end, device, bench, vectors).

Every folder with Python files is a package, so that ``tests.hw`` and ``hw`` cannot be mistaken for one another and
``python -m tests.bench`` works. What several folders share is in ``tests.support``.
"""
