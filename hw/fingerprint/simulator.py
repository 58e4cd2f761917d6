"""A simulated EF01 module on its own pseudo-terminal, with public state and the faults seen in the field.

Change the public attributes while it runs. ``faults`` (of the base class) damage whole packets on the wire, one each;
the knobs here make the module itself misbehave. Runs alone: ``python -m hw.fingerprint.simulator``.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum, unique
from typing import Final, TextIO

from hw.fingerprint.codec import (
    BROADCAST,
    NEED_DATA,
    REPLIES,
    Acknowledge,
    Command,
    Confirmation,
    Damage,
    Damaged,
    Data,
    Event,
    Instruction,
    LedMode,
    Parameters,
    Parser,
    data_packets,
)
from hw.fingerprint.simulated_finger import MATCH_SCORE, Finger, Skin, combine, score
from hw.pty_device import PtyDevice

Handler = Callable[..., Acknowledge]
GARBLE: Final = bytes.fromhex("ef01 ffffffff 0900 03ff")
_SKINS: Final = tuple(skin.value for skin in Skin)
FACTORY_PARAMETERS: Final = Parameters(0, 0, 200, 3, BROADCAST, 2, 57600)


@unique
class NoLed(Enum):
    """How a module without a light takes AuraLedConfig."""

    REFUSES = "answers PacketReceiveError"
    SILENT = "does not answer"
    GARBLES = "answers bytes that are no packet"


class SimulatedModule(PtyDevice):
    """The module. State a test or a person may change at any time:

    - ``finger``: what lies on the sensor, or None (see :meth:`press`, :meth:`lift`)
    - ``images``: confirmation codes that the next Img2Tz say, whatever the finger; used up in order
    - ``password``, ``parameters``, ``slots`` (stored templates by page), ``led`` (mode, speed, colour, count)
    - ``no_led``: None, or how the missing light shows; ``stray_after_down_char``: send the stray error ack before the
      answer that follows a DownChar; ``bad_sums``: as many packets leave with a wrong checksum; ``deaf``: never answer;
      ``odd_parameters``: bytes to answer ReadSysPara with instead; ``refused``: instructions the model does not know;
      ``data_until_unplugged``: so many data packets cross the line, either way, before the cable is pulled
    - ``template_size``, ``image_size`` in bytes; ``history``: instructions received
    """

    def __init__(self, *, template_size: int = 512, image_size: int = 36864) -> None:
        self.finger: Finger | None = None
        self.images: deque[Confirmation] = deque()
        self.password = 0
        self.parameters = FACTORY_PARAMETERS
        self.slots: dict[int, bytes] = {}
        self.led: tuple[int, int, int, int] | None = None
        self.no_led: NoLed | None = None
        self.stray_after_down_char = False
        self.bad_sums = 0
        self.deaf = False
        self.odd_parameters: bytes | None = None
        self.refused: set[int] = set()
        self.data_until_unplugged: int | None = None
        self.template_size = template_size
        self.image_size = image_size
        self.history: list[int] = []
        self._parser = Parser()
        self._handlers = self._table()
        self._power_on()
        super().__init__("finger")

    def press(self, identity: str, quality: int = 90, skin: Skin = Skin.GOOD) -> None:
        """Lay a finger on the sensor."""
        self.finger = Finger(identity, quality, skin)

    def lift(self) -> None:
        """Take the finger away."""
        self.finger = None

    def restart(self) -> None:
        """Interrupt the module's power while its serial adapter stays plugged."""
        self._power_on()

    def plugged(self) -> None:
        """Lose the buffers and the session, then announce readiness as an R503 does."""
        self._power_on()
        self._write(bytes([Confirmation.Alive]))

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        self._parser.receive_data(data)
        while (event := self._parser.next_event()) is not NEED_DATA:
            self._take(event)

    def _power_on(self) -> None:
        self._parser.reset()
        self.buffers: dict[int, bytes] = {}
        self._image: Finger | None = None
        self._verified = self.password == 0
        self._incoming: int | None = None
        self._content = bytearray()
        self._stray_due = False

    def _take(self, event: Event) -> None:
        match event:
            case Command():
                if event.address == self.parameters.address:
                    self._command(event)
            case Data():
                self._data(event)
            case Damaged(damage=Damage.CHECKSUM):
                self._say(Acknowledge(Confirmation.PacketReceiveError))

    def _command(self, command: Command) -> None:
        self.history.append(command.instruction)
        if self.deaf:
            return
        if self._stray_due:
            self._stray_due = False
            self._say(Acknowledge(Confirmation.PacketReceiveError))
        if not self._verified and command.instruction != Instruction.VfyPwd:
            self._say(Acknowledge(Confirmation.MustVerifyPassword))
            return
        handler = self._handlers.get(command.instruction)
        if handler is None or command.instruction in self.refused:
            self._say(Acknowledge(Confirmation.PacketReceiveError))
            return
        try:
            fields = command.fields()
        except ValueError:
            self._say(Acknowledge(Confirmation.PacketReceiveError))
            return
        acknowledge = handler(*fields)
        if command.instruction == Instruction.AuraLedConfig and self.no_led is NoLed.SILENT:
            return
        if command.instruction == Instruction.AuraLedConfig and self.no_led is NoLed.GARBLES:
            self.answer(GARBLE)
            return
        self._say(acknowledge)
        self._stream(command, acknowledge)

    def _say(self, packet: Acknowledge) -> None:
        self._send(replace(packet, address=self.parameters.address).to_bytes())

    def _send(self, packet: bytes) -> None:
        if self.bad_sums:
            self.bad_sums -= 1
            packet = packet[:-1] + bytes([packet[-1] ^ 0xFF])
        self.answer(packet)

    def _stream(self, command: Command, acknowledge: Acknowledge) -> None:
        if acknowledge.code != Confirmation.Ok:
            return
        if command.instruction == Instruction.UpChar:
            content = self.buffers[command.fields()[0]]
        elif command.instruction == Instruction.UpImage and self._image is not None:
            content = self._image.image(self.image_size)
        else:
            return
        for packet in data_packets(content, self.parameters.packet_size, self.parameters.address):
            if self._pulled():
                return
            self._send(packet)

    def _pulled(self) -> bool:
        """Whether the cable is pulled now, in the middle of a transfer."""
        if self.data_until_unplugged is None:
            return False
        self.data_until_unplugged -= 1
        if self.data_until_unplugged >= 0:
            return False
        self.data_until_unplugged = None
        self.unplug()
        return True

    def _data(self, data: Data) -> None:
        if self._incoming is None or self._pulled():
            return
        self._content += data.content
        if data.last:
            self.buffers[self._incoming] = bytes(self._content)
            self._incoming = None
            self._content.clear()
            self._stray_due = self.stray_after_down_char

    def _table(self) -> dict[int, Handler]:
        return {
            Instruction.GenImg: self._gen_img,
            Instruction.GetImageFree: self._gen_img,
            Instruction.Img2Tz: self._img2tz,
            Instruction.Match: self._match,
            Instruction.Search: self._search,
            Instruction.HighSpeedSearch: self._search,
            Instruction.RegModel: self._reg_model,
            Instruction.Store: self._store,
            Instruction.LoadChar: self._load_char,
            Instruction.UpChar: self._up_char,
            Instruction.DownChar: self._down_char,
            Instruction.UpImage: self._up_image,
            Instruction.DeletChar: self._delet_char,
            Instruction.Empty: self._empty,
            Instruction.SetSysPara: self._set_sys_para,
            Instruction.ReadSysPara: self._read_sys_para,
            Instruction.SetPwd: self._set_pwd,
            Instruction.VfyPwd: self._vfy_pwd,
            Instruction.SetAdder: self._set_adder,
            Instruction.GetRandomCode: lambda: _ok(Instruction.GetRandomCode, 0x5EED5EED),
            Instruction.TempleteNum: lambda: _ok(Instruction.TempleteNum, len(self.slots)),
            Instruction.ReadIndexTable: self._read_index_table,
            Instruction.AuraLedConfig: self._aura_led_config,
            Instruction.CheckSensor: _ok,
            Instruction.HandShake: _ok,
            Instruction.Cancel: _ok,
            Instruction.GetEcho: lambda: Acknowledge(Confirmation.Alive),
            Instruction.SoftRst: self._soft_rst,
        }

    def _gen_img(self) -> Acknowledge:
        self._image = self.finger
        return Acknowledge(Confirmation.NoFinger) if self.finger is None else _ok()

    def _img2tz(self, buffer: int) -> Acknowledge:
        if self._image is None:
            return Acknowledge(Confirmation.NoValidImage)
        code = self.images.popleft() if self.images else self._image.image_code
        if code == Confirmation.Ok:
            self.buffers[buffer] = self._image.template(self.template_size)
        return Acknowledge(code)

    def _match(self) -> Acknowledge:
        result = score(self.buffers.get(1, b""), self.buffers.get(2, b""))
        if result is None:
            return Acknowledge(Confirmation.PacketReceiveError)
        code = Confirmation.Ok if result >= MATCH_SCORE else Confirmation.NotMatched
        return Acknowledge(code, REPLIES[Instruction.Match].pack(result))

    def _search(self, buffer: int, start: int, count: int) -> Acknowledge:
        for page, template in sorted(self.slots.items()):
            result = score(self.buffers.get(buffer, b""), template) or 0
            if start <= page < start + count and result >= MATCH_SCORE:
                return _ok(Instruction.Search, page, result)
        return Acknowledge(Confirmation.NotFound, REPLIES[Instruction.Search].pack(0, 0))

    def _reg_model(self) -> Acknowledge:
        template = combine(self.buffers.get(1, b""), self.buffers.get(2, b""))
        if template is None:
            return Acknowledge(Confirmation.CombineFail)
        self.buffers = {1: template, 2: template}
        return _ok()

    def _store(self, buffer: int, page: int) -> Acknowledge:
        if page >= self.parameters.capacity or buffer not in self.buffers:
            return Acknowledge(Confirmation.BadPage)
        self.slots[page] = self.buffers[buffer]
        return _ok()

    def _load_char(self, buffer: int, page: int) -> Acknowledge:
        if page not in self.slots:
            return Acknowledge(Confirmation.LoadFail)
        self.buffers[buffer] = self.slots[page]
        return _ok()

    def _up_char(self, buffer: int) -> Acknowledge:
        return _ok() if buffer in self.buffers else Acknowledge(Confirmation.UploadCharFail)

    def _down_char(self, buffer: int) -> Acknowledge:
        self._incoming = buffer
        self._content.clear()
        return _ok()

    def _up_image(self) -> Acknowledge:
        return _ok() if self._image is not None else Acknowledge(Confirmation.UploadImageFail)

    def _delet_char(self, start: int, count: int) -> Acknowledge:
        if start + count > self.parameters.capacity:
            return Acknowledge(Confirmation.DeleteFail)
        for page in range(start, start + count):
            self.slots.pop(page, None)
        return _ok()

    def _empty(self) -> Acknowledge:
        self.slots.clear()
        return _ok()

    def _set_sys_para(self, number: int, value: int) -> Acknowledge:
        if number == 4 and 1 <= value <= 12:
            self.parameters = replace(self.parameters, baud=value * 9600)
        elif number == 5 and 1 <= value <= 5:
            self.parameters = replace(self.parameters, security=value)
        elif number == 6 and value <= 3:
            self.parameters = replace(self.parameters, packet_code=value)
        else:
            return Acknowledge(Confirmation.InvalidRegister)
        return _ok()

    def _read_sys_para(self) -> Acknowledge:
        extra = self.parameters.to_bytes() if self.odd_parameters is None else self.odd_parameters
        return Acknowledge(Confirmation.Ok, extra)

    def _set_pwd(self, password: int) -> Acknowledge:
        self.password = password
        return _ok()

    def _vfy_pwd(self, password: int) -> Acknowledge:
        self._verified = password == self.password
        return _ok() if self._verified else Acknowledge(Confirmation.WrongPassword)

    def _set_adder(self, address: int) -> Acknowledge:
        self.parameters = replace(self.parameters, address=address)
        return _ok()

    def _read_index_table(self, page: int) -> Acknowledge:
        bits = sum(1 << (slot - page * 256) for slot in self.slots if slot // 256 == page)
        return Acknowledge(Confirmation.Ok, bits.to_bytes(32, "little"))

    def _aura_led_config(self, mode: int, speed: int, colour: int, count: int) -> Acknowledge:
        if self.no_led is not None or mode not in frozenset(LedMode):
            return Acknowledge(Confirmation.PacketReceiveError)
        self.led = (mode, speed, colour, count)
        return _ok()

    def _soft_rst(self) -> Acknowledge:
        self._power_on()
        return _ok()


def _ok(instruction: Instruction | None = None, *fields: int) -> Acknowledge:
    return Acknowledge(Confirmation.Ok, REPLIES[instruction].pack(*fields) if instruction else b"")


def run_commands(module: SimulatedModule, lines: TextIO) -> Iterator[str]:
    """Obey the lines ``press NAME [QUALITY or SKIN]``, ``lift``, ``unplug``, ``plug``, ``quit``; yields the answers."""
    for line in lines:
        match line.split():
            case ["press", name]:
                module.press(name)
            case ["press", name, quality] if quality.isdigit() and int(quality) <= 100:
                module.press(name, int(quality))
            case ["press", name, skin] if skin in _SKINS:
                module.press(name, skin=Skin(skin))
            case ["lift"]:
                module.lift()
            case ["unplug"]:
                module.unplug()
            case ["plug"]:
                module.plug()
            case ["quit"]:
                return
            case []:
                continue
            case _:
                yield f"commands: press NAME [QUALITY 0-100 | {' | '.join(_SKINS)}] | lift | unplug | plug | quit"
                continue
        yield "ok"


def main(arguments: list[str] | None = None) -> int:
    """Run the module alone until ``quit`` or the end of standard input."""
    parser = argparse.ArgumentParser(prog="python -m hw.fingerprint.simulator", description="Simulated EF01 module")
    parser.add_argument("--password", type=lambda text: int(text, 0), default=0, help="32-bit number; 0x.. is hex")
    parser.add_argument("--template-size", type=int, default=512, help="bytes of a template (512, 768, 1536)")
    options = parser.parse_args(arguments)
    with SimulatedModule(template_size=options.template_size) as module:
        module.password = options.password
        module.restart()
        print(module.uri, flush=True)
        for reply in run_commands(module, sys.stdin):
            print(reply, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
