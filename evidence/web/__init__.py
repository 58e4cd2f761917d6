"""The verifier as one static page: ``index.html``, built by :mod:`evidence.web.build` from ``source/``.

The page is the second implementation of the procedure in :mod:`evidence.verify`; it shares no code with the first.
"""
