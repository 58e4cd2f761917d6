"""``vernix``: exit status and message of each command, for what is in order and for what is not."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main
from daemon.demo.screen import Screen
from evidence.envelope import open_envelope
from evidence.keys import generate_key, load_private_key
from hw.card_reader.simulator import SimulatedReader
from tests.daemon.support import UNIT, Home, RunningUnit, check_fields
from tests.support import ROOT

INTERPRETER = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
"""The one line that is not ours: the interpreter's library writes it by itself."""
OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vernix(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit status, standard output, standard error."""

    def run(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([str(item) for item in argv])
        except SystemExit as ended:  # argparse
            status = int(ended.code or 0)
        text = capsys.readouterr()
        return status, text.out, text.err

    return run


def in_process_of_its_own(*argv: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", *(str(item) for item in argv)]
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


SECTIONS = "unit, keys, broker, devices, kiosk, limits, printing, models, thermal"


@pytest.mark.parametrize(
    "argv", [(), ("dance",), ("verify",), ("run", "--loud"), ("policy", "burn", "neutral"), ("export",)]
)
def test_wrong_usage(argv: tuple[str, ...], vernix: Command) -> None:
    status, out, err = vernix(*argv)
    assert (status, out) == (USAGE, "")
    assert "usage: vernix" in err


@pytest.mark.parametrize("command", ["", "run", "demo", "selftest", "verify", "export", "config", "policy"])
def test_help(command: str, vernix: Command) -> None:
    status, out, _ = vernix(*([command] if command else []), "--help")
    assert status == OK
    assert "usage: vernix" in out


def test_config_in_order(home: Home, vernix: Command) -> None:
    assert vernix("config", "--config", home.toml) == (OK, f"{home.toml}: in order\n", "")
    status, out, _ = vernix("config", "--config", home.toml, "--effective")
    effective = json.loads(out)
    assert status == OK
    assert effective["unit"]["id"] == UNIT
    assert effective["limits"]["decision_s"] == 300.0, "defaults are shown too"
    assert effective["unit"]["data"] == str(home.toml.parent / "data")
    assert json.loads(vernix("config", "--config", home.toml, "--json")[1]) == effective


@pytest.mark.parametrize("command", [("config",), ("run",), ("selftest",), ("export", "--to", "out")])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('checkpoint = "delivery"', "checkpoint = 5", "unit.checkpoint: expected a string, found int 5"),
        ("[kiosk]", "[screen]", f"screen: unknown key; known here: {SECTIONS}"),
    ],
)
def test_wrong_configuration_is_usage(
    command: tuple[str, ...], old: str, new: str, message: str, home: Home, vernix: Command
) -> None:
    home.edit(old, new)
    assert vernix(*command, "--config", home.toml) == (USAGE, "", f"vernix: configuration: {message}\n")
    assert not home.database.exists()


def test_missing_configuration(vernix: Command, tmp_path: Path) -> None:
    status, _, err = vernix("config", "--config", tmp_path / "none.toml")
    assert status == USAGE
    assert f"{tmp_path / 'none.toml'}: cannot be read: No such file" in err


# --- what is wrong in the environment: named, exit 3, nothing overwritten ---


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _missing_library(home: Home) -> str:
    home.edit('photo_decoder = "simulated"', 'photo_decoder = "ctypes:/no/lib.so"')
    return "ctypes:/no/lib.so: no file /no/lib.so (an absolute path is needed); install the vendor's photo library"


def _key_damaged(home: Home) -> str:
    _damage(home.toml.parent / "record.key")
    return "record.key: not an unencrypted PEM private key"


def _key_of_another(home: Home) -> str:
    (home.toml.parent / "record.key").unlink()
    generate_key(home.toml.parent / "record.key")
    return "record.pem: not the certificate of the record key"


def _roster_gone(home: Home) -> str:
    (home.toml.parent / "officers.json").unlink()
    return "officers.json: cannot read the roster: No such file or directory"


def _database_damaged(home: Home) -> str:
    home.outbox().close()
    home.database.write_bytes(b"no database at all" * 300)
    return "outbox.db: file is not a database; keep this file and call service"


def _birth_gone(home: Home) -> str:
    (home.toml.parent / "birth.jws").unlink()
    return "birth.jws: cannot read the birth record"


def _tls_key_gone(home: Home) -> str:
    (home.toml.parent / "client.key").unlink()
    return "client.key"


def _no_reader(home: Home) -> str:
    home.edit('card_reader = "none:"', 'card_reader = "serial:///dev/no-such-reader"')
    return "serial:///dev/no-such-reader: open at 115200 baud: no such device; check the cable"


def _no_camera(home: Home) -> str:
    home.edit('camera = "none:"', 'camera = "replay:///no/such/folder"')
    return "replay:///no/such/folder"


def _data_elsewhere(home: Home) -> str:
    home.edit('data = "data"', 'data = "/proc/vernix/data"')
    return "/proc/vernix/data: cannot make the data folder: No such file or directory; let the unit's user write there"


ENVIRONMENTS = (
    _data_elsewhere,
    _no_reader,
    _no_camera,
    _missing_library,
    _key_damaged,
    _key_of_another,
    _roster_gone,
    _database_damaged,
    _birth_gone,
    _tls_key_gone,
)


@pytest.mark.parametrize("damage", ENVIRONMENTS, ids=lambda damage: damage.__name__)
def test_damage_stops_the_unit_with_its_name(damage: Callable[[Home], str], home: Home) -> None:
    message = damage(home)
    before = {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()}
    done = in_process_of_its_own("run", "--config", home.toml)
    assert done.returncode == ENVIRONMENT, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in before} == before, "nothing was overwritten"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'photo_decoder = "simulated"',
            'photo_decoder = "magic"',
            "devices.photo_decoder: magic: unknown photo decoder; known: simulated",
        ),
        ('camera = "none:"', 'camera = "sim:camera?fps=0"', "sim:camera?fps=0"),
        ('card_reader = "none:"', 'card_reader = "serial:///dev/x?baud=7"', "a card reader is serial:/path?baud=N"),
        (
            'checkpoint = "delivery"',
            'checkpoint = "moon"',
            "unit.checkpoint: 'moon' is not in policy neutral; known: registration, ",
        ),
        ('policy = "neutral"', 'policy = "nowhere"', "unit.policy: no pack 'nowhere'; known: "),
        ('policy = "neutral"', 'policy = "../neutral"', "unit.policy: no pack '../neutral'; known: "),
        ('policy = "neutral"', 'policy = "mine.toml"', "mine.toml: cannot be read"),
    ],
)
def test_what_the_configuration_names_is_looked_at(
    old: str, new: str, message: str, home: Home, vernix: Command
) -> None:
    """By ``vernix config`` as well as by ``vernix run``."""
    home.edit(old, new)
    status, out, err = vernix("config", "--config", home.toml)
    assert (status, out) == (USAGE, "")
    assert err.startswith("vernix: configuration: ")
    assert message in err
    done = in_process_of_its_own("run", "--config", home.toml)
    assert done.returncode == USAGE, done.stderr
    assert done.stderr.splitlines()[-1] == err.strip()


def test_missing_library_is_no_mistake_of_the_configuration(home: Home, vernix: Command) -> None:
    home.edit('photo_decoder = "simulated"', 'photo_decoder = "ctypes:/nolib.so"')
    status, out, err = vernix("config", "--config", home.toml)
    assert (status, out) == (ENVIRONMENT, "")
    assert err.startswith("vernix: devices.photo_decoder: ctypes:/nolib.so: no file /nolib.so (an absolute path")
    assert "install the vendor's photo library, or correct photo_decoder" in err


def _port_taken(home: Home) -> str:
    taken = socket.create_server(("127.0.0.1", 0))
    HELD.append(taken)
    port = taken.getsockname()[1]
    home.edit("port = 8080", f"port = {port}")
    return f"kiosk.port: cannot serve the screen at 127.0.0.1 port {port}: Address already in use; end the program"


def _data_is_a_file(home: Home) -> str:
    home.database.parent.rmdir() if home.database.parent.exists() else None
    home.database.parent.touch()
    return f"{home.database.parent}: cannot make the data folder: File exists; let the unit's user write there"


def _journal_is_a_file(home: Home) -> str:
    home.outbox().close()
    (home.database.parent / "journal").touch()
    return f"{home.database.parent / 'journal'}: File exists; something else has this name: move it away"


HELD: list[socket.socket] = []


@pytest.mark.parametrize(
    "damage", [_port_taken, _data_is_a_file, _journal_is_a_file], ids=lambda damage: damage.__name__
)
def test_what_is_in_the_way_is_named(damage: Callable[[Home], str], home: Home) -> None:
    message = damage(home)
    done = in_process_of_its_own("run", "--config", home.toml)
    while HELD:
        HELD.pop().close()
    assert done.returncode == ENVIRONMENT, done.stderr
    assert f"vernix: {message}" in done.stderr
    assert "Errno" not in done.stderr


def test_full_disk_at_the_start_is_named(home: Home) -> None:
    """A file system of its own without a byte left, in a private mount namespace."""
    data = home.database.parent
    data.mkdir(exist_ok=True)
    command = f'"{sys.executable}" -m daemon.cli run --config "{home.toml}"'
    shell = (
        f'mount -t tmpfs -o size=64k tmpfs "{data}" && {{ head -c 1m /dev/zero > "{data}/filler"; exec {command}; }}'
    )
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", shell],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == ENVIRONMENT, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"vernix: {data / 'outbox.db'}: "), last
    assert "full" in last
    assert "make room on this disk" in last


def test_disk_that_fills_while_the_unit_runs_is_named(home: Home) -> None:
    """No file may grow any more: the step journal cannot be written, and a check without it must not go on."""
    home.edit("port = 8080", "port = 0")
    command = [sys.executable, "-m", "daemon.cli", "run", "--config", str(home.toml)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as unit:
        assert unit.stderr is not None
        ready = next(line for line in unit.stderr if "screen at" in line)
        found = re.search(r"http://localhost:(\d+)/", ready)
        assert found is not None, ready
        screen = Screen(int(found[1]), lambda: unit.poll() is None)
        resource.prlimit(unit.pid, resource.RLIMIT_FSIZE, (0, 0))
        screen.touch("begin", visit="V-1")
        _, said = unit.communicate(timeout=60)
        screen.close()
    assert unit.returncode == ENVIRONMENT, said
    last = said.splitlines()[-1]
    assert last.startswith(f"vernix: stopped: {home.database.parent}"), last
    assert "make room on this disk" in last


def test_degraded_unit_runs_without_devices_and_stops_in_order(home: Home) -> None:
    """As systemd starts it: a missing reader is told on the screen and stops nothing, officers can still decide."""
    home.edit('card_reader = "none:"', 'card_reader = "serial:///dev/no-such-reader"')
    with RunningUnit(home, "--degraded") as unit:
        unit.screen.touch("begin", visit="V-1")
        unit.screen.wait("the notice", lambda shown: shown["step"] == "notice")
        busy = in_process_of_its_own("export", "--config", home.toml, "--to", home.folder / "out")
        assert (busy.returncode, "another process of this unit is running" in busy.stderr) == (ENVIRONMENT, True)
        unit.screen.touch("consent")
        shown = unit.screen.wait("the loss", lambda shown: shown["step"] == "decision")
        assert shown["trouble"] == "device_lost:card_reader"
        assert unit.stop() == OK
    lines = [json.loads(line) for line in unit.log.read_text("utf-8").splitlines() if line != INTERPRETER]
    assert any("no-such-reader" in line["text"] and "check the cable" in line["text"] for line in lines)


# --- export ---


def test_export_is_for_the_recovery_key(home: Home, vernix: Command) -> None:
    outbox = home.outbox()
    outbox.append(check_fields())
    outbox.close()
    target = home.folder / "sealed.jsonl"
    assert vernix("export", "--config", home.toml, "--to", target) == (OK, "2 records\n", "")
    first, *lines = [json.loads(line) for line in target.read_text("ascii").splitlines()]
    assert first["format"] == "vernix-sealed-bundle"
    key = load_private_key(home.site / "recovery" / "recovery.key")
    assert [line["seq"] for line in lines] == [1, 2]
    assert all(open_envelope(line["envelope"].encode(), key).jws for line in lines)
    status, out, _ = vernix("export", "--config", home.toml, "--to", target, "--json")
    assert json.loads(out) == {"file": str(target), "records": 2}
    assert [path.name for path in home.folder.iterdir() if path.name.endswith(".new")] == []
    status, _, err = vernix("export", "--config", home.toml, "--to", home.folder / "no" / "where")
    assert (status, "No such file" in err) == (ENVIRONMENT, True)


# --- selftest ---


def report(out: str) -> dict[str, dict[str, Any]]:
    return {line["test"]: line for line in map(json.loads, out.splitlines())}


def test_selftest_of_simulated_devices(home: Home, vernix: Command) -> None:
    with SimulatedReader() as reader:
        home.edit('card_reader = "none:"', f'card_reader = "{reader.uri}"')
        home.edit('camera = "none:"', 'camera = "sim:camera?width=320&height=240"')
        status, out, _ = vernix("selftest", "--config", home.toml, "--json")
    found = report(out)
    assert found["card_reader"]["text"].startswith("security module 05.01-")
    assert found["camera"]["text"].startswith("frames of 320 x 240, sim:camera?width=320&height=240; ")
    assert found["fingerprint"]["text"] == "none fitted"
    assert found["officers"]["text"] == "2 officers"
    assert found["outbox"]["text"] == "1 records, 1 waiting"
    assert found["keys"]["ok"]
    assert found["models"]["ok"]
    assert status == FINDING, "there is no broker"
    assert "refused" in found["broker"]["text"]


def test_selftest_names_what_is_missing(home: Home, vernix: Command) -> None:
    home.edit('card_reader = "none:"', 'card_reader = "serial:///dev/no-such-reader"')
    home.edit("production = false", "production = true")
    home.edit('checkpoint = "delivery"', 'checkpoint = "moon"')
    (home.toml.parent / "officers.json").write_text('{"v": 1, "officers": []}')
    status, out, err = vernix("selftest", "--config", home.toml)
    assert (status, err) == (FINDING, "")
    lines = {line.split()[1]: line for line in out.splitlines()}
    assert "FAIL  card_reader" in lines["card_reader"]
    assert "serial:///dev/no-such-reader" in lines["card_reader"]
    assert "none:: no camera is configured" in lines["camera"]
    assert "the record key lies in a file" in lines["keys"]
    assert "unit.checkpoint: 'moon' is not in policy neutral" in lines["policy"]
    assert "0 officers in the roster" in lines["officers"]
