"""``python -m evidence.forms``: a sheet on standard input, its PDF on standard output.

The unit renders in such a process: what typst keeps of a sheet in its caches ends with it, and nothing in it can take
the unit down. Exit status 0; 2 not a sheet; 3 a font is missing, or the sheet cannot be set, with one sentence on
standard error that holds nothing of the sheet.
"""

from __future__ import annotations

import sys

from evidence.errors import MalformedError
from evidence.forms.fonts import FontMissing
from evidence.forms.render import FormUnusable, render
from evidence.forms.sheet import Sheet


def main() -> int:
    """See above."""
    try:
        printed = render(Sheet.from_bytes(sys.stdin.buffer.read()))
    except MalformedError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (FontMissing, FormUnusable) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.buffer.write(printed.pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
