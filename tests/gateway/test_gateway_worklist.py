"""Worklists from the gateway: only to a key that the unit itself announced, encrypted, and nothing of it stays here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from evidence import downlink
from evidence.encoding import json_bytes
from evidence.errors import RefusedError, RevokedError, SignatureError
from evidence.keys import KeySigner, thumbprint
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.topics import Channel
from evidence.worklist import announce, open_sealed
from gateway import command
from gateway.aside import Message
from gateway.cli import main
from gateway.intake import Intake
from gateway.revocations import RevocationList
from gateway.store import Store
from tests.gateway.conftest import Desk, folder_in_memory
from tests.gateway.support import Hospital, Unit

KEY = ec.generate_private_key(ec.SECP256R1())
NAME, NUMBER = "示例产妇", "990000199003070521"
CONTENT = {"v": 1, "entries": [{"visit": "V-1", "expected": {"name": NAME, "number": NUMBER}}]}


def state(unit: Unit, **changes: Any) -> Message:
    said = {
        "v": 1,
        "state": "online",
        "boot": 3,
        "worklist_key": announce(KEY.public_key(), unit.address, 3, unit.signer),
    }
    kept = {name: value for name, value in {**said, **changes}.items() if value is not None}
    return Message(unit.address, Channel.STATE, json_bytes(kept))


def test_the_announced_key_is_known_also_before_the_birth_record(desk: Desk, unit: Unit) -> None:
    desk.take(state(unit))
    with pytest.raises(RefusedError, match="no verified records"):
        desk.intake.worklist_key(unit.address.unit)
    desk.take(unit.message(unit.birth()))
    assert thumbprint(desk.intake.worklist_key(unit.address.unit)) == thumbprint(KEY.public_key())
    # Offline, or cleared at the broker: the unit may be the same process when it is back.
    desk.take(state(unit, state="offline", boot=None, worklist_key=None), Message(unit.address, Channel.STATE, b""))
    assert desk.intake.worklist_key(unit.address.unit)
    assert desk.reasons() == []


def test_a_key_that_somebody_else_announced_is_not_used(desk: Desk, unit: Unit) -> None:
    desk.take(unit.message(unit.birth()))
    with pytest.raises(RefusedError, match="announced no key"):
        desk.intake.worklist_key(unit.address.unit)
    forged = announce(KEY.public_key(), unit.address, 3, KeySigner(ec.generate_private_key(ec.SECP256R1())))
    desk.take(state(unit, worklist_key=forged))
    with pytest.raises(SignatureError, match="unknown key"):
        desk.intake.worklist_key(unit.address.unit)


def test_a_key_that_a_revoked_unit_announced_is_not_used(
    desk: Desk, unit: Unit, hospital: Hospital, memory: Path
) -> None:
    desk.take(unit.message(unit.birth()), state(unit))
    assert desk.intake.worklist_key(unit.address.unit)
    entry = Revoked(unit.signer.kid, "1", hospital.now, Reason.COMPROMISED)
    token = sign_revocations(hospital.site, 1, [entry], hospital.now, KeySigner(hospital.authority_key))
    (memory / "revocations.jws").write_text(token)
    revocations = RevocationList(desk.store, hospital.authority, memory / "revocations.jws")
    intake = Intake(
        desk.store, hospital.site, hospital.authority, hospital.key, lambda: hospital.now, revocations=revocations
    )
    with pytest.raises(RevokedError, match="signed by a revoked key"):
        intake.worklist_key(unit.address.unit)


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b'{"v": 1}', b'{"v": 1, "state": "online", "worklist_key": 5}', b"\xff"]
)
def test_a_state_that_is_none_goes_to_quarantine(payload: bytes, desk: Desk, unit: Unit) -> None:
    desk.take(Message(unit.address, Channel.STATE, payload))
    assert len(desk.reasons()) == 1


# --- as an operator types it ---


@pytest.fixture
def provisioned() -> Iterator[tuple[Hospital, Unit]]:
    with folder_in_memory() as folder:
        hospital = Hospital.of_site(folder)
        unit = hospital.unit("u1")
        with closing(Store(hospital.gateway_toml.parent / "data/gateway.db")) as store:
            hospital.intake(store).take([unit.message(unit.birth()), state(unit)])
        yield hospital, unit


def test_a_file_reaches_the_unit_and_nobody_else(
    provisioned: tuple[Hospital, Unit], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hospital, unit = provisioned
    file = tmp_path / "list.json"
    file.write_text(json.dumps(CONTENT, ensure_ascii=False), "utf-8")
    assert main(["--config", str(hospital.gateway_toml), "worklist", "send", str(file), "--unit", "u1"]) == 0
    assert capsys.readouterr().out == "a worklist of 1 visits is on its way to u1\n"
    with closing(Store(hospital.gateway_toml.parent / "data/gateway.db")) as store:
        (laid,) = command.waiting(store)
    how: dict[str, Any] = {"last_counter": 0, "now": hospital.now}
    body = downlink.read(laid.token, Channel.WORKLIST, unit.address, hospital.key_for, **how).body
    assert open_sealed(body, KEY) == CONTENT["entries"]
    for path in hospital.gateway_toml.parent.rglob("*"):
        assert not path.is_file() or NAME.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("text", "unit", "why"),
    [
        ("{", "u1", "not JSON"),
        (json.dumps({"v": 1, "entries": [{"name": NAME}]}), "u1", "worklist-v1: entries.0"),
        (json.dumps(CONTENT), "u9", "no verified records"),
        (json.dumps(CONTENT), "u/1", "unit must be"),
    ],
)
def test_what_cannot_be_sent(
    text: str,
    unit: str,
    why: str,
    provisioned: tuple[Hospital, Unit],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "list.json"
    file.write_text(text, "utf-8")
    assert main(["--config", str(provisioned[0].gateway_toml), "worklist", "send", str(file), "--unit", unit]) == 3
    err = capsys.readouterr().err
    assert why in err
    assert NAME not in err
