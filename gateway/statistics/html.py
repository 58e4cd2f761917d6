"""Pieces of a page in two languages that needs nothing from outside: text, tables, charts as SVG.

Every text stands there in Chinese and English; the style shows one of them, Chinese first. Colour tells nothing alone:
each bar has its figure beside it, and each chart its table.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from gateway.statistics.words import Title

_WIDTH = 720
_STYLE = """
:root { --ink:#14202b; --soft:#45545f; --paper:#fff; --line:#7b8a96; --shade:#eef2f5; --bar:#0b5d8a; --warn:#9a1c1c; }
* { box-sizing:border-box; }
html { font:16px/1.55 "Noto Sans CJK SC","Noto Sans SC","Source Han Sans SC","Microsoft YaHei",sans-serif; }
body { margin:0 auto; padding:1rem 1.25rem 3rem; max-width:64rem; color:var(--ink); background:var(--paper); }
html[data-tongue="zh"] .en, html[data-tongue="en"] .zh { display:none; }
header { display:flex; flex-wrap:wrap; gap:1rem; justify-content:space-between; align-items:start; }
h1 { font-size:1.5rem; margin:0; } h2 { font-size:1.15rem; margin:1.8rem 0 .4rem; } p { margin:.3rem 0; }
.soft { color:var(--soft); }
button { font:inherit; min-height:2.75rem; padding:.2rem 1rem; border:2px solid var(--bar); border-radius:.4rem;
  background:var(--paper); color:var(--ink); cursor:pointer; }
button:focus-visible, .wide:focus-visible { outline:3px solid var(--warn); outline-offset:2px; }
dl.figures { display:grid; grid-template-columns:repeat(auto-fill,minmax(11.5rem,1fr)); gap:.6rem; margin:.8rem 0; }
dl.figures div { border:1px solid var(--line); border-radius:.4rem; padding:.5rem .7rem; }
dl.figures dt { color:var(--soft); font-size:.9rem; } dl.figures dd { margin:0; font-size:1.5rem; font-weight:600; }
figure { margin:1.2rem 0; break-inside:avoid; } svg { width:100%; height:auto; display:block; }
svg text { font-size:14px; fill:var(--ink); } svg rect { fill:var(--bar); }
.wide { overflow-x:auto; } table { border-collapse:collapse; font-size:.92rem; margin:.4rem 0; }
th, td { border:1px solid var(--line); padding:.2rem .55rem; text-align:left; } th { background:var(--shade); }
td.n { text-align:right; font-variant-numeric:tabular-nums; }
ul.findings li { margin:.3rem 0; } .bad { color:var(--warn); font-weight:600; }
.sign { display:grid; grid-template-columns:repeat(3,1fr); gap:2rem; margin-top:3rem; }
.sign p { border-top:1px solid var(--ink); padding-top:.3rem; }
@media print { button { display:none; } body { max-width:none; } h2 { break-after:avoid; } tr { break-inside:avoid; } }
"""
_SCRIPT = """
const root = document.documentElement;
document.querySelector("button").addEventListener("click", () => {
  const tongue = root.dataset.tongue === "zh" ? "en" : "zh";
  root.dataset.tongue = tongue;
  root.lang = tongue === "zh" ? "zh-CN" : "en";
});
"""


def both(title: Title) -> str:
    """A text in both languages."""
    chinese, english = (escape(text) for text in title)
    return f'<span class="zh" lang="zh-CN">{chinese}</span><span class="en" lang="en">{english}</span>'


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def page(title: Title, about: Iterable[Title], parts: Iterable[str]) -> str:
    """A whole page: one file, no script but the switch of languages, nothing that any other address would be asked."""
    policy = f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; script-src 'sha256-{_hash(_SCRIPT)}'"
    under = "".join(f'<p class="soft">{both(line)}</p>' for line in about)
    return (
        '<!doctype html>\n<html lang="zh-CN" data-tongue="zh">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title[0])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><div><h1>{both(title)}</h1>{under}</div>"
        '<button type="button"><span class="zh" lang="en">English</span>'
        '<span class="en" lang="zh-CN">中文</span></button>'
        f"</header>\n<main>\n{''.join(parts)}\n</main>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def section(title: Title, *content: str) -> str:
    """A headline and what stands below it."""
    return f"<section><h2>{both(title)}</h2>{''.join(content)}</section>\n"


def paragraph(text: Title, kind: str = "") -> str:
    """A line of text; ``kind`` is a class of the style: ``soft`` or ``bad``."""
    return f'<p class="{kind}">{both(text)}</p>' if kind else f"<p>{both(text)}</p>"


def figures(items: Iterable[tuple[Title, int | None]]) -> str:
    """Single figures side by side."""
    shown = (f"<div><dt>{both(title)}</dt><dd>{'–' if value is None else value}</dd></div>" for title, value in items)
    return f'<dl class="figures">{"".join(shown)}</dl>'


Cell = str | int | Title


def table(name: Title, titles: Sequence[Title], rows: Iterable[Sequence[Cell]]) -> str:
    """A table; ``name`` is read to those who cannot see where it stands."""

    def cell(value: Cell) -> str:
        if isinstance(value, int):
            return f'<td class="n">{value}</td>'
        return f"<td>{both(value) if isinstance(value, tuple) else escape(value)}</td>"

    head = "".join(f'<th scope="col">{both(title)}</th>' for title in titles)
    body = "".join(f"<tr>{''.join(cell(value) for value in row)}</tr>" for row in rows)
    label = escape(f"{name[0]} {name[1]}", quote=True)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _text(x: float, y: float, title: Title, more: str = "") -> str:
    return "".join(
        f'<text class="{kind}" lang="{lang}" x="{x:g}" y="{y:g}"{more}>{escape(words)}</text>'
        for kind, lang, words in (("zh", "zh-CN", title[0]), ("en", "en", title[1]))
    )


def _drawing(name: str, high: float, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {high:g}" role="img" aria-labelledby="{name}">{content}</svg>'


def _figure(name: str, title: Title, drawing: str) -> str:
    return f'<figure><figcaption id="{name}">{both(title)}</figcaption>{drawing}</figure>'


def bars(name: str, title: Title, items: Sequence[tuple[Title, int]]) -> str:
    """A bar a line, with its words above and its figure behind it."""
    most, row = max([count for _, count in items], default=0), 44
    drawn = []
    for place, (words, count) in enumerate(items):
        y, long = place * row, max(2.0, (_WIDTH - 80) * count / most if most else 0)
        drawn.append(_text(0, y + 16, words))
        drawn.append(f'<rect x="0" y="{y + 22}" width="{long:.1f}" height="14"/>')
        drawn.append(f'<text x="{long + 8:.1f}" y="{y + 34}">{count}</text>')
    return _figure(name, title, _drawing(name, max(1, len(items)) * row, "".join(drawn)))


def columns(name: str, title: Title, items: Sequence[tuple[str, int]]) -> str:
    """A column each, with its figure on top; as many labels as there is room for."""
    high, edge = 190, 24
    wide = min(64.0, (_WIDTH - 2 * edge) / max(1, len(items)))
    most, every = max([1, *(count for _, count in items)]), max(1, round(46 / wide))
    drawn = []
    for place, (words, count) in enumerate(items):
        tall, middle = (high - 30) * count / most, edge + (place + 0.5) * wide
        middled = f'text-anchor="middle" x="{middle:.1f}"'
        left, top = edge + (place + 0.1) * wide, high - tall
        drawn.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide * 0.8:.1f}" height="{tall:.1f}"/>')
        if count and wide >= 9 * len(str(count)):
            drawn.append(f'<text {middled} y="{high - tall - 6:.1f}">{count}</text>')
        if place % every == 0:
            drawn.append(f'<text {middled} y="{high + 20}">{escape(words)}</text>')
    return _figure(name, title, _drawing(name, high + 30, "".join(drawn)))
