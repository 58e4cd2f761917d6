"""``vernix policy``: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.policy import load_policy, pack_path, shipped_names
from evidence.tree import TreeError
from tests.support import ROOT

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vernix(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit status, standard output, standard error."""

    def run(*argv: str | Path) -> tuple[int, str, str]:
        status = main([str(item) for item in argv])
        text = capsys.readouterr()
        return status, text.out, text.err

    return run


def test_policy_list(vernix: Command) -> None:
    status, out, _ = vernix("policy", "list")
    assert (status, [line.split()[0] for line in out.splitlines()]) == (OK, list(shipped_names()))
    assert "赣卫妇幼发〔2024〕2号" in out
    _, out, _ = vernix("policy", "list", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == list(shipped_names())


@pytest.mark.parametrize("name", shipped_names())
def test_policy_show(name: str, vernix: Command) -> None:
    status, out, _ = vernix("policy", "show", name)
    policy = load_policy(name)
    assert status == OK
    for part in (policy.notice.zh, policy.consent.en, policy.notice.sha256, policy.checkpoints[-1].title):
        assert part in out
    assert json.loads(vernix("policy", "show", name, "--json")[1])["id"] == name
    assert vernix("policy", "show", name, "--toml")[1] == pack_path(name).read_text("utf-8")


def test_policy_check(vernix: Command, tmp_path: Path) -> None:
    assert vernix("policy", "check", "neutral") == (OK, "neutral version 2: 6 checkpoints, in order\n", "")
    assert json.loads(vernix("policy", "check", "neutral", "--json")[1])["sound"] is True
    broken = tmp_path / "mine.toml"
    text = pack_path("neutral").read_text("utf-8").replace('id = "neutral"', 'id = "mine"', 1)
    broken.write_text(text.replace("unable = 2", "unable = 1").replace("retries = 2", "retries = 9"), "utf-8")
    status, out, _ = vernix("policy", "check", broken)
    lines = out.splitlines()
    assert status == FINDING
    assert lines[0] == f"{broken}:8: retries: expected 0 to 2, found 9"
    assert lines[2].startswith(f"{broken}:{line_of_unable(text)}: officers.unable: expected at least 2, found 1")
    assert lines[3:] == ["    -> write unable = 2", "2 mistakes"]
    status, out, _ = vernix("policy", "check", broken, "--json")
    assert (status, [one["path"] for one in json.loads(out)["mistakes"]]) == (FINDING, ["retries", "officers.unable"])
    assert vernix("policy", "show", broken)[0] == FINDING


def line_of_unable(text: str) -> int:
    return text[: text.index("unable = 2")].count("\n") + 1


def test_policy_that_is_not_there_or_not_readable(vernix: Command, tmp_path: Path) -> None:
    status, out, err = vernix("policy", "check", "nowhere")
    assert (status, out) == (USAGE, "")
    assert "shipped: chongqing_yubei, hainan, jiangxi, neutral" in err
    (tmp_path / "folder.toml").mkdir()
    status, _, err = vernix("policy", "check", tmp_path / "folder.toml")
    assert (status, "it is a folder" in err) == (ENVIRONMENT, True)


def test_policy_that_is_no_file_is_not_waited_for(vernix: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "zero.toml"):
        for command in ("check", "show"):
            status, out, err = vernix("policy", command, tmp_path / name)
            assert (status, out) == (USAGE, "")
            assert f"{name}: expected a file, found a pipe, a socket or a device" in err
        with pytest.raises(TreeError, match="expected a file"):
            load_policy(str(tmp_path / name))


def test_policy_schema(vernix: Command) -> None:
    published = (ROOT / "daemon/policy/policy-v1.schema.json").read_text("utf-8")
    assert vernix("policy", "schema") == (OK, published, "")
