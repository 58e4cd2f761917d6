"""A hospital, its store and its intake."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from evidence.chain import Head
from gateway.aside import Message
from gateway.intake import Digests, Intake
from gateway.store import Store
from tests.gateway.personnel import RULES, Bureau
from tests.gateway.support import Hospital, Unit


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """In memory where there is such a place: what is tested here is not durability, and fsync takes its time."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="vernix-test-", dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def hospital() -> Iterator[Hospital]:
    with folder_in_memory() as folder:
        yield Hospital.make(folder)


@pytest.fixture(scope="session")
def stranger() -> Iterator[Hospital]:
    """Another hospital whose site has the same name."""
    with folder_in_memory() as folder:
        yield Hospital.make(folder)


@pytest.fixture
def memory() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture
def store(memory: Path) -> Iterator[Store]:
    opened = Store(memory / "data/gateway.db")
    yield opened
    opened.close()


@pytest.fixture
def unit(hospital: Hospital) -> Unit:
    return hospital.unit()


@dataclass(frozen=True, slots=True)
class Desk:
    """The intake as the tests use it: one message a commit unless they say otherwise."""

    intake: Intake
    store: Store

    def take(self, *messages: Message) -> Digests:
        """Everything that is to be receipted after ``messages``, one by one."""
        receipted: Digests = {}
        for message in messages:
            receipted |= self.intake.take([message]).get(message.address.unit, {})
        return receipted

    def head(self, unit: Unit) -> Head | None:
        return self.store.head(unit.address.unit)

    def reasons(self) -> list[str]:
        """Why messages are in quarantine."""
        return [one.reason for one in self.store.kept_apart() if not one.waits]

    def waiting(self) -> int:
        """How many messages wait for a birth record."""
        return sum(one.waits for one in self.store.kept_apart())


@pytest.fixture
def desk(hospital: Hospital, store: Store) -> Desk:
    return Desk(hospital.intake(store), store)


@pytest.fixture(scope="module")
def provisioned() -> Iterator[Hospital]:
    """A site whose gateway.toml names the approvers."""
    with folder_in_memory() as folder:
        made = Hospital.of_site(folder)
        with made.gateway_toml.open("a", encoding="utf-8") as file:
            for one in RULES.approvers:
                file.write(f'[[officers.approvers]]\nname = "{one.name}"\ndepartment = "{one.department}"\n')
        yield made


@pytest.fixture
def bureau(
    provisioned: Hospital, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bureau]:
    """Of a site where nothing has happened yet."""
    yield Bureau(provisioned, capsys, monkeypatch)
    shutil.rmtree(provisioned.gateway_toml.parent / "data", ignore_errors=True)
