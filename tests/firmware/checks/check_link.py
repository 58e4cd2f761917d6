"""The device's end of the link against frames made by hand."""

import struct

from coprocessor import messages as m
from coprocessor.frames import FRAME, Parser
from coprocessor.link import BOOTED_MS, HOLD_MS, MAX_QUEUE, REPEAT_MS, Identity, Link


def new_link():
    return Link(Identity(0xA0B0C0D0, 3, 1, 3, 256), 6)


def sent(link, now):
    """(type, session, number, payload) of every frame that is due."""
    found = []
    while True:
        length = link.due(now, 777)
        if not length:
            return found
        assert length <= m.MAX_FRAME
        parser = Parser()
        parser.take(link.out, 1, length)
        assert parser.found == FRAME
        found.append((parser.kind, parser.session, parser.number, parser.payload))


def hello(link, now, nonce=5, token=9, version=m.PROTOCOL_VERSION):
    link.received(now, m.HELLO, 0, 0, struct.pack(m.LAYOUTS[m.HELLO], version, nonce, token))
    (answer,) = [frame for frame in sent(link, now) if frame[0] == m.WELCOME]
    return struct.unpack(m.LAYOUTS[m.WELCOME], answer[3])


def check_booted_until_greeted():
    link = new_link()
    for turn in range(10):
        now = turn * BOOTED_MS
        (frame,) = sent(link, now)
        assert frame[0] == m.BOOTED
        assert not sent(link, now + 1)
    assert not link.room(), "nothing is queued for nobody"
    welcome = hello(link, 9 * BOOTED_MS)
    assert welcome == (m.PROTOCOL_VERSION, 5, 9, 7, 0xA0B0C0D0, 3, 777, 1, 3, 256)
    assert link.begun and link.room() == MAX_QUEUE
    assert not sent(link, 20 * BOOTED_MS)


def check_wrong_version_has_no_session():
    link = new_link()
    welcome = hello(link, 0, version=m.PROTOCOL_VERSION - 1)
    assert welcome[0] == m.PROTOCOL_VERSION and welcome[3] == 0
    assert not link.session
    assert not link.received(1, m.HEARTBEAT, 0, 0, b"\x01"), "without a session nothing is obeyed"


def check_a_message_is_taken_once():
    link = new_link()
    session = hello(link, 0)[3]
    assert link.received(1, m.HEARTBEAT, session, 0, b"\x01")
    assert sent(link, 1) == [(m.ACK, session, 0, b"")]
    for _ in range(5):  # its acknowledgement was lost
        assert not link.received(2, m.HEARTBEAT, session, 0, b"\x01")
        assert sent(link, 2) == [(m.ACK, session, 0, b"")]
    for number in (2, 500, 0xFFFF - 1):  # reordered, replayed, from nowhere
        assert not link.received(3, m.HEARTBEAT, session, number, b"\x01")
        assert not sent(link, 3)
    assert not link.received(3, m.HEARTBEAT, session + 1, 1, b"\x01"), "another session"
    assert link.received(3, m.RELEASE, session, 1, b"")


def check_repeated_until_acknowledged():
    link = new_link()
    session = hello(link, 0)[3]
    assert link.send(m.REFUSED, 1, 2) and link.send(m.REFUSED, 3, 4)
    first = (m.REFUSED, session, 0, b"\x01\x02")
    for turn in range(50):
        assert sent(link, turn * REPEAT_MS) == [first]
        assert not sent(link, turn * REPEAT_MS + REPEAT_MS - 1)
    for number in (1, 7, 0xFFFF):
        link.received(2000, m.ACK, session, number, b"")
    link.received(2000, m.ACK, session + 1, 0, b"")
    assert sent(link, 3000) == [first]
    link.received(3000, m.ACK, session, 0, b"")
    assert sent(link, 3000) == [(m.REFUSED, session, 1, b"\x03\x04")]
    link.received(3001, m.ACK, session, 0, b"")  # the old one again
    assert sent(link, 4000) == [(m.REFUSED, session, 1, b"\x03\x04")]
    link.received(4000, m.ACK, session, 1, b"")
    assert not sent(link, 9000)


def check_numbers_wrap():
    link = new_link()
    session = hello(link, 0)[3]
    for number in range(0x10000 + 3):
        assert link.received(1, m.RELEASE, session, number & 0xFFFF, b"")
        link.send(m.REFUSED, 0, 0)
        frames = sent(link, 1)
        assert frames[1][2] == number & 0xFFFF
        link.received(1, m.ACK, session, number & 0xFFFF, b"")


def check_greeting_again_changes_nothing():
    link = new_link()
    session = hello(link, 0)[3]
    link.begun = False
    link.received(1, m.RELEASE, session, 0, b"")
    link.send(m.REFUSED, 0, 0)
    before = sent(link, 1)
    assert hello(link, 2, token=10)[2:4] == (10, session)
    assert not link.begun
    assert link.received(3, m.RELEASE, session, 1, b"")
    assert [frame for frame in sent(link, 1 + REPEAT_MS) if frame[0] == m.REFUSED] == before[1:]


def check_a_session_that_lives_is_kept():
    """An old greeting, replayed, ends no session; a new host after a silence gets one of its own."""
    link = new_link()
    session = hello(link, 0)[3]
    link.received(1000, m.RELEASE, session, 0, b"")
    sent(link, 1000)
    link.received(1100, m.HELLO, 0, 0, struct.pack(m.LAYOUTS[m.HELLO], m.PROTOCOL_VERSION, 77, 1))
    assert not sent(link, 1100) and link.session == session
    new = hello(link, 1000 + HOLD_MS, nonce=77)
    assert new[3] not in (0, session)
    assert not link.received(5000, m.RELEASE, session, 1, b""), "the old host is not heard any more"
    assert link.received(5000, m.RELEASE, new[3], 0, b"")


def check_odd_greetings():
    link = new_link()
    for payload in (b"", b"\x02", b"\x02" + bytes(30), b"\x02" + bytes(5)):
        link.received(0, m.HELLO, 0, 0, payload)
        assert not link.session
    for payload in (b"\x01", b"\x03", b"\x03" + bytes(40), b"\xff"):
        link.received(0, m.HELLO, 0, 0, payload)
        assert sent(link, 0)[0][0] == m.WELCOME and not link.session


def check_the_queue_is_bounded():
    link = new_link()
    hello(link, 0)
    assert sum(link.send(m.REFUSED, 0, 0) for _ in range(1000)) == MAX_QUEUE
