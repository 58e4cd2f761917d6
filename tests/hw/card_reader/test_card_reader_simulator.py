"""The simulated reader alone: on the wire, without the driver, and as a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import serial

from hw.card_reader.codec import Command, NeedData, Reply, ReplyDecoder, Request, Status
from hw.card_reader.driver import CardReader
from hw.card_reader.photo import photo_decoder
from hw.card_reader.simulator import SAM_ID, SimulatedReader, demo_card, demo_document, main
from hw.uri import DeviceUri
from tests.hw.card_reader.support import VECTORS, card
from tests.support.repository import ROOT

ALONE = [sys.executable, "-m", "hw.card_reader.simulator", "--crypto", "0"]


class Wire:
    """A host that only knows the codec."""

    def __init__(self, device: SimulatedReader) -> None:
        self.device = device
        self.port = serial.Serial(device.path, device.baud, timeout=5)

    def send(self, raw: bytes) -> Reply:
        self.port.write(raw)
        decoder = ReplyDecoder()
        while isinstance(event := decoder.next_event(), NeedData):
            data = self.port.read(1)
            assert data, "the simulator did not answer"
            decoder.receive_data(data)
        assert isinstance(event, Reply)
        return event

    def ask(self, command: Command) -> int:
        return self.send(Request(command).to_bytes()).sw3


@pytest.fixture
def device() -> Iterator[SimulatedReader]:
    with SimulatedReader() as device:
        yield device


@pytest.fixture
def wire(device: SimulatedReader) -> Iterator[Wire]:
    wire = Wire(device)
    yield wire
    wire.port.close()


@pytest.mark.parametrize("vector", VECTORS["requests"], ids=lambda v: v["command"] + v["data"])
def test_every_golden_request_is_answered(device, wire, vector):
    device.lay(card(addresses=("址",)))
    if vector["command"].startswith("READ"):
        assert wire.ask(Command.FIND_CARD) == Status.FIND_OK
        assert wire.ask(Command.SELECT_CARD) == Status.OK
    expected = Status.FIND_OK if vector["command"] == "FIND_CARD" else Status.OK
    assert wire.send(bytes.fromhex(vector["frame"])).sw3 == expected


def test_golden_self_test(wire):
    assert wire.send(bytes.fromhex("AAAAAA9669000312FFEE")).data == SAM_ID.to_bytes()


def test_reads_want_a_found_and_selected_card(device, wire):
    assert wire.ask(Command.FIND_CARD) == Status.FIND_FAILED
    assert wire.ask(Command.SELECT_CARD) == Status.SELECT_FAILED
    device.lay(card())
    assert wire.ask(Command.READ_TEXT_PHOTO) == Status.NOT_FOUND_OR_SELECTED_YET
    assert wire.ask(Command.SELECT_CARD) == Status.OK
    assert wire.ask(Command.READ_TEXT_PHOTO) == Status.OK
    assert wire.ask(Command.FIND_CARD) == Status.FIND_FAILED
    device.lift()
    device.lay(card())
    assert wire.ask(Command.FIND_CARD) == Status.FIND_OK


def test_all_addresses(device, wire):
    device.lay(card(addresses=("一", "二", "三")))
    wire.ask(Command.SELECT_CARD)
    assert len(wire.send(Request(Command.READ_ALL_ADDRESSES).to_bytes()).data) == 210


def test_damaged_and_unknown_requests(wire):
    assert wire.send(bytes.fromhex("AAAAAA9669000311FFEE")).sw3 == Status.SAM_GOT_BAD_CHECKSUM
    assert wire.send(bytes.fromhex("AAAAAA96690002")).sw3 == Status.SAM_GOT_BAD_LENGTH
    assert wire.send(Request(0xFAF0).to_bytes()).sw3 == Status.BAD_COMMAND


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK], ids=lambda s: s.name)
def test_every_status_can_be_forced(device, wire, status):
    device.answers[Command.SAM_STATUS] = status
    assert wire.ask(Command.SAM_STATUS) == status
    device.answers.clear()
    device.answers_once[Command.SAM_STATUS] = status
    assert wire.ask(Command.SAM_STATUS) == status
    assert wire.ask(Command.SAM_STATUS) == Status.OK


def test_unplugging_forgets_the_selection_and_keeps_the_rate(device, wire):
    device.lay(card())
    assert wire.ask(Command.SELECT_CARD) == Status.OK
    assert wire.ask(Command.SET_BAUD_9600) == Status.OK
    wire.port.close()
    device.unplug()
    device.plug()
    wire.port = serial.Serial(device.path, 9600, timeout=5)
    assert wire.ask(Command.READ_TEXT_PHOTO) == Status.NOT_FOUND_OR_SELECTED_YET


def test_closing_ends_a_slow_read(device, wire):
    device.crypto_s = 60
    device.lay(card())
    wire.ask(Command.SELECT_CARD)
    wire.port.write(Request(Command.READ_TEXT_PHOTO).to_bytes())


def test_demo_people_cannot_exist():
    assert demo_document().number.startswith("990000")
    assert demo_document().findings(demo_document().valid_from) == ()
    assert photo_decoder("simulated").decode(demo_card().photo).shape == (126, 102, 3)


# As a program


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        ALONE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        yield process
        process.kill()


def say(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_program_obeys_typed_commands(alone, tmp_path):
    uri = DeviceUri.parse(alone.stdout.readline().strip())
    stop = threading.Event()
    with CardReader(uri) as reader:
        assert reader.self_test() == SAM_ID
        assert say(alone, "lay") == "ok lay"
        assert reader.wait_for_card(stop, 20).document == demo_document()
        assert say(alone, "lift") == "ok lift"
        assert reader.wait_for_removal(stop, 20)
    assert say(alone, "unplug") == "ok unplug"
    assert not Path(uri.path).is_symlink()
    assert say(alone, "plug") == "ok plug"
    assert Path(uri.path).is_symlink()
    assert say(alone, "dance").startswith("unknown command")
    alone.communicate("quit\n", timeout=20)
    assert alone.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_program_goes_on_after_its_input_ended_until_it_is_stopped(alone, tmp_path, how):
    uri = DeviceUri.parse(alone.stdout.readline().strip())
    alone.stdin.close()
    with CardReader(uri) as reader:
        assert reader.self_test() == SAM_ID
    alone.send_signal(how)
    assert alone.wait(20) == 0
    assert list(tmp_path.iterdir()) == []


def test_program_with_a_portrait(tmp_path, monkeypatch, capsys):
    file = tmp_path / "portrait.png"
    cv2.imwrite(str(file), np.full((252, 204, 3), 120, np.uint8))
    monkeypatch.setattr(sys, "stdin", iter(["lift\n", "\n", "quit\n"]))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main(["--photo", str(file), "--lay"]) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert "ok lift" in capsys.readouterr().out


def test_program_without_that_portrait(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--photo", str(tmp_path / "none.png")])
    assert caught.value.code == 2
    assert "no picture" in capsys.readouterr().err
