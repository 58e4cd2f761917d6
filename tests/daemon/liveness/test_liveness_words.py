"""Every reason that a liveness check gives has words in both languages, and what is asked of her can be heard too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from daemon.kiosk.view import VOICES
from daemon.kiosk.voice.build import WORDS, words_of
from daemon.liveness.inspection import LIGHT_ASK, SKIPPED
from models.liveness import light, motion
from models.liveness.motion import Ask
from tests.support import ROOT

OF_RULES = {rule.reason for rule in light.RULES} | {rule.reason for rules in motion.RULES.values() for rule in rules}


def called_with(path: Path, functions: set[str]) -> set[str]:
    """Texts that ``path`` gives to these functions as names of reasons: short names in small letters."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            arguments = [*node.args[1:], *(one for arg in node.args for one in getattr(arg, "elts", []))]
            found |= {one.value for one in arguments if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_has_words(language: str) -> None:
    folders = (ROOT / "daemon" / "liveness", ROOT / "models" / "liveness")
    reasons = OF_RULES | {SKIPPED, "looks_recaptured", "another_camera"}
    for path in (one for folder in folders for one in folder.glob("*.py")):
        reasons |= called_with(path, {"CheckResult", "not_performed"})
    assert len(reasons) > 30
    decides_nothing = {"no_reading", "face_outside", "no_frames", "room_too_warm"}
    assert reasons - decides_nothing <= set(words_of(WORDS / f"troubles.{language}.js"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_asked_is_written_and_spoken(language: str) -> None:
    asks = {f"ask_{one}" for one in (LIGHT_ASK, *Ask)}
    assert asks <= set(words_of(WORDS / f"words.{language}.js"))
    assert asks <= {one.stem for one in (VOICES / language).glob("*.ogg")}
