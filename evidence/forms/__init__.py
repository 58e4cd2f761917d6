"""Forms on paper: what a record says, in the words of the rules, as a PDF with its fonts inside.

``fill`` and ``register`` make a sheet of a record's fields and pictures, ``render`` makes a PDF of a sheet. Pure:
nothing is written, and the PDF's metadata tell nothing of the person.
"""
