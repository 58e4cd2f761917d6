"""Numbers of the link, written by hw/coprocessor/firmware_table.py from hw/coprocessor/messages.py."""

from micropython import const

PROTOCOL_VERSION = const(2)
FIRST_SEQUENCED = const(16)
MAX_FRAME = const(64)
MAX_BODY = const(61)
MAX_PAYLOAD = const(55)
MAX_STEPS = const(24)
MAC_SIZE = const(16)
TICKS_MASK = const(1073741823)

HELLO = const(1)
WELCOME = const(2)
ACK = const(3)
BOOTED = const(4)
HEARTBEAT = const(16)
RELEASE = const(17)
CLEAR_EMERGENCY = const(18)
RING = const(19)
BUZZER = const(20)
CHALLENGE = const(21)
CONFIRM = const(22)
CLOCK = const(23)
GET_STATUS = const(24)
EVENT = const(32)
STATUS = const(33)
CHALLENGE_STEP = const(34)
CHALLENGE_DONE = const(35)
CLOCK_IS = const(36)
REFUSED = const(37)

WISH_WANT_LOCK = const(1)
WISH_KEEP_POWER = const(2)

FEATURE_EVENT_KEY = const(1)
FEATURE_FLASH_RING = const(2)

FLAG_LOCKED = const(1)
FLAG_EMERGENCY = const(2)
FLAG_TAMPER_OPEN = const(4)
FLAG_DOOR_OPEN = const(8)
FLAG_PI_POWERED = const(16)
FLAG_CARE_FIRST = const(32)
FLAG_WATCHING = const(64)
FLAG_NO_ROOM = const(128)

EVENT_STARTED = const(1)
EVENT_EMERGENCY = const(2)
EVENT_TAMPER_OPENED = const(3)
EVENT_TAMPER_CLOSED = const(4)
EVENT_DOOR_OPENED = const(5)
EVENT_DOOR_CLOSED = const(6)
EVENT_POWER_CYCLED = const(7)
EVENT_HOST_SILENT = const(8)
EVENT_RING_FULL = const(9)
EVENT_MISSED = const(10)

RESET_UNKNOWN = const(0)
RESET_POWER_ON = const(1)
RESET_WATCHDOG = const(2)

PATTERN_OFF = const(0)
PATTERN_IDLE = const(1)
PATTERN_NOTICE = const(2)
PATTERN_CARD = const(3)
PATTERN_FACE = const(4)
PATTERN_FINGER = const(5)
PATTERN_WORKING = const(6)
PATTERN_OFFICER = const(7)
PATTERN_PASSED = const(8)
PATTERN_NOT_PASSED = const(9)
PATTERN_FAULT = const(10)
PATTERN_CARE_FIRST = const(11)

SOUND_NONE = const(0)
SOUND_TOUCH = const(1)
SOUND_DONE = const(2)
SOUND_ATTENTION = const(3)
SOUND_ALARM = const(4)

COLOUR_OFF = const(0)
COLOUR_RED = const(1)
COLOUR_GREEN = const(2)
COLOUR_BLUE = const(3)
COLOUR_CYAN = const(4)
COLOUR_MAGENTA = const(5)
COLOUR_YELLOW = const(6)
COLOUR_WHITE = const(7)

CHALLENGE_COMPLETE = const(0)
CHALLENGE_STOPPED = const(1)

REFUSE_UNKNOWN_TYPE = const(1)
REFUSE_BAD_PAYLOAD = const(2)
REFUSE_BAD_VALUE = const(3)

#: Payload layouts by type, for struct.
LAYOUTS = {
    # of HELLO: version, host_nonce, token
    1: "<BIH",
    # of WELCOME: version, host_nonce, token, session, boot_nonce, boot, uptime_ms, reset_cause, features, firmware
    2: "<BIHBIIIBBI",
    # of ACK: none
    3: "<",
    # of BOOTED: version, boot_nonce
    4: "<BI",
    # of HEARTBEAT: flags, age_ms
    16: "<BH",
    # of RELEASE: none
    17: "<",
    # of CLEAR_EMERGENCY: counter
    18: "<I",
    # of RING: pattern
    19: "<B",
    # of BUZZER: sound
    20: "<B",
    # of CHALLENGE: number, step_ms, count, colours
    21: "<HHB24s",
    # of CONFIRM: counter
    22: "<I",
    # of CLOCK: token
    23: "<H",
    # of GET_STATUS: none
    24: "<",
    # of EVENT: counter, boot, uptime_ms, kind, detail, mac
    32: "<IIIBB16s",
    # of STATUS: flags, power_cycles, pending, missed, pattern, last_emergency
    33: "<BBHHBI",
    # of CHALLENGE_STEP: number, step, at_us
    34: "<HBI",
    # of CHALLENGE_DONE: number, result, at_us
    35: "<HBI",
    # of CLOCK_IS: token, at_us
    36: "<HI",
    # of REFUSED: refused, reason
    37: "<BB",
}
