"""The simulated module through its wire and through its command line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.errors import DeviceMissing, DeviceTimeout
from hw.fingerprint.codec import Confirmation, Instruction
from hw.fingerprint.driver import FingerprintModule
from hw.fingerprint.errors import ModuleRefused
from hw.fingerprint.link import Link, Timing
from hw.fingerprint.simulated_finger import Finger, combine, score
from hw.fingerprint.simulator import FACTORY_PARAMETERS, SimulatedModule, main, run_commands
from hw.uri import DeviceUri

ROOT = Path(__file__).parents[3]


@pytest.fixture
def link(sim: SimulatedModule, timing: Timing) -> Iterator[Link]:
    line = Link(DeviceUri.parse(sim.uri), timing=timing)
    yield line
    line.close()


def test_templates_are_deterministic_and_hide_the_name() -> None:
    assert Finger("one").template(512) == Finger("one").template(512)
    assert Finger("one").template(512) != Finger("two").template(512)
    assert b"somebody" not in Finger("somebody").template(512)
    assert "somebody" not in repr(Finger("somebody"))
    assert len(Finger("one").image(1000)) == 1000


def test_score_depends_on_identity_and_quality() -> None:
    good, poor, other = Finger("one", 90).template(512), Finger("one", 50).template(768), Finger("two").template(512)
    assert (score(good, good), score(good, poor)) == (150, 110)
    assert (score(good, other) or 0) < 20
    assert score(good, b"no template of ours") is None
    assert combine(good, other) is None
    assert combine(poor, good) == good


def test_store_search_load_delete(sim: SimulatedModule, link: Link) -> None:
    sim.press("one")
    link.ask(Instruction.GenImg)
    link.ask(Instruction.Img2Tz, 1)
    link.ask(Instruction.Store, 1, 9)
    assert link.ask(Instruction.TempleteNum).extra == b"\x00\x01"
    assert link.ask(Instruction.ReadIndexTable, 0).extra == b"\x00\x02" + bytes(30)
    assert link.ask(Instruction.Search, 1, 0, 200).extra == b"\x00\x09\x00\x96"
    missing = frozenset({Confirmation.NotFound})
    assert link.ask(Instruction.HighSpeedSearch, 1, 10, 20, accept=missing).code == Confirmation.NotFound
    link.ask(Instruction.LoadChar, 2, 9)
    assert link.ask(Instruction.Match).extra == b"\x00\x96"
    link.ask(Instruction.DeletChar, 9, 1)
    with pytest.raises(ModuleRefused, match="LoadFail"):
        link.ask(Instruction.LoadChar, 2, 9)
    link.ask(Instruction.Empty)
    assert sim.slots == {}


@pytest.mark.parametrize(
    ("instruction", "fields", "code"),
    [
        (Instruction.Store, (1, 0), Confirmation.BadPage),
        (Instruction.UpChar, (1,), Confirmation.UploadCharFail),
        (Instruction.UpImage, (), Confirmation.UploadImageFail),
        (Instruction.Img2Tz, (1,), Confirmation.NoValidImage),
        (Instruction.RegModel, (), Confirmation.CombineFail),
        (Instruction.DeletChar, (190, 20), Confirmation.DeleteFail),
        (Instruction.SetSysPara, (6, 4), Confirmation.InvalidRegister),
        (Instruction.AutoEnroll, (), Confirmation.PacketReceiveError),
        (Instruction.GetEcho, (), Confirmation.Alive),
    ],
)
def test_refusals(link: Link, instruction: Instruction, fields: tuple[int, ...], code: Confirmation) -> None:
    with pytest.raises(ModuleRefused) as caught:
        link.ask(instruction, *fields)
    assert caught.value.code == code


def test_settings(sim: SimulatedModule, link: Link) -> None:
    link.ask(Instruction.SetSysPara, 4, 12)
    link.ask(Instruction.SetSysPara, 5, 5)
    link.ask(Instruction.SetSysPara, 6, 3)
    assert (sim.parameters.baud, sim.parameters.security, sim.parameters.packet_size) == (115200, 5, 256)
    link.ask(Instruction.SetPwd, 5)
    assert sim.password == 5
    with pytest.raises(DeviceTimeout, match="address 00000007"):
        link.ask(Instruction.SetAdder, 7)
    assert sim.parameters.address == 7
    sim.parameters = FACTORY_PARAMETERS
    link.ask(Instruction.SoftRst)
    with pytest.raises(ModuleRefused, match="MustVerifyPassword"):
        link.ask(Instruction.HandShake)
    link.ask(Instruction.VfyPwd, 5)
    assert len(link.ask(Instruction.GetRandomCode).extra) == 4


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("ef01ffffffff010003010006", id="wrong checksum"),
        pytest.param("ef01ffffffff0100030200 06", id="Img2Tz without buffer"),
    ],
)
def test_damaged_command_is_answered_with_an_error(sim: SimulatedModule, command: str) -> None:
    sent: list[bytes] = []

    def catch(answer: bytes) -> list[tuple[float, bytes]]:
        sent.append(answer)
        return []

    sim.faults.append(catch)
    sim.receive(bytes.fromhex(command))
    assert sent == [bytes.fromhex("ef01ffffffff07000301000b")]


def test_commands_to_another_address_are_not_answered(sim: SimulatedModule) -> None:
    sim.receive(bytes.fromhex("ef0100000001010003010005"))
    assert sim.history == []


def test_quality_decides_what_the_image_is_good_for() -> None:
    codes = [Finger("one", quality).image_code for quality in (0, 19, 20, 39, 40, 100)]
    messy, few, good = Confirmation.ImageMessy, Confirmation.FewFeatures, Confirmation.Ok
    assert codes == [messy, messy, few, few, good, good]


def test_data_nobody_asked_for_is_ignored(sim: SimulatedModule) -> None:
    sim.receive(bytes.fromhex("ef01ffffffff080006010203040018"))
    assert sim.buffers == {}


def test_commands_of_the_console(sim: SimulatedModule) -> None:
    lines = io.StringIO("press one\n\npress one 300\nlift\nunplug\nplug\npress two 55\nquit\nlift\n")
    replies = list(run_commands(sim, lines))
    assert replies[:1] == ["ok"]
    assert replies[1].startswith("commands: press")
    assert replies[2:] == ["ok"] * 4
    assert sim.finger == Finger("two", 55)


def test_main_runs_until_the_end_of_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("lift\n"))
    assert main(["--password", "0x12", "--template-size", "768"]) == 0
    uri, reply = capsys.readouterr().out.split()
    assert (uri[:10], reply) == ("serial:///", "ok")


def test_runs_alone(timing: Timing) -> None:
    command = [sys.executable, "-m", "hw.fingerprint.simulator"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        uri = DeviceUri.parse(process.stdout.readline().strip())
        with FingerprintModule(uri, timing=timing) as module:
            assert module.self_test().capacity == 200
        process.stdin.write("unplug\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ok\n"
        with pytest.raises(DeviceMissing):
            module.open()
        process.stdin.write("quit\n")
        process.stdin.flush()
        assert process.wait(timeout=20) == 0
    assert not Path(uri.path).exists()
