"""`python -m daemon.kiosk.voice.build`: the spoken prompts as small Opus files, made with espeak-ng and ffmpeg.

What is heard is what is seen: words come from ``static/words``, notice and consent from the shipped policy packs. The
files are committed; nobody needs this program to run or test the unit. A dialect is another folder beside ``zh``, such
as ``zh-yue``, with files of the same names, however they were recorded.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from daemon.kiosk.view import VOICES
from daemon.policy import load_policy
from daemon.policy.packs import shipped_names

WORDS = VOICES.parent / "words"
SPEAKERS = {"zh": "cmn", "en": "en-gb"}
ASKS = (
    *("notice", "consent", "relation", "card", "face", "ask_light", "ask_turn_left", "ask_turn_right", "ask_blink"),
    *("finger_consent", "finger_consent_guardian", "slip_scan", "finger"),
    *("enrol", "enrol_guardian", "slip_written", "not_enrolled"),
    *("decision", "confirm", "sign", "sign_guardian", "sign_family"),
)
"""What a screen asks for, which is its title."""
OUTCOMES = ("passed", "failed", "refused", "unable", "manual", "emergency", "device_fault", "interrupted")
HINTS = ("card_", "face_", "no_face", "finger_", "slip_", "timeout", "phone_missing", "second_officer_pending")
GUARDIANS = ("under_14", "guardian_")
WORDS_A_MINUTE = 150
BITRATE = "8k"


def words_of(path: Path, table: str = "") -> dict[str, str]:
    """The words of a file of the page, one a line; of one ``table`` in it, if that is named."""
    text = path.read_text("utf-8")
    if table:
        text = text.partition(f"export const {table} = {{")[2].partition("\n};")[0] + "\n"
    return dict(re.findall(r'^  (\w+): "(.*)",$', text, re.MULTILINE))


def _all(language: str, table: str) -> dict[str, str]:
    files = sorted(WORDS.glob(f"*.{language}.js"))
    return {name: text for file in files for name, text in words_of(file, table).items()}


def prompts(language: str) -> Iterator[tuple[str, str]]:
    """Name and text of every prompt of ``language``: the page's, and of Chinese the packs' notice and consent too."""
    words = _all(language, "words")
    for name in (*ASKS, *OUTCOMES):
        yield name, words[name]
    for name, text in _all(language, "troubles").items():
        if name.startswith((*HINTS, *GUARDIANS)):
            yield name, text
    if language == "zh":
        for pack in shipped_names():
            policy = load_policy(pack)
            yield policy.notice.id, policy.notice.zh
            yield policy.consent.id, policy.consent.zh


def speak(speaker: str, text: str, into: Path) -> None:
    """Write ``text`` as speech, mono, 16 kHz, with Opus at :data:`BITRATE`."""
    command = ["espeak-ng", "-v", speaker, "-s", str(WORDS_A_MINUTE), "--stdout", text]
    sound = subprocess.run(command, capture_output=True, check=True).stdout
    options = [
        "-ac",
        "1",
        "-ar",
        "16000",
        "-c:a",
        "libopus",
        "-b:a",
        BITRATE,
        "-map_metadata",
        "-1",
        "-fflags",
        "+bitexact",
    ]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", "-", *options, str(into)], input=sound, check=True)


def main() -> int:
    """Make every file anew."""
    for language, speaker in SPEAKERS.items():
        folder = VOICES / language
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.ogg"):
            old.unlink()
        for name, text in prompts(language):
            speak(speaker, text, folder / f"{name}.ogg")
    sys.stdout.write(f"{sum(file.stat().st_size for file in VOICES.rglob('*.ogg')) / 1e3:.0f} kB in {VOICES}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
