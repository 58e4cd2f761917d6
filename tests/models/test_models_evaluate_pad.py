"""`python -m models.evaluate pad`: rates against ones counted by hand, and the command on made presentations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.evaluate import pad, pad_networks
from models.evaluate.__main__ import main
from models.evaluate.anchors import FILES, Anchors
from models.evaluate.metrics import exact
from models.evaluate.pad_rates import Scored, at_threshold, rate, threshold_at_bpcer, wilson
from models.evaluate.pairs import PairsError
from models.evaluate.presentations import Presentation, frames, read_presentations
from models.image import FloatArray, Image
from models.manifest import Manifest
from models.passive import PassiveLiveness


@pytest.fixture(autouse=True)
def _without_public_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only the project is."""
    monkeypatch.setattr(pad_networks, "BESIDE", tmp_path / "no-such-folder")


def items(live: bool, species: str, scores: dict[str, list[float | None]]) -> list[Scored]:
    return [Scored(live, species, subject, score) for subject, values in scores.items() for score in values]


LIVE = items(True, "live", {f"s{number}": [0.9, 0.8, 0.3] for number in range(10)})
PRINTS = items(False, "print", {f"s{number}": [0.1, 0.6] for number in range(8)})
SCREENS = items(False, "screen", {"a": [0.2, None], "b": [0.1]})


def test_rates_are_counted_for_each_species() -> None:
    at = at_threshold(LIVE + PRINTS + SCREENS, "here", 0.5)
    assert (at.bpcer.errors, at.bpcer.items, at.bpcer.subjects) == (10, 30, 10)
    assert at.bpcer.rate.value == pytest.approx(1 / 3)
    assert at.apcer["print"].rate.value == 0.5
    assert (at.apcer["screen"].errors, at.apcer["screen"].items, at.apcer["screen"].no_response) == (0, 2, 1)
    assert at.worst_apcer == 0.5
    assert list(at.groups) == ["live"]


@pytest.mark.parametrize("name", ["a", "z"])
def test_a_species_without_a_response_is_not_the_worst(name: str) -> None:
    silent = items(False, name, {"x": [None]})
    assert at_threshold(LIVE + PRINTS + silent, "here", 0.5).worst_apcer == 0.5
    assert np.isnan(at_threshold(LIVE + silent, "here", 0.5).worst_apcer)


def test_a_score_at_the_threshold_is_live() -> None:
    assert rate(items(True, "live", {"a": [0.5]}), 0.5).errors == 0
    assert rate(items(False, "print", {"a": [0.5]}), 0.5).errors == 1


def test_bounds_go_by_subject_where_there_are_enough() -> None:
    """All of a subject's pictures err together: bounds over pictures would be far too narrow."""
    together = items(False, "print", {f"s{number}": [0.9 if number < 5 else 0.1] * 50 for number in range(10)})
    found = rate(together, 0.5)
    assert found.by == "subjects"
    assert found.rate.low < 0.25
    assert found.rate.high > 0.75
    narrow = wilson(250, 500)
    assert narrow[1] - narrow[0] < 0.1


def test_no_error_at_all_still_has_an_upper_bound() -> None:
    found = rate(items(False, "print", {f"s{number}": [0.1] * 9 for number in range(20)}), 0.5)
    assert found.rate.value == 0
    assert found.rate.high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert exact(all_wrong=True, independent=20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)


def test_few_subjects_are_named() -> None:
    found = rate(SCREENS, 0.5)
    assert (found.by, found.subjects) == ("items", 2)
    assert 0 == found.rate.low < found.rate.high < 1


def test_wilson_is_the_published_interval() -> None:
    """Wilson 1927, as tabulated: 10 of 100 gives 5.52 to 17.44 %."""
    assert wilson(10, 100) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))


def test_species_without_a_response_is_told() -> None:
    found = rate(items(False, "print", {"a": [None, None]}), 0.5)
    assert (found.items, found.no_response, found.by) == (0, 2, "nothing")
    assert pad.rate_text(found) == "no response at all (2)"


def test_threshold_at_a_bpcer() -> None:
    scored = items(True, "live", {"a": [number / 100 for number in range(1, 101)]})
    assert threshold_at_bpcer(scored, 0.05) == pytest.approx(0.06)
    assert rate(scored, 0.06).errors == 5
    assert threshold_at_bpcer(items(True, "live", {"a": [None]}), 0.05) is None


LISTS = {
    "": "the first line",
    "path,label\n": "the first line",
    "path,label,species,subject\na.jpg,live,,\n": "line 2",
    "path,label,species,subject\n,live,,a\n": "line 2",
    "path,label,species,subject\na.jpg,live,, \n": "line 2",
    "path,label,species,subject\na\0.jpg,live,,a\n": "line 2|NUL",
    "path,label,species,subject\na.jpg,maybe,,a\n": "the label is one of",
    "path,label,species,subject\na.jpg,attack,,a\n": "has a species",
    "path,label,species,subject\na.jpg,live,,a\n": "no attack",
    "path,label,species,subject\na.jpg,fake,print,a\n": "no live",
    "path,label,species,subject\na.jpg,fake,print,a\nb.jpg,real,print,a\n": "both live and an attack",
    "path,label,species,subject\na.jpg,fake,print,a\nb.jpg,real,,a\na.jpg,fake,print,a\n": "1 of 3 lines",
}


@pytest.mark.parametrize("text", LISTS)
def test_a_list_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PairsError, match=LISTS[text]):
        read_presentations(path)
    with pytest.raises(PairsError, match="nowhere"):
        read_presentations(tmp_path / "nowhere.csv")


def test_labels_may_be_spelt_as_data_sets_do(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    text = "\ufeffpath,label,species,subject\na.jpg,real,,s1\nb.mp4,fake,screen,s2\n"  # As a spreadsheet writes it.
    path.write_text(text, encoding="utf-8")
    assert read_presentations(path) == (
        Presentation("a.jpg", True, "live", "s1"),
        Presentation("b.mp4", False, "screen", "s2"),
    )


def video(path: Path, pictures: list[Image]) -> None:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture)
    writer.release()


def test_frames_of_pictures_and_videos(tmp_path: Path) -> None:
    grey = [np.full((64, 64, 3), value, np.uint8) for value in range(0, 240, 20)]
    video(tmp_path / "v.avi", grey)
    seen = [float(frame.mean()) for frame in frames(tmp_path / "v.avi", 5)]
    assert seen == pytest.approx([0, 100, 200], abs=4)
    cv2.imwrite(str(tmp_path / "p.png"), grey[3])
    assert [frame.shape for frame in frames(tmp_path / "p.png", 5)] == [(64, 64, 3)]
    for name, content in (("broken.jpg", b"\xff\xd8no"), ("empty.png", b""), ("broken.mp4", b"no video")):
        (tmp_path / name).write_bytes(content)
        assert list(frames(tmp_path / name, 5)) == []
    assert list(frames(tmp_path / "nowhere.jpg", 5)) == []


@pytest.fixture
def presentations(tmp_path: Path, person: Callable[[str], Image]) -> Path:
    """Two live people, one of them striped as by a printer, one video, and four that cannot be judged."""
    lines = ["path,label,species,subject"]
    for stem in ("c", "d"):
        cv2.imwrite(str(tmp_path / f"{stem}.png"), person(stem))
        lines.append(f"{stem}.png,live,,{stem}")
    video(tmp_path / "c.avi", [cv2.resize(person("c"), (320, 400))] * 3)
    lines.append("c.avi,live,webcam,c")
    flat = person("d").copy()
    flat[::6] = flat[::6] // 2
    cv2.imwrite(str(tmp_path / "stripes.png"), flat)
    lines.append("stripes.png,attack,print,d")
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 128, np.uint8))
    cv2.imwrite(str(tmp_path / "dot.png"), np.full((8, 8, 3), 128, np.uint8))
    cv2.imwrite(str(tmp_path / "band.png"), np.full((20, 9000, 3), 128, np.uint8))
    lines += [f"{name},attack,screen,x" for name in ("wall.png", "band.png", "dot.png", "gone.mp4")]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(listed: Path, *options: str) -> list[str]:
    return ["pad", "--manifest", str(listed), "--root", str(listed.parent), *options]


def test_the_command_reports_json(presentations: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run(presentations, "--json", "--every", "2")) == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["presentations"] == 8
    assert report["frames"] == 2 + 2 + 1 + 4
    assert report["no_response"] == {"no_face": 1, "no_picture": 2, "unreadable": 1}
    assert set(report["models"]) >= {"detector", "embedding"}
    (own,) = report["networks"]
    assert own["network"] == "own"
    assert own["files"] == {"network": PassiveLiveness.load().sha256, "manifest": Manifest.load().sha256}
    assert "no-such-folder" in report["left_out"]["public"]
    assert "public networks are not measured" in printed.err
    names = [point["name"] for point in own["frame"]]
    assert names == ["committed threshold", "BPCER 1%", "BPCER 5%", "BPCER 10%"]
    committed = own["presentation"][0]
    assert set(committed["apcer"]) == {"print", "screen"}
    assert set(committed["groups"]) == {"live", "webcam"}
    assert committed["apcer"]["screen"]["no_response"] == 4
    assert committed["apcer"]["screen"]["rate"]["value"] is None
    assert committed["worst_apcer"] == committed["apcer"]["print"]["rate"]["value"]
    assert "NaN" not in printed.out
    assert committed["bpcer"]["items"] == 3
    assert "100%" in printed.err.replace(" ", "")
    assert "accuracy" not in printed.out


def test_the_command_reports_text(presentations: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run(presentations)) == 0
    text = capsys.readouterr().out
    for part in ("APCER print", "APCER screen", "BPCER webcam", "own, by frame", "own, by presentation"):
        assert part in text
    assert f"own: network {PassiveLiveness.load().sha256}\n" in text
    assert "public: not measured" in text


def test_a_hospitals_network_is_measured_beside_the_shipped_one(
    presentations: Path, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(own_models.read_text(encoding="utf-8"))
    document["liveness"][0]["threshold"] = 0.99
    own_models.write_text(json.dumps(document), encoding="utf-8")
    assert main(run(presentations, "--models", str(own_models), "--json")) == 0
    own, brought = json.loads(capsys.readouterr().out)["networks"]
    assert (own["network"], brought["network"]) == ("own", "brought")
    assert own["files"]["network"] == brought["files"]["network"]
    assert brought["files"]["manifest"] == Manifest.load(own_models).sha256 != own["files"]["manifest"]
    assert [one["frame"][0]["threshold"] for one in (own, brought)] == [PassiveLiveness.load().threshold, 0.99]


def test_a_species_with_a_long_name_stands_apart_from_its_rate() -> None:
    name = "telephone replay, videos of the ward"
    scored = [Scored(True, "live", "s1", 0.9), Scored(False, name, "s2", 0.1)]
    last = pad.point_lines("own", "frame", at_threshold(scored, "committed threshold", 0.5))[-1]
    assert last.startswith(f"  APCER {name}  0.00 %")


def test_a_list_that_is_missing_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(run(tmp_path / "nowhere.csv")) == 2
    assert "nowhere" in capsys.readouterr().err


def test_public_networks_are_measured_in_the_same_run(
    presentations: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand-ins for their files: the real ones are not in the repository."""

    class Red(Anchors):
        @classmethod
        def load(cls, folder: Path) -> Red:
            assert folder == tmp_path
            return cls(())

        def score(self, image: Image, box: tuple[float, float, float, float]) -> float:
            return float(image[..., 2].mean() / 255) if box[2] > 0 else 0.0

    for name, _ in FILES:
        (tmp_path / name).write_bytes(b"stands in")
    monkeypatch.setattr(pad_networks, "Anchors", Red)
    assert main(run(presentations, "--anchors", str(tmp_path), "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert [network["network"] for network in report["networks"]] == ["own", "public"]
    own, public = ([point["bpcer"]["items"] for point in network["frame"]] for network in report["networks"])
    assert own == public
    assert set(report["networks"][1]["files"]) == {name for name, _ in FILES}
    assert report["left_out"] == {}


def test_a_network_without_a_probability_is_no_response(
    presentations: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(PassiveLiveness):
        def raw(self, crops: Image) -> FloatArray:
            return np.full_like(super().raw(crops), np.nan)

    monkeypatch.setattr(pad_networks, "PassiveLiveness", Silent)
    assert main(run(presentations, "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["no_response"]["network_without_answer"] == report["frames"] - 4
    assert report["networks"][0]["frame"][0]["worst_apcer"] is None


def test_missing_public_networks_are_named(presentations: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = presentations.parent / "anchors"
    empty.mkdir()
    assert main(run(presentations, "--anchors", str(empty))) == 3
    assert FILES[0][0] in capsys.readouterr().err
    assert main(run(presentations, "--anchors", str(empty.parent / "anchros"))) == 3
    assert FILES[0][0] in capsys.readouterr().err, "a folder that is asked for and not there is no comparison less"


def test_networks_that_are_not_the_public_ones_are_named(
    presentations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = presentations.parent / "anchors"
    folder.mkdir()
    shipped = Manifest.load()
    for name, _ in FILES:
        shutil.copy(shipped.path.parent / shipped.liveness_entry().network.file, folder / name)
    assert main(run(presentations, "--anchors", str(folder))) == 3
    assert "(1, 80, 80, 3) and (1, 3)" in capsys.readouterr().err


@pytest.mark.parametrize("label", ["live", "attack"])
def test_rates_without_anybody_live_or_without_an_attack_are_not_told(
    presentations: Path, capsys: pytest.CaptureFixture[str], label: str
) -> None:
    lines = presentations.read_text(encoding="utf-8").splitlines()
    lost = [line.replace(",", "-lost,", 1) if f",{label}," in line else line for line in lines]
    presentations.write_text("\n".join(lost), encoding="utf-8")
    assert main(run(presentations)) == 2
    assert f"no {label} presentation can be read" in capsys.readouterr().err


def test_a_wrong_root_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text("path,label,species,subject\na.jpg,real,,s1\nb.mp4,fake,screen,s2\n", encoding="utf-8")
    assert main(["pad", "--manifest", str(path), "--root", str(tmp_path / "elsewhere")]) == 2
    assert "--root" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["pad", "--manifest", str(path), "--root", str(tmp_path), "--every", "0"])
