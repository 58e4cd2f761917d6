"""A provisioned site and unit in a folder, and what the daemon's tests do with them."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from daemon.check_id import new_check_id
from daemon.clock import KernelClock, UnitClock
from daemon.config import Config, load
from daemon.demo.screen import Screen
from daemon.identity import Identity, load_identity
from daemon.outbox import Outbox, read_birth
from evidence import downlink
from evidence.certificates import load_certificate
from evidence.credentials import Role
from evidence.envelope import open_envelope
from evidence.keys import Signer, load_private_key, open_signer
from evidence.record import Record
from evidence.topics import Channel
from evidence.verify import Verified, read_record, verify_records
from provisioning.broker import Broker
from provisioning.enrolment import enrol
from provisioning.officers import add_officer
from provisioning.site import init_site
from provisioning.unit_toml import UnitSettings
from tests.support import ROOT
from tests.support.brokers import wait_for

SITE, UNIT = "site-test", "unit-test"
PINS = {"o-101": "480273", "o-102": "915604"}
"""Officers of the test unit and their PINs."""
SYNCHRONISED = KernelClock(synchronised=True, error=dt.timedelta(milliseconds=5))


def now() -> dt.datetime:
    """The real time, aware."""
    return dt.datetime.now(dt.UTC)


def build(folder: Path) -> None:
    """A new site, unit and two officers in ``folder``."""
    init_site(folder / "site", SITE, Broker("127.0.0.1", 8883), now())
    settings = UnitSettings("delivery", card_reader="none:", camera="none:")
    enrol(folder / "site", UNIT, folder / "unit", settings, now)
    for officer, pin in PINS.items():
        add_officer(folder / "unit", officer, Role.OFFICER, pin, now())


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of a site and of its unit."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def toml(self) -> Path:
        return self.folder / "unit" / "unit.toml"

    @property
    def database(self) -> Path:
        return self.folder / "unit" / "data" / "outbox.db"

    def edit(self, old: str, new: str) -> None:
        """Replace a piece of ``unit.toml`` that must be there."""
        text = self.toml.read_text("utf-8")
        assert old in text, f"{old!r} is not in unit.toml"
        self.toml.write_text(text.replace(old, new, 1), "utf-8")

    def config(self) -> Config:
        return load(self.toml)

    def identity(self) -> Identity:
        return load_identity(self.config(), now())

    def gateway(self) -> Signer:
        """The gateway's signing key."""
        return open_signer(f"file:{self.site / 'gateway' / 'signing.key'}")

    def outbox(
        self, clock: Callable[[dt.datetime | None], UnitClock] | None = None, signer: Signer | None = None
    ) -> Outbox:
        """Open the unit's outbox, as the daemon does; the kernel's judgement of the clock is always a good one."""
        identity, config = self.identity(), self.config()
        config.unit.data.mkdir(exist_ok=True)
        return Outbox(
            self.database,
            identity={"unit": UNIT, "site": SITE, "software": {"version": "0.0.0"}},
            signer=signer or identity.signer,
            recipients=identity.recipients,
            birth=lambda: read_birth(config.keys.birth, identity.certificate_der),
            clock=clock or (lambda floor: UnitClock(floor, kernel=lambda: SYNCHRONISED)),
        )

    def opened(self, outbox: Outbox) -> list[Record]:
        """Every record of ``outbox``, decrypted with the site's recovery key alone."""
        key = load_private_key(self.site / "recovery" / "recovery.key")
        return [read_record(open_envelope(sealed, key).jws) for _, _, sealed in outbox.every_envelope()]

    def verified(self, outbox: Outbox) -> Verified:
        """What ``vernix verify`` would find in ``outbox``."""
        authority = load_certificate(self.site / "authority" / "authority.pem")
        return verify_records([one.jws for one in self.opened(outbox)], authority, outbox.head)

    def downlink(self, channel: Channel, body: Mapping[str, Any], counter: int, **changes: Any) -> bytes:
        """A message as the gateway sends it; ``changes``: ``address``, ``issued``, ``lifetime``, ``signer``."""
        token = downlink.write(
            channel,
            changes.get("address", self.config().address),
            body,
            counter=counter,
            now=changes.get("issued", now()),
            lifetime=changes.get("lifetime", dt.timedelta(hours=1)),
            signer=changes.get("signer", self.gateway()),
        )
        return token.encode("ascii")


class RunningUnit:
    """``vernix run`` in a process of its own, with a page open on its screen; its log and temporary files are kept."""

    def __init__(self, home: Home, *options: str) -> None:
        self._options = options
        self.log = home.folder / "unit.log"
        self.temporary = home.folder / "temporary"
        self._home = home

    def __enter__(self) -> Self:
        text = self._home.toml.read_text("utf-8")
        self._home.toml.write_text(text.replace("port = 8080", "port = 0"), "utf-8")
        self.temporary.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "daemon.cli", "run", *self._options, "--config", str(self._home.toml)]
        with self.log.open("ab") as log:
            begun = log.tell()
            environment = os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
            self.process = subprocess.Popen(command, cwd=self.temporary, env=environment, stdout=log, stderr=log)
        try:
            wait_for(lambda: self._port(begun) is not None or self.process.poll() is not None, "the unit", 90)
            port = self._port(begun)
            assert port is not None, f"the unit ended; its log: {self.log.read_text('utf-8', 'replace')[-2000:]}"
            self.screen = Screen(port, lambda: self.process.poll() is None)
        except BaseException:
            self.kill()
            raise
        return self

    def _port(self, begun: int) -> int | None:
        """Where the screen is, as the log says from ``begun`` on: the unit took any free port."""
        found = re.search(rb"screen at http://localhost:(\d+)/", self.log.read_bytes()[begun:])
        return int(found[1]) if found else None

    def __exit__(self, *exc: object) -> None:
        self.screen.close()
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(30)


def check_fields(check: str | None = None, outcome: str = "refused") -> dict[str, Any]:
    """Fields of a check record that needs neither card nor face."""
    return {
        "kind": "check",
        "check": check or new_check_id(),
        "drill": False,
        "checkpoint": "delivery",
        "outcome": outcome,
        "policy": {"id": "neutral", "version": "1"},
        "visit": {"ref": "V-0001", "source": "typed"},
        "subject": {"role": "mother"},
        "officers": [],
        "channel": "unit",
        "reason": "test",
        **({"step_reached": "notice"} if outcome == "interrupted" else {}),
    }


class _Idle:
    """Whatever it is told, it does nothing."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None


def idle_devices() -> Any:
    """Cards and faces of a unit whose loop is turned by hand: nothing that matters there is asked of them."""
    return _Idle()
