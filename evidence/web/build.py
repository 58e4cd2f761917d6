"""Write ``index.html``, the page in one file: ``python -m evidence.web.build``. Run by hand; the page is committed.

Style and scripts go into the page as they are, and their hashes into its content security policy: nothing else runs in
the page, and it may load nothing and connect to nothing.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "source"
PAGE = FOLDER / "index.html"
#: In the order in which they build on one another.
SCRIPTS = (
    "bytes",
    "json",
    "instants",
    "schema",
    "jws",
    "der",
    "certificate",
    "keys",
    "assertion",
    "procedure",
    "bundle",
    "texts",
    "fields",
    "parts",
    "report",
    "page",
)


def _read(name: str) -> str:
    text = (SOURCE / name).read_text(encoding="utf-8")
    if "</" + "script" in text or "</" + "style" in text or "<!--" in text:
        raise ValueError(f"{name} would end or hide its own element in the page")
    return text


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(style: str, scripts: list[str]) -> str:
    """The content security policy under which only ``style`` and ``scripts`` count."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(_hash(script) for script in scripts)}",
            f"style-src {_hash(style)}",
            "connect-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def page() -> str:
    """The whole page."""
    style = _read("style.css")
    scripts = [_read(f"{name}.js") for name in SCRIPTS]
    template = (SOURCE / "page.html").read_text(encoding="utf-8")
    elements = "\n".join(f"<script>{script}</script>" for script in scripts)
    filled = template.replace("{{policy}}", policy(style, scripts)).replace("{{style}}", f"<style>{style}</style>")
    return filled.replace("{{scripts}}", elements)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
