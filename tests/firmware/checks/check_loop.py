"""The loop on a board in memory: inputs, refusals, the journal under it, nothing allocated in an interrupt."""

import gc
import struct
import time

from coprocessor import messages as m
from coprocessor.inputs import Contact
from coprocessor.journal import MAX_WAITING
from coprocessor.lights import COLOURS
from coprocessor.memory_ring import MemoryRing
from coprocessor.safety import Limits
from memory_board import HeldTime, MemoryPin, greeted


def check_interrupts_allocate_nothing():
    pin = MemoryPin()
    contact = Contact(pin, 20)
    for _ in range(70000):  # past the end of its count
        pin.interrupt()
    assert contact.edges == 70000 & 0xFFFF
    assert contact.struck() and not contact.struck()


def check_an_allocating_interrupt_is_noticed():
    """The proof that the check above can fail."""

    class Careless(Contact):
        def on_edge(self, pin):
            self.edges = [time.ticks_us()]

    pin = MemoryPin()
    Careless(pin, 20)
    try:
        pin.interrupt()
    except MemoryError:
        return
    raise AssertionError("an allocation in an interrupt went unnoticed")


def check_button_to_relay_in_two_turns():
    """Wherever in the loop the button is pressed, and whatever the link brings, the lock is let go in the next turn."""
    for before in range(8):
        controller, host = greeted()
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        assert controller.board.locked
        for _ in range(before):
            controller.turn()
        for number in range(20):  # a flood behind it: valid, repeated and damaged frames
            host.put(m.HEARTBEAT, host.session, host.number + number, b"\x01\x00\x00")
            host.uart.incoming += b"\x00\x05garbage\x00"
        controller.board.emergency.drive(1)
        controller.board.emergency.drive(0)  # shorter than a turn
        controller.turn()
        assert not controller.board.locked
        host.turns(200)
        assert not controller.board.locked
        assert [event[3] for event in host.of(m.EVENT)].count(m.EVENT_EMERGENCY) == 1


def check_an_old_heartbeat_holds_nothing():
    controller, host = greeted()
    with HeldTime() as held:
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 2300)
        assert not controller.board.locked
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 2200)
        held.pass_ms(99)
        host.turns(1)
        assert controller.board.locked
        held.pass_ms(1)
        host.turns(1)
        assert not controller.board.locked


def check_power_cycles_are_kept():
    """Three are three also when the watchdog resets in between."""
    limits = Limits(silent_ms=5, hung_ms=10, grace_ms=10, off_ms=5)
    cuts = kept = 0
    for _ in range(6):
        controller, host = greeted(limits, cycles=kept)
        host.say(m.HEARTBEAT, 0, 0)
        was_powered = True
        for _ in range(150):
            time.sleep_ms(1)
            host.turns(1)
            cuts += was_powered and not controller.board.powered
            was_powered = controller.board.powered
            if cuts > kept:
                break
        kept = max(kept, controller.board.kept)
    assert cuts == kept == 3, (cuts, kept)


def check_events_with_gaps_are_all_told():
    """The power failed while a sector of confirmed events was erased: some of them are there again, some are not."""
    store = MemoryRing()
    controller, host = greeted(store=store)
    host.turns(32)
    counters = [5, 7, 8, 9, 10, 11, 30, 31]
    store.pending.clear()
    for counter in counters:
        event = struct.pack(m.LAYOUTS[m.EVENT], counter, 1, 0, m.EVENT_TAMPER_OPENED, 0, bytes(16))
        store.pending.append((counter, event))
    controller._told = 0
    host.messages.clear()
    host.turns(200)
    assert [event[0] for event in host.of(m.EVENT)] == counters


def check_each_start_without_flash_has_its_own_boot_number():
    """Counters begin anew; equal boot numbers would make two events of two starts one."""
    boots = {greeted()[0].journal.boot for _ in range(20)}
    assert len(boots) == 20 and all(0 < boot < 1 << 32 for boot in boots)


def check_tamper_shorter_than_a_turn():
    controller, host = greeted()
    host.turns()
    controller.board.tamper.drive(1)
    controller.board.tamper.drive(0)
    host.turns(16)
    time.sleep_ms(30)
    host.turns(32)
    kinds = [event[3] for event in host.of(m.EVENT)]
    assert kinds == [m.EVENT_STARTED, m.EVENT_TAMPER_OPENED, m.EVENT_TAMPER_CLOSED], kinds


def check_tampering_waits_for_room():
    """With the journal's queue full nothing of the contacts is forgotten."""
    controller, host = greeted()
    host.turns()
    controller.journal.work = lambda may_erase, uptime_ms: False
    while controller.journal.room():
        controller.journal.note(m.EVENT_DOOR_OPENED, 0, 0)
    controller.board.tamper.drive(1)
    controller.board.emergency.drive(1)
    controller.board.emergency.drive(0)
    host.turns(64)
    assert controller.emergency_owed and not controller.tamper.open
    del controller.journal.work
    host.turns(MAX_WAITING * 16 + 200)
    kinds = [event[3] for event in host.of(m.EVENT)]
    assert m.EVENT_EMERGENCY in kinds and m.EVENT_TAMPER_OPENED in kinds, kinds


def check_an_emergency_overtakes_the_rest():
    """It is noticed while 15 other events wait to be written: its page is the next one."""
    journal = greeted()[0].journal
    while journal.work(True, 0):
        pass
    for number in range(MAX_WAITING - 1):
        assert journal.note(m.EVENT_DOOR_OPENED, number, 0)
    assert journal.note(m.EVENT_EMERGENCY, 0, 0) and journal.open_emergency
    assert journal.work(False, 0)
    assert journal.last_emergency == journal.store.counter == journal.store.pending[-1][0]


def check_refusals():
    controller, host = greeted()
    host.put(0x7F, host.session, host.number, b"what")
    host.number += 1
    host.turns()
    host.put(m.RING, host.session, host.number, b"\x01\x02")
    host.number += 1
    host.turns()
    host.say(m.RING, 200)
    host.say(m.BUZZER, 99)
    host.say(m.CHALLENGE, 1, 100, 0, bytes(24))
    host.say(m.CHALLENGE, 1, 0, 3, bytes(24))
    host.say(m.CHALLENGE, 1, 100, 25, bytes(24))
    host.say(m.CHALLENGE, 1, 100, 3, bytes((1, 2, 8)) + bytes(21))
    assert (
        host.of(m.REFUSED)
        == [
            (0x7F, m.REFUSE_UNKNOWN_TYPE),
            (m.RING, m.REFUSE_BAD_PAYLOAD),
            (m.RING, m.REFUSE_BAD_VALUE),
            (m.BUZZER, m.REFUSE_BAD_VALUE),
        ]
        + [(m.CHALLENGE, m.REFUSE_BAD_VALUE)] * 4
    )
    assert controller.board.fed == controller.turns


def check_every_pattern_and_sound():
    controller, host = greeted()
    host.say(m.HEARTBEAT, 0, 0)
    looks = set()
    for pattern in range(m.PATTERN_OFF, m.PATTERN_CARE_FIRST + 1):
        host.say(m.RING, pattern)
        assert controller.lights.pattern == pattern
        controller.board.ring.shown.clear()
        controller.lights.stop()
        start = time.ticks_add(time.ticks_ms(), 10000 * (pattern + 1))
        for frame in range(40):  # 40 frames of 100 ms
            controller.lights.draw(time.ticks_add(start, frame * 100), 100, False)
        looks.add((pattern, tuple(controller.board.ring.shown)))
    assert len(looks) == 12 and len({look for _, look in looks}) == 12, "no two patterns look the same"
    for sound in range(m.SOUND_NONE, m.SOUND_ALARM + 1):
        controller.board.tones.clear()
        controller.buzzer.play(sound, 0)
        for now in range(0, 3000, 10):
            controller.buzzer.poll(now)
        assert not controller.board.tones or controller.board.tones[-1] == 0, "silence at the end"
        assert bool(controller.board.tones) == (sound != m.SOUND_NONE)


def check_a_challenge_ends_in_its_pattern():
    """Never dark between the last colour and the pattern: that would be a fourth change within a second."""
    controller, host = greeted()
    host.say(m.HEARTBEAT, 0, 0)
    host.say(m.RING, m.PATTERN_FACE)
    time.sleep_ms(50)
    host.turns()
    shown = controller.board.ring.shown
    face = shown[-1]
    shown.clear()
    host.say(m.CHALLENGE, 7, 5, 3, bytes((2, 2, 4)) + bytes(21))
    while not host.of(m.CHALLENGE_DONE):
        host.turns(1)
    assert [fields[1] for fields in host.of(m.CHALLENGE_STEP)] == [0, 1, 2]
    assert shown == [COLOURS[2], COLOURS[2], COLOURS[4], face]
    time.sleep_ms(50)
    host.turns()
    assert set(shown[3:]) == {face}


def check_silence_shows_care_first():
    controller, host = greeted(Limits(silent_ms=30))
    host.say(m.RING, m.PATTERN_PASSED)
    host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
    assert controller.board.locked and not controller.safety.care_first
    time.sleep_ms(40)
    host.turns(32)
    assert not controller.board.locked and controller.safety.care_first
    red, green, blue = controller.board.ring.shown[-1]
    assert green > red == blue > 0
    assert m.EVENT_HOST_SILENT in [event[3] for event in host.of(m.EVENT)]


def check_no_garbage_piles_up():
    """100 000 turns under load in a heap of 128 KB; what lives at the end is what lived at the beginning."""
    controller, host = greeted()
    host.turns(400)
    host.messages.clear()
    gc.collect()
    before = gc.mem_alloc()
    for lap in range(1000):
        host.say(m.HEARTBEAT, m.WISH_WANT_LOCK, 0)
        host.say(m.CLOCK, lap)
        host.number &= 0xFFFF
        controller.board.tamper.drive(lap & 1)
        host.turns(64)
        if lap % 8 == 0:
            host.say(m.CONFIRM, controller.journal.store.counter)
        host.messages.clear()
        controller.board.ring.shown.clear()
        controller.board.tones.clear()
    gc.collect()
    grown = gc.mem_alloc() - before
    assert grown < 4096, grown
    print("heap in use", gc.mem_alloc(), "grown", grown)
