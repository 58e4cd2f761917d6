"""The hospital's people, and the office where their accounts are applied for, approved and given credentials."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.approvers import Proven
from gateway.cli import main
from gateway.config import Approver, Officers
from gateway.officers import Application
from gateway.store import Store
from tests.gateway.support import NOW, Hospital

NAME, WHY = "示例核验员", "夜班"
FIRST, SECOND = "审批人甲", "审批人乙"
RULES = Officers(
    approvers=tuple(
        Approver(name, department, number)
        for name, department, number in (
            (FIRST, "医务科", ""),
            (SECOND, "护理部", ""),
            (FIRST, "护理部", ""),
            (NAME, "护理部", ""),
            ("审批人丁", "护理部", "S-7"),
        )
    )
)
NEEDED = RULES.approved_by
PASSWORD = "correct horse battery"
_PEOPLE = itertools.count(1)


def application(**changes: Any) -> Application:
    """Of somebody new, if nothing else is said: namesakes, told apart by their staff numbers."""
    number = next(_PEOPLE)
    given: dict[str, Any] = {"name": NAME, "department": "产科", "post": "护师", "reason": WHY, "code": "OBS"}
    return Application(**{**given, "phone": f"139 0000 {number:04}", "staff_number": f"N-{number}", **changes})


def applied(store: Store, **changes: Any) -> str:
    with store.transaction():
        return store.officers.apply(application(**changes), NAME, NOW)


def approve(store: Store, officer: str, department: str = NEEDED[0], by: str = FIRST, number: str = "") -> bool:
    with store.transaction():
        return store.officers.approve(officer, Proven(by, department, number), RULES, NOW)


def approved(store: Store, pin: str = "$argon2id$v=19$x", **changes: Any) -> str:
    officer = applied(store, **changes)
    assert not approve(store, officer)
    assert approve(store, officer, NEEDED[1], SECOND)
    give(store, officer, pin)
    return officer


def give(store: Store, officer: str, value: str, method: str = "pin", key: str = "") -> None:
    with store.transaction():
        store.officers.set_credential(officer, method, value, "信息科", NOW, key)


@dataclass(slots=True)
class Bureau:
    """What an operator types there."""

    hospital: Hospital
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def say(self, *words: str, status: int = 0, typed: str = "") -> str:
        """What is printed, or where ``status`` is another than 0, what is complained of."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        done = main(["--config", str(self.hospital.gateway_toml), *words])
        out, err = self.capsys.readouterr()
        assert done == status, err
        return str(out if status == 0 else err)

    def officer(self, *more: str) -> str:
        number = next(_PEOPLE)
        words = ["--name", NAME, "--department", "产科", "--post", "护师", "--phone", f"139 0000 {number:04}"]
        words += ["--staff-number", f"N-{number}", "--reason", WHY, "--code", "OBS"]
        return str(json.loads(self.say("officer", "apply", *words, *more, "--json"))["id"])

    def approve(self, officer: str, department: str, by: str, password: str = PASSWORD, status: int = 0) -> str:
        words = ("officer", "approve", officer, "--department", department, "--by", by)
        return self.say(*words, typed=f"{password}\n", status=status)

    @property
    def store(self) -> Store:
        return Store(self.hospital.gateway_toml.parent / "data/gateway.db")
