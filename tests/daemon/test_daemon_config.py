"""The configuration: every mistake is named by its key path and by what was expected there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.config import Config, load
from evidence.topics import Address
from evidence.tree import TreeError
from tests.daemon.support import SITE, UNIT, Home

TLS = re.compile(r"\[broker\.tls\][^\[]*")


def test_what_provisioning_wrote_is_in_order(home: Home) -> None:
    config = home.config()
    assert isinstance(config, Config)
    assert config.address == Address(SITE, UNIT)
    assert config.unit.data == home.toml.parent / "data"
    assert config.keys.certificate.is_file()
    assert (config.kiosk.host, config.kiosk.port) == ("127.0.0.1", 8080)
    assert (config.limits.card_s, config.limits.face_s, config.limits.decision_s) == (60, 40, 300)
    assert config.unit.policy == "neutral"


WRONG = {
    "unknown key": ('checkpoint = "delivery"', 'checkpoint = "delivery"\ncolour = "red"', "unit.colour", "unknown key"),
    "unknown table": ("[kiosk]", "[screens]\n[kiosk]", "screens", "unknown key; known here: unit, keys"),
    "missing key": (f'id = "{UNIT}"', "", "unit.id", "missing; expected a string"),
    "missing table": ("[devices]", "[gadgets]", "gadgets", "unknown key"),
    "number for text": (f'id = "{UNIT}"', "id = 5", "unit.id", "expected a string, found int 5"),
    "text for number": ("port = 8080", 'port = "8080"', "kiosk.port", "expected an integer, found str '8080'"),
    "truth for number": ("port = 8080", "port = true", "kiosk.port", "expected an integer, found bool"),
    "text for truth": ("production = false", 'production = "no"', "unit.production", "expected true or false"),
    "name with a wildcard": (f'id = "{UNIT}"', 'id = "u/+"', "unit.id", "letters, digits"),
    "site with a blank": (f'site = "{SITE}"', 'site = "a b"', "unit.site", "letters, digits"),
    "port zero": ("port = 8883", "port = 0", "broker.port", "expected a port from 1 to 65535, found 0"),
    "port too high": ("port = 8883", "port = 65536", "broker.port", "expected a port from 1 to 65535, found 65536"),
    "kiosk port below zero": ("port = 8080", "port = -1", "kiosk.port", "expected a port from 0"),
    "kiosk for everybody": ('host = "127.0.0.1"\nport = 8080', 'host = "0.0.0.0"', "kiosk.host", "localhost only"),
    "no time": ("[kiosk]", "[limits]\nface_s = 0\n[kiosk]", "limits.face_s", "above 0"),
    "endless time": ("[kiosk]", "[limits]\ncard_s = inf\n[kiosk]", "limits.card_s", "above 0"),
    "time that is none": ("[kiosk]", "[limits]\ncard_s = nan\n[kiosk]", "limits.card_s", "above 0"),
    "time as text": ("[kiosk]", '[limits]\ncard_s = "1"\n[kiosk]', "limits.card_s", "expected a number, found str"),
    "checkpoint missing": ('checkpoint = "delivery"', 'checkpoint = ""', "unit.checkpoint", "1 to 64 characters"),
    "camera of no scheme": ('camera = "none:"', 'camera = "/dev/video0"', "devices.camera", "unknown scheme ''"),
    "camera that nobody serves here": (
        'camera = "none:"',
        'camera = "i2c:/dev/i2c-1"',
        "devices.camera",
        "on this machine; use one of ",
    ),
    "camera with an unknown option": ('camera = "none:"', 'camera = "sim:x?fsp=3"', "devices.camera", "'fsp'"),
    "camera of an impossible size": ('camera = "none:"', 'camera = "sim:x?width=5"', "devices.camera", "16 to 1920"),
    "reader on the wrong bus": (
        'card_reader = "none:"',
        'card_reader = "gpio:"',
        "devices.card_reader",
        "one of serial:",
    ),
    "co-processor on the wrong bus": (
        "[devices]",
        '[devices]\ncoprocessor = "i2c:1"',
        "devices.coprocessor",
        "serial:",
    ),
    "thermal sensor of another address": (
        "[devices]",
        '[devices]\nthermal = "i2c:/dev/i2c-1?address=5"',
        "devices.thermal",
        "an AMG8833 has",
    ),
    "door on a pin of one's own choice": ("[devices]", '[devices]\ndoor = "gpio:4"', "devices.door", "one_shot=fitted"),
    "door twice": (
        "[devices]",
        '[devices]\ndoor = "gpio:"\ncoprocessor = "serial:///dev/serial0"',
        "devices.door",
        "or on devices.coprocessor, not on both",
    ),
    "reader of a broken form": ('card_reader = "none:"', 'card_reader = "serial://[x"', "devices.card_reader", "URI"),
    "sensor turned between": (
        "[kiosk]",
        "[thermal]\nturned_deg = 45\n[kiosk]",
        "thermal.turned_deg",
        "0, 90, 180, 270",
    ),
    "sensor turned in words": ("[kiosk]", '[thermal]\nturned_deg = "90"\n[kiosk]', "thermal.turned_deg", "an integer"),
    "sensor mirrored by a number": ("[kiosk]", "[thermal]\nmirrored = 1\n[kiosk]", "thermal.mirrored", "true or false"),
    "sensor that looks elsewhere": (
        "[kiosk]",
        "[thermal]\nright_deg = 31\n[kiosk]",
        "thermal.right_deg",
        "expected -30 to 30 degrees, found 31; hw/thermal/README.md says how to measure it",
    ),
    "sensor that looks nowhere": ("[kiosk]", "[thermal]\ndown_deg = nan\n[kiosk]", "thermal.down_deg", "found nan"),
    "picture of no width": ("[kiosk]", "[thermal]\npicture_deg = 0\n[kiosk]", "thermal.picture_deg", "20 to 140"),
    "option of another name": (
        "[kiosk]",
        "[thermal]\nturned = 90\n[kiosk]",
        "thermal.turned",
        "known here: turned_deg",
    ),
    "key as a table": (
        'record = "file:record.key"',
        "record = {a = 1}",
        "keys.record",
        "expected a string, found dict",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistake_is_named(name: str, home: Home) -> None:
    old, new, path, expected = WRONG[name]
    home.edit(old, new)
    with pytest.raises(TreeError, match=re.escape(expected)) as found:
        home.config()
    assert found.value.path == path
    assert str(found.value).startswith(f"{path}: ")


def test_production_speaks_over_tls_only(home: Home) -> None:
    home.edit("production = false", "production = true")
    assert home.config().unit.production
    home.toml.write_text(TLS.sub("", home.toml.read_text("utf-8")), "utf-8")
    with pytest.raises(TreeError, match="over TLS") as found:
        home.config()
    assert found.value.path == "broker.tls"


def test_without_tls_outside_production(home: Home) -> None:
    home.toml.write_text(TLS.sub("", home.toml.read_text("utf-8")), "utf-8")
    assert home.config().broker.tls is None


@pytest.mark.parametrize(
    "content",
    [b"[unit", b"\xff\xfe[\x00", b"a = 1\na = 2\n", "[unit]\nid = '\udc80'".encode("utf-8", "surrogateescape")],
)
def test_what_is_no_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "unit.toml"
    path.write_bytes(content)
    with pytest.raises(TreeError, match="not TOML") as found:
        load(path)
    assert found.value.path == str(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(TreeError, match="cannot be read") as found:
            load(path)
        assert found.value.path == str(path)


def test_own_policy_is_found_beside_the_configuration(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the program was started."""
    home.edit('policy = "neutral"', 'policy = "packs/mine.toml"')
    monkeypatch.chdir("/")
    assert home.config().unit.policy == str(home.toml.parent / "packs/mine.toml")
