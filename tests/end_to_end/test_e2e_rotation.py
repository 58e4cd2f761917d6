"""A unit's record key is rotated: the hospital takes the records before and after it, and so does every verifier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.demo.scenarios import refuses
from daemon.demo.stage import UNIT, Stage
from provisioning.cli import main as provision
from tests.end_to_end.support import act, all_receipted, check_rows, silent


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(silent) as made:
        yield made


def test_records_before_and_after_a_rotation(stage: Stage) -> None:
    refuses(act(stage))
    all_receipted(stage)
    stage.stop_unit()
    folder = stage.unit_toml.parent
    rotate = ["unit", "rotate", str(folder), "--site", str(stage.folder / "site"), "--reason", "yearly"]
    assert provision(rotate) == 0
    stage.start_unit()
    all_receipted(stage)  # the key record among them
    (folder / "record.key").unlink()  # destroyed, as the engineer was told
    stage.kill_unit()
    stage.start_unit()
    refuses(act(stage, "V-0002"))
    all_receipted(stage)
    kinds = [row["kind"] for row in stage.gateway("list", "--json", "--unit", UNIT)]
    assert kinds.count("key") == 1
    assert kinds.index("key") < len(kinds) - 1
    assert len(check_rows(stage)) == 2
    assert all(row["chained"] for row in stage.gateway("list", "--json"))
    verified = stage.verify()
    assert verified["sound"], verified["findings"]
    assert [key["since"] for key in verified["keys"]] == [1, kinds.index("key") + 2]
    (status,) = stage.gateway("status", "--json")
    # What the unit refused is not asked: a receipt that the broker brings twice counts there.
    assert (status["missing"], status["quarantined"], status["waiting"]) == (0, 0, 0)
