"""Slip keys: made with a site, given to its units, rotated, and dropped when somebody may have read them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from evidence.slip import LIFETIME
from evidence.slip_keys import FILE, read_slip_keys
from provisioning.broker import Broker
from provisioning.cli import main
from provisioning.enrolment import enrol
from provisioning.errors import SiteUnusableError
from provisioning.site import AUTHORITY, init_site
from provisioning.slip_keys import give_slip_keys, rotate_slip_keys
from provisioning.unit_toml import UnitSettings

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    init_site(tmp_path / "site", "site-a", Broker("127.0.0.1", 8883), NOW)
    return tmp_path / "site"


def test_units_of_a_site_share_the_keys(site: Path, tmp_path: Path) -> None:
    for unit in ("unit-1", "unit-2"):
        enrol(site, unit, tmp_path / unit, UnitSettings("delivery"), lambda: NOW)
    kept = [read_slip_keys(folder / FILE) for folder in (site / AUTHORITY, tmp_path / "unit-1", tmp_path / "unit-2")]
    assert kept[0] == kept[1] == kept[2]
    assert 'slips = "slips.key"' in (tmp_path / "unit-1/unit.toml").read_text("utf-8")


def test_site_of_before_there_were_slips(site: Path, tmp_path: Path) -> None:
    (site / AUTHORITY / FILE).unlink()
    enrol(site, "unit-1", tmp_path / "unit-1", UnitSettings("delivery"), lambda: NOW)
    assert not (tmp_path / "unit-1" / FILE).exists()
    assert "slips" not in (tmp_path / "unit-1/unit.toml").read_text("utf-8")
    assert main(["unit", "slip-keys", str(tmp_path / "unit-1"), "--site", str(site)]) == 3


def test_commands(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enrol(site, "unit-1", tmp_path / "unit-1", UnitSettings("delivery"), lambda: NOW)
    first = read_slip_keys(site / AUTHORITY / FILE)
    assert main(["site", "slip-keys", str(site), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    both = read_slip_keys(site / AUTHORITY / FILE)
    assert (said, both[1:]) == ({"kid": both[0].kid.hex(), "keys": 2}, first)
    assert main(["unit", "slip-keys", str(tmp_path / "unit-1"), "--site", str(site)]) == 0
    assert read_slip_keys(tmp_path / "unit-1" / FILE) == both
    assert both[0].secret.hex() not in capsys.readouterr().out
    assert main(["site", "slip-keys", str(site), "--drop-old"]) == 0
    assert not {one.kid for one in read_slip_keys(site / AUTHORITY / FILE)} & {one.kid for one in both}


def test_keys_go_when_no_valid_slip_needs_them(site: Path) -> None:
    keys = rotate_slip_keys(site / AUTHORITY, NOW)
    assert len(rotate_slip_keys(site / AUTHORITY, NOW + LIFETIME + dt.timedelta(days=1))) == len(keys)


def test_damaged_keys_are_told_and_can_be_dropped(site: Path, tmp_path: Path) -> None:
    (site / AUTHORITY / FILE).write_bytes(b"{}")
    with pytest.raises(SiteUnusableError, match="not a file of slip keys"):
        rotate_slip_keys(site / AUTHORITY, NOW)
    with pytest.raises(SiteUnusableError):
        give_slip_keys(site / AUTHORITY, tmp_path)
    assert len(rotate_slip_keys(site / AUTHORITY, NOW, drop_old=True)) == 1
