"""The drill for the day on which gateway and network are lost: the unit's records open with the recovery key alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main as vernix
from daemon.demo.people import ANNA
from daemon.demo.scenarios import match, refuses
from daemon.demo.stage import UNIT, Stage
from evidence import envelope, jws
from evidence.certificates import load_certificate
from evidence.chain import Head
from evidence.encoding import json_object
from evidence.errors import SignatureError
from evidence.health import TYPE as HEALTH_TYPE
from evidence.keys import generate_key, load_private_key
from evidence.verify import read_origin, read_record, verify_records
from tests.end_to_end.support import NoBroker, act, silent


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(silent, make_broker=NoBroker) as made:
        yield made


def test_recovery_key_alone_opens_everything(stage: Stage, tmp_path: Path) -> None:
    play = act(stage)
    passed = match(play)
    play.touch("close")
    play.step("idle")
    stage.reader.lift()
    refused = refuses(play)
    assert not refused["online"]
    stage.stop_unit()
    assert stage.gateway("list", "--json") == []

    sealed = tmp_path / "sealed.jsonl"
    assert vernix(["export", "--config", str(stage.unit_toml), "--to", str(sealed)]) == 0
    first, *lines = [json.loads(line) for line in sealed.read_text("ascii").splitlines()]
    recovery = load_private_key(stage.folder / "site/recovery/recovery.key")
    tokens = [envelope.open_envelope(line["envelope"].encode("ascii"), recovery).jws for line in lines]
    assert_sound(stage, first, tokens)
    outcomes = {read_record(token).payload.get("check"): read_record(token).payload.get("outcome") for token in tokens}
    assert (outcomes[passed["check"]], outcomes[refused["check"]]) == ("passed", "refused")
    (document,) = [found for token in tokens if (found := read_record(token).payload.get("document"))]
    assert ANNA.name in str(document)

    stranger = generate_key(tmp_path / "stranger.key")
    with pytest.raises(SignatureError, match="not for this key"):
        envelope.open_envelope(lines[1]["envelope"].encode("ascii"), stranger)
    assert_unreadable_at_rest(stage, sealed)


def assert_sound(stage: Stage, first: dict[str, Any], tokens: list[str]) -> None:
    """The records verify up to the head that the unit signed into the export."""
    authority = load_certificate(stage.folder / "site/authority/authority.pem")
    origin = read_origin(read_record(tokens[0]), authority)
    said = json_object(jws.verify(first["head"], HEALTH_TYPE, origin.key_for).payload)
    assert said["unit"] == UNIT
    result = verify_records(tokens, authority, Head(said["seq"], said["head"]))
    assert result.sound, result.findings
    assert result.count == len(tokens)
    kinds = [read_record(token).payload["kind"] for token in tokens]
    assert (kinds[0], kinds.count("check")) == ("birth", 2)


def assert_unreadable_at_rest(stage: Stage, sealed: Path) -> None:
    """Neither the unit's own folder nor the export holds anything of her that can be read without a key."""
    number = f"990000{ANNA.birth}{ANNA.sequence}".encode()
    files = [one for one in stage.unit_toml.parent.rglob("*") if one.is_file()]
    assert any(one.name == "outbox.db" for one in files)
    for path in [*files, sealed, stage.folder / "unit.log"]:
        content = path.read_bytes()
        assert number not in content, path
        assert ANNA.name.encode() not in content, path
