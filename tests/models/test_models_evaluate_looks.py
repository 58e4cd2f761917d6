"""Looks and transactions: what is drawn, fused and counted; and the command, on pictures made of the demo's people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from daemon.faces import FRAMES
from daemon.policy import load_policy
from models.evaluate import looks
from models.evaluate.__main__ import main
from models.evaluate.acquire import Acquired, Acquisition, Condition
from models.evaluate.looks import Album, Tally, album_of, decisions, tally
from models.evaluate.metrics import Floats, Replicates, bounds, exact, impostors
from models.face import FaceModels
from models.image import Image, unit
from models.projection import Kind
from tests.models.conftest import ROOT

PEOPLE = ROOT / "daemon" / "demo" / "people"
EACH = looks.LOOKS * looks.FRAMES + 1
"""So many pictures of a person are a reference and one transaction."""


def of(references: Floats, live: Floats | None = None, people: int = 2) -> Album:
    """An album of ``people`` with equally many rows each; every live picture is as its mirror image."""
    rows = references if live is None else live
    return Album(references, np.stack([rows, rows]), np.repeat(np.arange(people), len(references) // people))


def axes(*numbers: int) -> Floats:
    """Unit vectors along these axes."""
    return np.eye(40, dtype=np.float32)[list(numbers)]


def shares(tallies: tuple[Tally, ...]) -> list[float]:
    """The FNMR of each decision."""
    return [float(one.misses.sum() / one.own.sum()) for one in tallies]


def test_a_look_and_a_transaction_are_the_units() -> None:
    assert looks.FRAMES == FRAMES
    packs = [path.stem for path in (ROOT / "daemon" / "policy" / "packs").glob("*.toml")]
    assert packs
    assert {1 + load_policy(pack).retries for pack in packs} == {looks.LOOKS}


def test_pictures_are_fused_as_the_unit_fuses_frames(
    face_models: FaceModels, person: Callable[[str], Image], tmp_path: Path
) -> None:
    """The facade's own templates, every other one mirrored, at thresholds just below and above their score."""
    stems = ("a_live", "a_card", "b_live", "b_card")
    seen = Acquisition(face_models, PEOPLE, tmp_path).looks(tuple(f"{stem}.jpg" for stem in stems), Condition.PHOTO)
    live = np.stack([face_models.project(seen.looks[:, side : side + 1], Kind.LIVE) for side in range(2)])
    reference = face_models.project(seen.looks[3], Kind.LIVE)
    frames = []
    for number, stem in enumerate(stems[:3]):
        picture = person(stem)
        frames.append(face_models.template(picture, face_models.detect(picture)[0], mirrored=number == 1))
    fused, first = (float(reference @ one.vector) for one in (face_models.fuse(frames), frames[0]))
    drawn = np.array([[[0, 1, 2], [0, 1, 2], [0, 1, 2]]])
    for score, decision in ((first, 0), (fused, 1), (fused, 2)):
        at = [decisions(reference[np.newaxis], live, drawn, score + by)[decision].item() for by in (-1e-4, 1e-4)]
        assert at == [True, False]


def test_a_transaction_matches_by_any_of_its_looks() -> None:
    live = axes(*range(9))
    drawn = np.arange(9).reshape(1, 3, 3)
    accepted = decisions(axes(0, 4, 8, 20), np.stack([live, live]), drawn, 0.5)
    assert [part[:, 0].tolist() for part in accepted] == [
        [True, False, False, False],
        [True, False, False, False],
        [True, True, True, False],
    ]


def test_a_reference_never_meets_the_picture_that_it_was_made_of() -> None:
    """Pictures that are like themselves alone: nobody is ever recognised, and nobody taken for another."""
    tallies = tally(of(axes(*range(2 * EACH))), 0.5)
    assert shares(tallies) == [1, 1, 1]
    assert [one.matches.sum() for one in tallies] == [0, 0, 0]


def test_a_transaction_is_of_different_pictures() -> None:
    """One picture of hers is spoilt, and spoils one look: of ten pictures with one reference each, never a check."""
    references = axes(*[0] * EACH, *[1] * EACH)
    live = references.copy()
    live[0] = axes(2)
    one, look, transaction = shares(tally(of(references, live), 0.95))
    assert one == pytest.approx(0.05, abs=0.015), "hers in nine of ten, each a ninth of the time, and half are hers"
    assert look == pytest.approx(0.15, abs=0.03)
    assert transaction == 0


def test_rates_and_bounds_are_those_of_the_evaluation_of_pairs() -> None:
    """All pictures of a person alike, so that it does not matter which are drawn: FMR and bounds to the last digit."""
    people = 12
    each = unit(np.random.default_rng(1).normal(size=(people, 3)).astype(np.float32))
    album = of(np.repeat(each, EACH, axis=0), people=people)
    replicates = Replicates.over(people)
    known = impostors(album.references, album.live[0], album.people, symmetric=False, max_fmr=0.25)
    for one in tally(album, 0.8):
        fmr, fnmr = one.rates(replicates)
        assert fmr.value == pytest.approx(known.fmr(0.8))
        assert 0 < fmr.low < fmr.value < fmr.high < 1
        assert (fmr.low, fmr.high) == pytest.approx(bounds(replicates.fmrs(known, 0.8)))
        assert (fnmr.value, fnmr.low, fnmr.high) == (0, *exact(all_wrong=False, independent=people))


def test_what_one_person_carries_has_wide_bounds() -> None:
    shown = np.full(4, 10.0)
    strangers = np.outer(shown, shown) * (1 - np.eye(4))
    carried = Tally(np.zeros((4, 4)), strangers, np.array([10.0, 0, 0, 0]), shown)
    _, fnmr = carried.rates(Replicates.over(4))
    assert (fnmr.value, fnmr.low) == (0.25, 0)
    assert fnmr.high >= 0.5


def test_who_has_too_few_pictures_is_left_out(face_models: FaceModels) -> None:
    """The first has ten, the second ten of which one cannot be seen live, the third nine."""
    people = np.repeat([0, 1, 2], [EACH, EACH, EACH - 1])
    seen = np.random.default_rng(0).normal(size=(len(people), 2, 128)).astype(np.float32)
    shown = seen.copy()
    seen[EACH + 3] = np.nan
    album = album_of(face_models, Acquired(seen, Counter()), Acquired(shown, Counter()), Kind.CHIP, people)
    assert np.bincount(album.people).tolist() == [EACH, EACH]
    usable = np.isfinite(album.references[:, 0])
    assert usable[:EACH].all()
    assert np.flatnonzero(usable[EACH:]).tolist() == [3], "against the others of hers only eight are left"
    assert tally(album, 0.5)[0].own.tolist() == [EACH * looks.DRAWS, looks.DRAWS]


@pytest.fixture
def pictures(tmp_path: Path, person: Callable[[str], Image]) -> Path:
    """Ten pictures each of two of the demo's people, darker and darker, and their list."""
    rows = ["a,b,same"]
    for stem in ("c", "d"):
        for number in range(EACH):
            darker = np.asarray(person(stem) * (1 - 0.03 * number), np.uint8)
            cv2.imwrite(str(tmp_path / f"{stem}_{number}.png"), darker)
        rows += [f"{stem}_0.png,{stem}_{number}.png,1" for number in range(1, EACH)]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def command(folder: Path, *more: str) -> int:
    given = ("--pairs", str(folder / "pairs.csv"), "--root", str(folder), "--cache", str(folder / "cache"))
    return main(["looks", *given, *more])


def test_the_command_tells_three_rates(
    pictures: Path, capsys: pytest.CaptureFixture[str], face_models: FaceModels
) -> None:
    assert command(pictures, "--condition", "chip", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["people"], report["left_out"], report["references"]) == (2, 0, 2 * EACH)
    assert report["threshold"] == face_models.operating_point.threshold
    assert [rates["decision"] for rates in report["rates"]] == list(looks.DECISIONS)
    for rates in report["rates"]:
        for rate, independent in (("fmr", 1), ("fnmr", 2)):  # one pair of people, two people
            low, high = exact(all_wrong=False, independent=independent)
            assert rates[rate] == {"value": 0, "low": low, "high": pytest.approx(high)}
    assert command(pictures, "--condition", "chip") == 0
    printed = capsys.readouterr()
    assert "condition chip: 2 people, 20 references" in printed.out
    assert "transaction, up to 3 looks" in printed.out
    assert "looks     [" in printed.err
    assert "c_0" not in printed.out + printed.err


def test_too_few_pictures_are_told(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "d_9.png").write_bytes(b"")
    assert command(pictures, "--condition", "photo") == 2
    assert "people with 9 live pictures beside the one that a reference is made of: 1" in capsys.readouterr().err


def test_the_threshold_is_of_the_networks_that_are_asked(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FaceModels.load()
    other.space = "of another embedder"
    monkeypatch.setattr(FaceModels, "load", lambda: other)
    assert command(pictures) == 2
    assert "no operating point" in capsys.readouterr().err
