"""A hospital on one broker, and for each case a new unit, a line on either side, and a gateway: all of production."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence.certificates import load_certificate
from evidence.keys import Signer, load_private_key, open_signer
from evidence.topics import Channel
from evidence.verify import verify_records
from gateway.aside import Message
from gateway.config import Config, load
from gateway.connection import SILENT_S
from gateway.intake import Digests, Intake
from gateway.outgoing import AGAIN_S
from gateway.receiver import Receiver
from gateway.store import Store
from provisioning.enrolment import enrol
from provisioning.site import Site
from provisioning.unit_toml import UnitSettings
from tests.delivery.brokers import Broker
from tests.delivery.proxy import Line, LyingLine
from tests.delivery.unit import TIMING, WorkingUnit
from tests.support.background import Background

PATIENCE_S = 120.0
"""How long a case waits for what has to happen. Not a measure of speed."""
_TURN_S = 0.05
_SETTINGS = UnitSettings("delivery", card_reader="none:", camera="none:")


def now() -> dt.datetime:
    """The real time, aware."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    Attributes:
        records: committed at the unit.
        copies: messages with records that reached the gateway, all of them.
        lost: records that are not verified at the gateway.
        doubled: records or checks that are there more than once.
        wrong: whatever else is not as it must be.
    """

    records: int
    copies: int
    lost: int
    doubled: int
    wrong: tuple[str, ...]
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether every record is there exactly once, and nothing else is amiss."""
        return not (self.lost or self.doubled or self.wrong)


class CountingIntake(Intake):
    """The gateway's intake, counting what it was given of each unit, and noting the kind of what came first."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.copies: dict[str, int] = {}
        self.first: dict[str, Channel] = {}

    def take(self, messages: Sequence[Message]) -> dict[str, Digests]:
        """As :class:`Intake`."""
        for message in messages:
            if message.channel in (Channel.RECORD, Channel.ALERT):
                unit = message.address.unit
                self.copies[unit] = self.copies.get(unit, 0) + 1
                self.first.setdefault(unit, message.channel)
        return super().take(messages)


class GatewayThread:
    """The production receiver in a thread; a new one for each case, all on one store. No case ends well if it dies."""

    def __init__(self, hospital: Hospital, port: int, silent_s: float, again_s: float) -> None:
        config = hospital.config
        broker = dataclasses.replace(config.broker, port=port)
        self.receiver = Receiver(
            broker,
            config.gateway.site,
            hospital.intake,
            hospital.store,
            hospital.signer,
            silent_s=silent_s,
            again_s=again_s,
        )
        self._background = Background("gateway", self.receiver.run)

    def __enter__(self) -> GatewayThread:
        self._background.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.receiver.stop()
        self._background.end(60)


@dataclass(slots=True)
class Hospital:
    """One site on one running broker."""

    broker: Broker
    config: Config
    store: Store
    intake: CountingIntake
    signer: Signer
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def site(self) -> Site:
        return self.broker.site

    def back_up(self) -> Path:
        """A copy of the gateway's store as it is now."""
        path = self.store.path.with_suffix(f".{next(self.numbers)}.backup")
        with closing(sqlite3.connect(self.store.path)) as db:
            db.execute("VACUUM INTO ?", (str(path),))
        return path

    def restore(self, backup: Path) -> None:
        """The gateway's machine broke, and its store is the one of ``backup``; nobody may be at work on it."""
        path, copies = self.store.path, self.intake.copies
        self.store.close()
        for rest in path.parent.glob(f"{path.name}*"):
            rest.unlink()
        backup.rename(path)
        self.store = Store(path)
        self.intake = _intake(self.config, self.store)
        self.intake.copies = copies

    def enrol(self, at: dt.datetime) -> Path:
        """The folder of a new unit that was enrolled ``at`` that time."""
        folder = self.site.folder.parent / f"unit-{next(self.numbers)}"
        enrol(self.site.folder, folder.name, folder, _SETTINGS, lambda: at)
        return folder


@contextmanager
def opened(broker: Broker) -> Iterator[Hospital]:
    """The hospital around ``broker``, which is started, and ended at last."""
    folder = broker.site.folder / "gateway"
    config = load(folder / "gateway.toml")
    signer = open_signer(f"file:{folder / 'signing.key'}")
    with ExitStack() as stack:
        store = Store(folder / "data" / "gateway.db")
        made = Hospital(broker, config, store, _intake(config, store), signer)
        stack.callback(lambda: made.store.close())
        stack.callback(broker.end, signal.SIGKILL)
        broker.start()
        yield made


def _intake(config: Config, store: Store) -> CountingIntake:
    key, authority = load_private_key(config.keys.encryption), load_certificate(config.keys.authority)
    return CountingIntake(store, config.gateway.site, authority, key)


class Case:
    """One unit and its gateway, each on a line of its own to the broker."""

    def __init__(self, hospital: Hospital, records: int, hurry: float, tools: Path) -> None:
        self.hospital, self.records, self.hurry, self.tools = hospital, records, hurry, tools
        self.broker = hospital.broker
        self.move_in(now())
        self.wrong: list[str] = []
        self._stack = ExitStack()
        self._began_s = time.monotonic()

    def __enter__(self) -> Case:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def move_in(self, at: dt.datetime) -> None:
        """The case's unit, enrolled ``at`` that time."""
        self.folder = self.hospital.enrol(at)
        self.name = self.folder.name

    # --- the pieces -----------------------------------------------------------------------------------------------

    def line(self) -> Line:
        """A line to the broker that can be slowed down and cut."""
        return self._stack.enter_context(Line(self.broker.ports))

    def lying_line(self, client: Path) -> LyingLine:
        """A line that lies to the holder of the certificate in ``client``."""
        return self._stack.enter_context(LyingLine(self.broker.ports, self.broker.folder, client))

    def gateway(self, line: Line, silent_s: float = SILENT_S, again_s: float = AGAIN_S) -> GatewayThread:
        """The gateway, at work on ``line``."""
        return self._stack.enter_context(GatewayThread(self.hospital, line.port, silent_s, again_s))

    def gateway_for_a_while(self, line: Line) -> GatewayThread:
        """The gateway, at work until the block ends."""
        return GatewayThread(self.hospital, line.port, SILENT_S, AGAIN_S)

    def unit(self, line: Line, unanswered_s: float = TIMING.unanswered_s) -> WorkingUnit:
        """The unit, at work on ``line``."""
        made = WorkingUnit(self.folder / "unit.toml", line.port, hurry=self.hurry, unanswered_s=unanswered_s)
        return self._stack.enter_context(made)

    @contextmanager
    def unit_for_a_while(self, line: Line) -> Iterator[WorkingUnit]:
        """The unit, at work until the block ends."""
        with WorkingUnit(self.folder / "unit.toml", line.port, hurry=self.hurry) as unit:
            yield unit

    def enter(self, manager: Any) -> Any:
        """Keep something open until the case ends."""
        return self._stack.enter_context(manager)

    # --- looking --------------------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Return when ``condition`` holds; all the while, no receipt may be ahead of the gateway's store."""
        until_s = time.monotonic() + PATIENCE_S
        while not condition():
            began_s = time.monotonic()
            if began_s > until_s:
                raise AssertionError(f"waited in vain for {what}")
            self.compare()
            time.sleep(max(_TURN_S, 3 * (time.monotonic() - began_s)))

    def compare(self) -> None:
        """Hold what the outbox may overwrite against what the gateway has."""
        overwritable = self.outbox_rows("receipted > 0")
        stored = self.stored()
        ahead = [seq for seq, sha256 in overwritable.items() if stored.get(seq) != sha256]
        if ahead and not self.wrong:
            self.wrong.append(f"records {ahead[:5]} may be overwritten and are not at the gateway")

    def outbox_rows(self, which: str) -> dict[int, str]:
        """Number and hash of the outbox's records."""
        path = self.folder / "data" / "outbox.db"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return dict(db.execute(f"SELECT seq, sha256 FROM records WHERE {which}"))

    def stored(self) -> dict[int, str]:
        """Number and hash of the unit's records that the gateway has verified."""
        return {row.seq: row.sha256 for row in self.hospital.store.rows(self.name) if row.chained}

    # --- judging --------------------------------------------------------------------------------------------------

    def judge(self) -> Outcome:
        """Hold everything committed at the unit against the gateway's store."""
        self.compare()
        made, stored = self.outbox_rows("1"), self.stored()
        rows = self.hospital.store.rows(self.name)
        checks = [row.check for row in rows if row.check]
        authority = self.hospital.site.authority
        verified = verify_records(self.hospital.store.chained_jws(self.name), authority)
        self.wrong += [f"chain: {finding}" for finding in verified.findings]
        self.wrong += [f"kept apart: {one.reason}" for one in self.hospital.store.kept_apart() if one.unit == self.name]
        if left := len(self.outbox_rows("receipted = 0")):
            self.wrong.append(f"{left} records have no receipt")
        if extra := set(stored) - set(made):
            self.wrong.append(f"{len(extra)} records that the unit never made")
        return Outcome(
            records=len(made),
            copies=self.hospital.intake.copies.get(self.name, 0),
            lost=sum(stored.get(seq) != sha256 for seq, sha256 in made.items()),
            doubled=len(rows) - len({row.seq for row in rows}) + len(checks) - len(set(checks)),
            wrong=tuple(self.wrong),
            seconds=time.monotonic() - self._began_s,
        )


def receipted(case: Case, unit: WorkingUnit) -> None:
    """Everything the unit committed has its receipt."""
    case.wait(lambda: unit.look().waiting == 0, "the receipts")
