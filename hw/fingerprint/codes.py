"""Codes of the EF01 fingerprint modules: packet types, instructions and their fields, confirmations.

Names follow the data sheets, misspellings included, so that a reader finds them there. Sources: ZhianTec "ZFM-20 Series
Fingerprint Identification Module User Manual" V1.4 (chapters 4 and 5; also R305-R308, FPM10A), Synochip "AS608 User
Manual" V1.0, Hangzhou Grow "R503 Fingerprint Module User Manual" V1.2; checked against pyfingerprint, the Adafruit
library and brianrho/FPM. Which source carries a code alone is noted beside it.
"""

from __future__ import annotations

import struct
from enum import IntEnum, unique
from types import MappingProxyType


@unique
class PacketId(IntEnum):
    """What a packet carries (ZFM-20 manual 4.1, "Package identifier")."""

    Command = 0x01
    Data = 0x02
    Ack = 0x07
    EndOfData = 0x08


@unique
class Instruction(IntEnum):
    """Instruction codes (ZFM-20 manual chapter 5; from 0x30 on R503 manual or model dependent).

    "Up" is always module to host and "Down" host to module.
    """

    GenImg = 0x01
    Img2Tz = 0x02
    Match = 0x03
    Search = 0x04
    RegModel = 0x05
    Store = 0x06
    LoadChar = 0x07
    UpChar = 0x08
    DownChar = 0x09
    UpImage = 0x0A
    DownImage = 0x0B
    DeletChar = 0x0C
    Empty = 0x0D
    SetSysPara = 0x0E
    ReadSysPara = 0x0F
    SetPwd = 0x12
    VfyPwd = 0x13
    GetRandomCode = 0x14
    SetAdder = 0x15
    HighSpeedSearch = 0x1B
    TempleteNum = 0x1D
    ReadIndexTable = 0x1F
    Cancel = 0x30
    AutoEnroll = 0x31
    AutoIdentify = 0x32
    Standby = 0x33
    AuraLedConfig = 0x35
    CheckSensor = 0x36
    ReadProdInfo = 0x3C  # the R558 has its LED control here
    SoftRst = 0x3D
    HandShake = 0x40
    OpenLED = 0x50
    CloseLED = 0x51
    GetImageFree = 0x52  # GenImg that leaves the light alone
    GetEcho = 0x53


@unique
class Confirmation(IntEnum):
    """Confirmation codes of an acknowledge packet (ZFM-20 manual 4.2)."""

    Ok = 0x00
    PacketReceiveError = 0x01
    NoFinger = 0x02
    ImageFail = 0x03
    ImageTooDry = 0x04  # AS608 manual
    ImageTooWet = 0x05  # AS608 manual
    ImageMessy = 0x06
    FewFeatures = 0x07
    NotMatched = 0x08
    NotFound = 0x09
    CombineFail = 0x0A
    BadPage = 0x0B
    LoadFail = 0x0C
    UploadCharFail = 0x0D
    CannotReceiveData = 0x0E
    UploadImageFail = 0x0F
    DeleteFail = 0x10
    ClearFail = 0x11
    WrongPassword = 0x13
    NoValidImage = 0x15
    FlashError = 0x18
    InvalidRegister = 0x1A
    AddressError = 0x20  # R503 manual
    MustVerifyPassword = 0x21  # R503 manual
    IllegalData = 0x35  # R558S manual
    Alive = 0x55  # answer to GetEcho; also sent once, bare, by an R503 that has started


@unique
class LedMode(IntEnum):
    """What AuraLedConfig makes the ring do (R503 manual)."""

    Breathing = 1
    Flashing = 2
    On = 3
    Off = 4
    GraduallyOn = 5
    GraduallyOff = 6


@unique
class LedColour(IntEnum):
    """Colours every ring has; from R503 manual V1.2 there are seven."""

    Red = 1
    Blue = 2
    Purple = 3


def _layouts(table: dict[Instruction, str]) -> MappingProxyType[Instruction, struct.Struct]:
    return MappingProxyType({instruction: struct.Struct(">" + fields) for instruction, fields in table.items()})


ARGUMENTS = _layouts(
    {
        Instruction.Img2Tz: "B",  # buffer
        Instruction.Search: "BHH",  # buffer, first page, number of pages
        Instruction.Store: "BH",  # buffer, page
        Instruction.LoadChar: "BH",
        Instruction.UpChar: "B",
        Instruction.DownChar: "B",
        Instruction.DeletChar: "HH",  # first page, number of pages
        Instruction.SetSysPara: "BB",  # parameter number (4 baud, 5 security, 6 packet), value
        Instruction.SetPwd: "I",
        Instruction.VfyPwd: "I",
        Instruction.SetAdder: "I",
        Instruction.HighSpeedSearch: "BHH",
        Instruction.ReadIndexTable: "B",  # page of 256 slots
        Instruction.AuraLedConfig: "BBBB",  # mode, speed, colour, count
    }
)
"""Fields after the instruction code, big-endian; an instruction that is not here carries none."""

REPLIES = _layouts(
    {
        Instruction.Match: "H",  # score
        Instruction.Search: "HH",  # page, score
        Instruction.HighSpeedSearch: "HH",
        Instruction.ReadSysPara: "HHHHIHH",  # status, system id, capacity, security, address, packet code, baud / 9600
        Instruction.GetRandomCode: "I",
        Instruction.TempleteNum: "H",
        Instruction.ReadIndexTable: "32s",  # bitmap, lowest bit is the lowest slot
    }
)
"""Fields after the confirmation code of an answer that says Ok."""


# A number is not "in" an enumeration before Python 3.12.
_INSTRUCTIONS = frozenset(Instruction)
_CONFIRMATIONS = frozenset(Confirmation)


def describe_instruction(code: int) -> str:
    """``GenImg (0x01)``, or the bare number of a code nobody documents."""
    return f"{Instruction(code).name} (0x{code:02X})" if code in _INSTRUCTIONS else f"0x{code:02X}"


def describe_confirmation(code: int) -> str:
    """``NoFinger (0x02)``, or the bare number of a code nobody documents."""
    return f"{Confirmation(code).name} (0x{code:02X})" if code in _CONFIRMATIONS else f"unknown code 0x{code:02X}"
