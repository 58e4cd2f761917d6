"""The command itself: help, usage errors, and that errors are sentences."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from provisioning.errors import BadValueError
from provisioning.toml_text import write_toml
from tests.provisioning.conftest import Command
from tests.support import ROOT


@pytest.mark.parametrize("words", [(), ("site",), ("site", "init"), ("unit", "enrol"), ("officer", "add")])
def test_help(command: Command, words: tuple[str, ...]) -> None:
    shown = command(*words, "--help")
    assert shown.status == 0
    assert shown.out.startswith(f"usage: {' '.join(('vernix-provision', *words))}")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("site",),
        ("unit", "destroy"),
        ("site", "init", "x"),
        ("site", "init", "x", "--site", "s", "--broker-host", "h", "--broker-port", "mqtt"),
        ("officer", "add", "x", "--id", "o-01", "--role", "queen"),
        ("officer", "add", "x", "--id", "o-01", "--role", "officer", "--pin", "394817"),
    ],
)
def test_usage(command: Command, words: tuple[str, ...]) -> None:
    shown = command(*words)
    assert shown.status == 2
    assert "usage: vernix-provision" in shown.err


def test_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provisioning", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert "vernix-provision" in done.stdout


def test_toml_gives_every_string_back() -> None:
    strings = {"a": 'quote " and \\ backslash \\u0041 \\', "b": "产房 ' # = [x]", "c": "", "d": "true"}
    written = write_toml("c", {"t": {**strings, "n": 8883, "yes": True, "no": False}, "t.u": {"k": "v"}})
    assert tomllib.loads(written.decode()) == {"t": {**strings, "n": 8883, "yes": True, "no": False, "u": {"k": "v"}}}


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "a\x7f", "a\u2028b", "\udcff", "a\tb"])
def test_toml_refuses_what_a_line_cannot_hold(text: str) -> None:
    with pytest.raises(BadValueError, match=r"t\.k"):
        write_toml("c", {"t": {"k": text}})
