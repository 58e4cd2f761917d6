"""The gateway's configuration: every error names the key path and what was expected there."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.tree import TreeError
from gateway.config import load

GOOD = """\
[gateway]
site = "s1"
data = "data"
[keys]
authority = "authority.pem"
signing = "file:signing.key"
signing_certificate = "signing.pem"
encryption = "encryption.key"
[broker]
host = "broker.example"
port = 8883
[broker.tls]
authority = "authority.pem"
certificate = "client.pem"
key = "client.key"
"""


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD)
    config = load(tmp_path / "gateway.toml")
    assert config.gateway.data == tmp_path / "data"
    assert config.keys.authority == tmp_path / "authority.pem"
    assert config.broker.tls is not None
    assert config.broker.tls.key == tmp_path / "client.key"


def test_without_tls(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD.partition("[broker.tls]")[0])
    assert load(tmp_path / "gateway.toml").broker.tls is None


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        ('site = "s1"', "", "gateway.site", "missing; expected a string"),
        ('site = "s1"', 'site = "a/b"', "gateway.site", "letters, digits"),
        ('site = "s1"', 'site = "+"', "gateway.site", "letters, digits"),
        ('site = "s1"', "site = 1", "gateway.site", "expected a string, found int"),
        ('data = "data"', 'data = ""', "gateway.data", "expected a path"),
        ("port = 8883", "port = 0", "broker.port", "from 1 to 65535, found 0"),
        ("port = 8883", "port = 65536", "broker.port", "found 65536"),
        ("port = 8883", 'port = "8883"', "broker.port", "expected an integer, found str"),
        ("port = 8883", "port = true", "broker.port", "expected an integer, found bool"),
        ('host = "broker.example"', 'host = ""', "broker.host", "empty string"),
        ('key = "client.key"', 'kay = "client.key"', "broker.tls.kay", "unknown key"),
        ("[keys]", "[keyz]", "keyz", "unknown key"),
        ("[gateway]", "gateway = 3\n[other]", "other", "unknown key"),
        ("[gateway]", "[gateway", "gateway.toml", "not TOML"),
    ],
)
def test_wrong(tmp_path: Path, old: str, new: str, path: str, says: str) -> None:
    (tmp_path / "gateway.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(TreeError, match=says) as raised:
        load(tmp_path / "gateway.toml")
    assert raised.value.path.endswith(path)
