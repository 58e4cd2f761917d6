"""A gateway's key that the authority has revoked: nothing it signs is believed, and recording goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daemon.delivery import Delivery
from daemon.revoked import FILE, RevokedKeys
from evidence import receipt
from evidence.certificates import load_certificate, make_authority
from evidence.errors import RefusedError
from evidence.health import parse_health
from evidence.keys import KeySigner, generate_key, load_private_key
from evidence.revocation import Reason, Revoked, sign_revocations
from evidence.topics import Channel
from provisioning.cli import main
from tests.daemon.support import SITE, Home, check_fields, now


def keys_of(home: Home) -> RevokedKeys:
    """As the unit makes them at its start."""
    authority = load_certificate(home.site / "authority" / "authority.pem")
    home.database.parent.mkdir(exist_ok=True)
    return RevokedKeys(home.toml.parent / FILE, home.database.parent / FILE, authority)


def revoke_gateway(home: Home) -> str:
    """As IT types it; the new list."""
    kid = home.gateway().kid
    assert main(["site", "revoke", str(home.site), kid, "--reason", "compromised"]) == 0
    return (home.site / "authority" / FILE).read_text("ascii")


def list_of(home: Home, number: int, *kids: str) -> str:
    entries = [Revoked(kid, "1", now(), Reason.REPLACED) for kid in kids]
    return sign_revocations(
        SITE, number, entries, now(), KeySigner(load_private_key(home.site / "authority/authority.key"))
    )


class Ward:
    """A unit's delivery that goes by the list, and what it says to the gateway."""

    def __init__(self, home: Home) -> None:
        self.home, self.outbox, self.revoked = home, home.outbox(), keys_of(home)
        self.sent: list[tuple[Channel, bytes]] = []
        identity = home.identity()
        self.delivery = Delivery(
            self.outbox,
            home.config().address,
            identity.signer,
            self.revoked.guard(identity.gateway_key),
            publish=self.publish,
            revocations=self.revoked.take,
            revocations_number=lambda: self.revoked.number,
        )

    def publish(self, channel: Channel, payload: bytes) -> bool:
        self.sent.append((channel, payload))
        return True

    def receipted(self, counter: int) -> int:
        """How many records wait after a receipt for all of them by the gateway's key."""
        body = receipt.make_body({seq: sha256 for seq, sha256, _ in self.outbox.every_envelope()})
        self.delivery.receive(Channel.RECEIPT, self.home.downlink(Channel.RECEIPT, body, counter))
        return self.outbox.count_waiting()

    def number_told(self) -> int | None:
        self.delivery.pump()
        return parse_health(
            next(one for channel, one in reversed(self.sent) if channel is Channel.HEALTH).decode()
        ).revocations


def command_with(home: Home, token: str, counter: int) -> bytes:
    return home.downlink(Channel.COMMAND, {"command": "revocations", "list": token}, counter)


@pytest.mark.parametrize("how", ["beside unit.toml", "by command"])
def test_a_revoked_gateway_is_not_believed_and_recording_goes_on(
    how: str, home: Home, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ward = Ward(home)
    assert (ward.receipted(1), ward.number_told()) == (0, 0)
    token = revoke_gateway(home)
    assert "gateway-signing.pem" in capsys.readouterr().out, "what is to be done on every unit"
    if how == "by command":
        ward.delivery.receive(Channel.COMMAND, command_with(home, token, 2))
        assert ward.number_told() == 1
    else:
        (home.toml.parent / FILE).write_text(token, "ascii")
        ward.revoked.refresh()
    assert ward.revoked.names(home.gateway().kid)
    ward.outbox.append(check_fields())
    assert ward.receipted(3) == 1
    again = home.downlink(Channel.COMMAND, {"command": "resend", "ranges": [[1, 1]]}, 4)
    ward.delivery.receive(Channel.COMMAND, again)
    ward.delivery.receive(Channel.ROSTER, home.downlink(Channel.ROSTER, {"version": 1, "officers": []}, 5))
    assert (ward.outbox.count_waiting(), ward.delivery.refused) == (1, 3)
    assert "signed by a revoked key" in caplog.text
    ward.outbox.close()
    (home.toml.parent / FILE).unlink(missing_ok=True)
    assert keys_of(home).names(home.gateway().kid), "after a restart too, and without the file"


def test_only_the_authority_can_revoke(home: Home, tmp_path: Path) -> None:
    ward = Ward(home)
    key = generate_key(tmp_path / "other.key")
    make_authority(SITE, key, now())
    forged = sign_revocations(SITE, 9, [Revoked(home.gateway().kid, "1", now(), Reason.LOST)], now(), KeySigner(key))
    for token in (forged, "a.b.c"):
        ward.delivery.receive(Channel.COMMAND, command_with(home, token, 7))
        (home.toml.parent / FILE).write_text(token, "ascii")
        ward.revoked.refresh()
    assert (ward.delivery.refused, ward.revoked.number, ward.receipted(8)) == (2, 0, 0)
    ward.outbox.close()


def test_no_list_takes_a_key_back(home: Home) -> None:
    revoked = keys_of(home)
    revoked.take(list_of(home, 3, "k" * 43))
    with pytest.raises(RefusedError, match="lacks a key"):
        revoked.take(list_of(home, 4, "l" * 43))
    revoked.take(list_of(home, 2, "k" * 43, "l" * 43))  # late, and no trouble: a later one came another way
    assert (revoked.number, revoked.names("l" * 43)) == (3, False)
    (home.toml.parent / FILE).write_text(list_of(home, 1), "ascii")
    assert (keys_of(home).number, keys_of(home).names("k" * 43)) == (3, True)


def test_a_list_that_cannot_be_read_stops_nothing(home: Home) -> None:
    keys_of(home).take(list_of(home, 3, "k" * 43))
    (home.toml.parent / FILE).mkdir()
    (home.database.parent / FILE).write_bytes(b"\xff")
    assert keys_of(home).number == 0
    shutil.rmtree(home.toml.parent / FILE)
    assert keys_of(home).number == 0


def test_a_list_that_cannot_be_kept_is_gone_by(home: Home) -> None:
    revoked = keys_of(home)
    shutil.rmtree(home.database.parent)
    with pytest.raises(RefusedError, match="in force and cannot be kept"):
        revoked.take(list_of(home, 3, "k" * 43))
    assert revoked.names("k" * 43)
    home.database.parent.mkdir()
    revoked.take(list_of(home, 3, "k" * 43))
    assert keys_of(home).names("k" * 43), "sent again with room, it outlives the process"
