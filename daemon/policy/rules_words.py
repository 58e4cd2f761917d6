"""What must hold for a pack's texts: whole, in both languages, known by their hash; and every rule has its source."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from daemon.policy.form import Notice, Wording
from daemon.policy.pack import Policy
from daemon.policy.rule import Findings, reads
from daemon.policy.words import Topic
from evidence.tree import TreeError

LONGEST_NOTICE = 400
"""Characters of the Chinese notice: read aloud in some 90 seconds."""

_CHINESE = re.compile("[\u3400-\u9fff]")
_LETTERS = re.compile("[A-Za-z]{2}")
_OPTIONAL_TOPICS = (Topic.PICTURE,)


@cache
def published() -> Mapping[str, str]:
    """Hash by text id of every wording that was ever shipped. Nothing is taken out of it: records name these ids."""
    found = json.loads(Path(__file__).with_name("wordings.json").read_text("utf-8"))
    return {str(name): str(digest) for name, digest in found.items()}


@reads("notice.parts[].about")
def _notice_is_whole(policy: Policy) -> Findings:
    told = Counter(part.about for part in policy.notice.parts)
    for topic in Topic:
        if not told[topic] and topic not in _OPTIONAL_TOPICS:
            advice = f'add a [[notice.parts]] with about = "{topic}"'
            yield TreeError("notice.parts", f"the notice does not tell of {topic}", advice)
    for place, part in enumerate(policy.notice.parts):
        if part.about in [before.about for before in policy.notice.parts[:place]]:
            yield TreeError(f"notice.parts[{place}].about", f"{part.about} is told already", "make one part of the two")


@reads("notice.parts[].zh", "notice.parts[].about")
def _notice_is_plain(policy: Policy) -> Findings:
    if len(policy.notice.zh) > LONGEST_NOTICE:
        told = f"expected at most {LONGEST_NOTICE} Chinese characters in all, found {len(policy.notice.zh)}"
        yield TreeError("notice.parts", told, "shorten it: it is read aloud")
    for place, part in enumerate(policy.notice.parts):
        if part.about is Topic.LIABILITY and "法律责任" not in part.zh:
            told = "does not name the legal liability for using another person's document (法律责任)"
            yield TreeError(f"notice.parts[{place}].zh", told, "name it")


def _texts(policy: Policy) -> Iterator[tuple[str, str, str]]:
    for place, part in enumerate(policy.notice.parts):
        yield f"notice.parts[{place}]", part.zh, part.en
    yield "consent", policy.consent.zh, policy.consent.en


@reads("notice.parts[].zh", "consent.zh")
def _chinese_is_chinese(policy: Policy) -> Findings:
    for path, zh, _ in _texts(policy):
        if not _CHINESE.search(zh):
            yield TreeError(f"{path}.zh", "expected Chinese", "write the text in Chinese")


@reads("notice.parts[].en", "consent.en")
def _english_is_there(policy: Policy) -> Findings:
    for path, _, en in _texts(policy):
        if not _LETTERS.search(en) or _CHINESE.search(en):
            yield TreeError(f"{path}.en", "English is missing", "write the same in English")


@reads("checkpoints[].title_en", "delegates[].title_en", "channels[].title_en", "title_en")
def _english_titles(policy: Policy) -> Findings:
    titles = [("title_en", policy.title_en)]
    titles += [(f"checkpoints[{at}].title_en", one.title_en) for at, one in enumerate(policy.checkpoints)]
    titles += [(f"delegates[{at}].title_en", one.title_en) for at, one in enumerate(policy.delegates)]
    titles += [(f"channels[{at}].title_en", one.title_en) for at, one in enumerate(policy.channels)]
    for path, title in titles:
        if not _LETTERS.search(title) or _CHINESE.search(title):
            yield TreeError(path, "English is missing", "write the same in English")


@reads("notice.id", "notice.sha256", "notice.parts[].zh", "notice.parts[].en", "consent")
def _words_have_their_hash(policy: Policy) -> Findings:
    yield from _hashed("notice", policy.notice)
    yield from _hashed("consent", policy.consent)
    if policy.notice.id == policy.consent.id:
        yield TreeError("consent.id", "is the notice's id too: consent is a text of its own", "give it its own id")


def _hashed(path: str, text: Notice | Wording) -> Findings:
    known = published().get(text.id)
    if known is not None and known != text.digest:
        told = f"{text.id!r} is the id of other words, published with hash {known[:12]}..."
        advice = f'new words, new id: change {path}.id, and write {path}.sha256 = "{text.digest}"'
        yield TreeError(f"{path}.id", told, advice)
    elif text.sha256 != text.digest:
        advice = f'if the words were changed, give them a new id; then write sha256 = "{text.digest}"'
        yield TreeError(f"{path}.sha256", "is not the hash of these words", advice)


# --- sources -------------------------------------------------------------------------------------------------------


def citations(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and text of every citation below ``value``."""
    if isinstance(value, tuple):
        for place, one in enumerate(value):
            yield from citations(one, f"{path}[{place}]")
    elif dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            inner, where = getattr(value, item.name), f"{path}.{item.name}" if path else item.name
            if item.name == "source" or path == "cited":
                yield where, inner
            else:
                yield from citations(inner, where)


@reads("sources[].id")
def _sources_are_listed(policy: Policy) -> Findings:
    known = [one.id for one in policy.sources]
    for path, text in citations(policy):
        name = text.split(" ")[0]
        if name and name not in known:
            advice = f"list it in [[sources]], or name one of {', '.join(known)}"
            yield TreeError(path, f"{name!r} is no document of this pack", advice)
