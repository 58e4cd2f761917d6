"""A site and a unit, made once by the command itself, and a way to run the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioning.cli import main
from tests.support.programs import FindProgram
from tests.support.tokens import Token, tokens_of


@dataclass(frozen=True, slots=True)
class Run:
    """What one command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Run]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``vernix-provision`` with the given arguments in this process."""

    def run(*argv: str | Path) -> Run:
        capsys.readouterr()
        status = main([str(item) for item in argv])
        text = capsys.readouterr()
        return Run(status, text.out, text.err)

    return run


@pytest.fixture
def site(tmp_path: Path, command: Command) -> Path:
    """The folder of a new site, ``demo-site``."""
    folder = tmp_path / "site"
    assert command("site", "init", folder, "--site", "demo-site", "--broker-host", "broker.example").status == 0
    return folder


@pytest.fixture
def enrolled(site: Path, tmp_path: Path, command: Command) -> Path:
    """The folder of ``unit-01`` of :func:`site`."""
    folder = tmp_path / "unit-01"
    made = command("unit", "enrol", "--site", site, "--unit", "unit-01", "--into", folder, "--checkpoint", "delivery")
    assert made.status == 0, made.err
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` with its bytes, to show that nothing changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def soft_hsm(pytestconfig: pytest.Config, program: FindProgram, tmp_path_factory: pytest.TempPathFactory) -> Token:
    """A token of SoftHSM."""
    return tokens_of(pytestconfig).soft_hsm(program, tmp_path_factory)


@pytest.fixture(scope="session")
def soft_tpm(pytestconfig: pytest.Config, program: FindProgram) -> Token:
    """A token in a TPM 2.0."""
    return tokens_of(pytestconfig).soft_tpm(program)
