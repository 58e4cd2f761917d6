"""Networks that cannot be used decide about nobody, and take nothing else of the unit away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.liveness.eyes import Blind, Eyes, open_eyes
from daemon.troubles import of_models
from models import interpreter
from models.errors import ModelCorrupt, ModelMissing, ModelsError, ModelWrong, RuntimeMissing
from models.golden import GOLDEN
from models.manifest import FOLDER, Manifest
from tests.daemon.support import PINS, Home, RunningUnit

OFFICER, PIN = next(iter(PINS.items()))
Spoil = Callable[[Path, pytest.MonkeyPatch], None]


def _no_golden(golden: Path, _: pytest.MonkeyPatch) -> None:
    golden.unlink()


def _broken_golden(golden: Path, _: pytest.MonkeyPatch) -> None:
    golden.write_bytes(golden.read_bytes()[:-10])


def _other_golden(golden: Path, _: pytest.MonkeyPatch) -> None:
    document = json.loads(golden.read_text("utf-8"))
    for one in document["golden"]:
        for part in one["parts"].values():
            part["output"].reverse()
    golden.write_text(json.dumps(document), "utf-8")


def _no_runtime(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "RUNTIMES", ("no_such_runtime",))
    interpreter.installed_runtime.cache_clear()


@pytest.mark.parametrize(
    ("spoil", "error", "trouble"),
    [
        (_no_golden, ModelMissing, "models:unusable"),
        (_broken_golden, ModelCorrupt, "models:unusable"),
        (_no_runtime, RuntimeMissing, "models:unusable"),
        (_other_golden, ModelWrong, "models:computes_otherwise"),
    ],
)
def test_what_cannot_be_used_is_told_and_stops_nothing(
    spoil: Spoil, error: type[ModelsError], trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = Path(shutil.copy(GOLDEN, tmp_path))
    spoil(golden, monkeypatch)
    try:
        found = open_eyes(golden=golden)
        with pytest.raises(error):
            Eyes.load(golden=golden)
    finally:
        interpreter.installed_runtime.cache_clear()
    assert isinstance(found, Blind)
    assert type(found.problem) is error
    assert of_models(found.problem) == (trouble,)
    assert of_models(Eyes.problem) == ()


def _models_with_one_bit_flipped(folder: Path) -> Path:
    """A package ``models`` in ``folder``, this one but for one bit of the detector's weights; the damaged file."""
    weights = FOLDER / Manifest.load().entry("detector").file
    made = folder / "models"
    (made / weights.parent.name).mkdir(parents=True)
    for one in (*FOLDER.iterdir(), *weights.parent.iterdir()):
        if one not in (weights, weights.parent):
            (made / one.relative_to(FOLDER)).symlink_to(one)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = made / weights.relative_to(FOLDER)
    damaged.write_bytes(content)
    return damaged


def test_a_unit_with_one_bit_flipped_in_its_weights_runs_and_officers_decide(home: Home) -> None:
    unit = RunningUnit(home)
    damaged = _models_with_one_bit_flipped(unit.temporary)  # where it is started: found before the installed one
    with unit:
        unit.screen.wait("the trouble", lambda shown: "models:unusable" in shown["devices"])
        unit.screen.touch("begin", visit="V-1")
        unit.screen.wait("the notice", lambda shown: shown["step"] == "notice")
        unit.screen.touch("decline", wish="refuse")
        unit.screen.wait("officers", lambda shown: shown["step"] == "decision")
        unit.screen.touch("propose", outcome="refused", reason="a reason in words")
        unit.screen.wait("a statement", lambda shown: shown["step"] == "confirm")
        unit.screen.touch("confirm", officer=OFFICER, pin=PIN)
        unit.screen.wait("the record", lambda shown: shown["step"] in ("sign", "done"))
        assert unit.stop() == 0
    told = [line for line in unit.log.read_text("utf-8").splitlines() if "nobody is decided about by face" in line]
    assert str(damaged) in told[0]
