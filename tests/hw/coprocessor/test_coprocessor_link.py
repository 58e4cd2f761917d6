"""The host's end of the link, without I/O, against a device made of frames. Time is a number."""

from __future__ import annotations

import itertools

import pytest

from hw.coprocessor.codec import NEED_DATA, Frame, Parser
from hw.coprocessor.dialogue import MAX_SEEN, Dialogue
from hw.coprocessor.link import (
    DEFAULT_TIMING,
    DOUBTS,
    MAX_QUEUE,
    Down,
    HostLink,
    LinkEvent,
    Lost,
    Odd,
    Received,
    Sent,
    Up,
    WrongVersion,
)
from hw.coprocessor.messages import (
    Booted,
    Buzzer,
    ClearEmergency,
    ClockIs,
    Confirm,
    EventMessage,
    Heartbeat,
    Hello,
    Message,
    Refused,
    Release,
    Ring,
    Welcome,
)
from hw.coprocessor.numbers import PROTOCOL_VERSION, MessageType

REPEAT_S = DEFAULT_TIMING.repeat_s


class Peer:
    """The other end, by hand."""

    def __init__(self, believe: bool = True) -> None:
        numbers = itertools.count(1000)
        self.link = HostLink(lambda bits: next(numbers) % (1 << bits), believe=lambda _: believe)
        self.boot_nonce = 5
        self.session = 7
        self.now_s = 100.0
        self.link.line_opened(self.now_s)

    def sent(self) -> list[Frame]:
        """What the host says now."""
        parser = Parser()
        parser.receive_data(self.link.data_to_send(self.now_s))
        frames = []
        while (event := parser.next_event()) is not NEED_DATA:
            assert isinstance(event, Frame)
            frames.append(event)
        return frames

    def say(self, message: Message, number: int = 0, session: int | None = None) -> None:
        unnumbered = message.TYPE < MessageType.HEARTBEAT and message.TYPE != MessageType.ACK
        where = 0 if unnumbered else self.session if session is None else session
        self.put(Frame(message.TYPE, where, number, message.to_bytes()))

    def put(self, frame: Frame) -> None:
        self.link.receive_data(frame.to_bytes(), self.now_s)

    def acknowledge(self, number: int, session: int | None = None) -> None:
        self.put(Frame(MessageType.ACK, self.session if session is None else session, number))

    def welcome(self, **changes: int) -> Welcome:
        (hello,) = [Hello.from_bytes(f.payload) for f in self.sent() if f.type == MessageType.HELLO]
        fields = {
            "version": PROTOCOL_VERSION,
            "host_nonce": hello.host_nonce,
            "token": hello.token,
            "session": self.session,
            "boot_nonce": self.boot_nonce,
            "boot": 1,
            "uptime_ms": 0,
            "reset_cause": 1,
            "features": 3,
            "firmware": 256,
        }
        return Welcome(**{**fields, **changes})

    def greet(self, **changes: int) -> None:
        self.say(self.welcome(**changes))

    def events(self) -> list[LinkEvent]:
        return list(iter(self.link.next_event, None))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def peer() -> Peer:
    """A peer that has been greeted."""
    made = Peer()
    made.greet()
    assert [type(event) for event in made.events()] == [Up]
    return made


def test_greets_until_answered() -> None:
    peer = Peer()
    tokens = set()
    for _ in range(5):
        (frame,) = peer.sent()
        assert (frame.type, frame.session) == (MessageType.HELLO, 0)
        tokens.add(Hello.from_bytes(frame.payload).token)
        assert peer.sent() == []
        peer.wait(DEFAULT_TIMING.greet_s)
    assert len(tokens) == 1
    peer.greet()
    assert peer.link.up
    peer.wait(10)
    assert peer.sent() == []


@pytest.mark.parametrize("changes", [{"host_nonce": 1}, {"token": 1}, {"session": 0}])
def test_welcome_to_another_greeting(changes: dict[str, int]) -> None:
    peer = Peer()
    peer.greet(**changes)
    assert not peer.link.up
    assert peer.events() == []


def test_welcome_that_was_not_asked_for(peer: Peer) -> None:
    """An old frame, replayed, does not end the session."""
    peer.say(Welcome(PROTOCOL_VERSION, 1000, 1001, 9, 77, 1, 0, 1, 3, 256))
    assert peer.link.up
    assert peer.events() == []


def test_other_version() -> None:
    peer = Peer()
    peer.greet(version=PROTOCOL_VERSION + 1)
    assert peer.events() == [WrongVersion(PROTOCOL_VERSION + 1)]
    assert not peer.link.up
    peer.link.send(Release())
    assert [f.type for f in peer.sent()] == []
    peer.wait(DEFAULT_TIMING.silent_s)
    assert [f.type for f in peer.sent()] == [MessageType.HELLO], "it may be flashed meanwhile"


def test_future_version_with_another_layout() -> None:
    peer = Peer()
    peer.sent()
    peer.put(Frame(MessageType.WELCOME, 0, 0, b"\x09" + bytes(40)))
    assert peer.events() == [WrongVersion(9)]


def test_repeats_until_acknowledged(peer: Peer) -> None:
    peer.link.send(Ring(4))
    peer.link.send(Buzzer(1))
    (first,) = peer.sent()
    assert peer.events() == [Sent(Ring(4), peer.now_s)]
    for _ in range(8):
        assert peer.sent() == []
        peer.wait(REPEAT_S)
        assert peer.sent() == [first]
    for number, session in ((1, 7), (65535, 7), (0, 8)):
        peer.acknowledge(number, session)
    peer.wait(REPEAT_S)
    assert peer.sent() == [first]
    peer.acknowledge(0)
    (second,) = peer.sent()
    assert (second.type, second.sequence) == (MessageType.BUZZER, 1)
    peer.acknowledge(0)
    peer.wait(REPEAT_S)
    assert peer.sent() == [second]


def test_each_message_is_taken_once(peer: Peer) -> None:
    for _ in range(3):  # its acknowledgement is lost twice
        peer.say(ClockIs(1, 2), 0)
        assert peer.sent() == [Frame(MessageType.ACK, 7, 0)]
    for number in (2, 500, 65535 - 1):
        peer.say(ClockIs(9, 9), number)
    peer.say(ClockIs(9, 9), 1, session=8)
    assert peer.sent() == []
    peer.say(ClockIs(3, 4), 1)
    assert peer.events() == [Received(ClockIs(1, 2)), Received(ClockIs(3, 4))]
    assert peer.link.counts.doubled == 2


def test_whole_session_replayed(peer: Peer) -> None:
    frames = [Frame(MessageType.CLOCK_IS, 7, n, ClockIs(n, n).to_bytes()) for n in range(300)]
    for frame in frames:
        peer.put(frame)
        peer.events()
    for frame in frames:
        peer.put(frame)
    assert peer.events() == []


def test_unknown_types_and_odd_payloads_are_told_and_acknowledged(peer: Peer) -> None:
    peer.put(Frame(0x7F, 7, 0, b"x"))
    assert peer.sent() == [Frame(MessageType.ACK, 7, 0)]
    peer.put(Frame(MessageType.CLOCK_IS, 7, 1, b"x"))
    peer.put(Frame(0x0F, 7, 2, b"x"))
    assert peer.events() == [Odd(0x7F), Odd(MessageType.CLOCK_IS)]


def test_not_accepting_is_not_acknowledging(peer: Peer) -> None:
    peer.link.accepting = False
    peer.say(ClockIs(1, 1), 0)
    assert peer.sent() == []
    peer.link.accepting = True
    peer.say(ClockIs(1, 1), 0)
    assert peer.events() == [Received(ClockIs(1, 1))]


def test_restart_of_the_device(peer: Peer) -> None:
    peer.link.send(Ring(4))
    peer.link.send(Confirm(9))
    peer.sent()
    peer.events()
    peer.boot_nonce, peer.session = 6, 8
    peer.say(Booted(PROTOCOL_VERSION, 6))
    peer.greet()
    lost, up = peer.events()
    assert lost == Lost(Ring(4))
    assert isinstance(up, Up)
    assert up.restarted
    (frame,) = peer.sent()
    assert (frame.type, frame.session, frame.sequence) == (MessageType.CONFIRM, 8, 0), "what had not left yet"


def test_old_booted_frame_changes_nothing(peer: Peer) -> None:
    peer.link.send(Ring(4))
    peer.sent()
    peer.say(Booted(PROTOCOL_VERSION, 1234))
    peer.greet()
    peer.events()
    assert peer.link.up
    peer.acknowledge(0)
    assert peer.link.waiting == 0


def test_asks_when_no_answer_comes_and_gives_up(peer: Peer) -> None:
    peer.link.send(Ring(4))
    types = set()
    for _ in range(100):
        types |= {frame.type for frame in peer.sent()}
        peer.wait(REPEAT_S)
    assert types == {MessageType.RING, MessageType.HELLO}
    assert [type(event) for event in peer.events()] == [Sent, Down]
    assert not peer.link.up
    peer.wait(1)
    peer.greet()
    assert [type(event) for event in peer.events()] == [Up]
    (frame,) = peer.sent()
    assert (frame.type, frame.sequence) == (MessageType.RING, 0), "the session goes on where it was"


def test_release_overtakes_all_but_what_is_under_way(peer: Peer) -> None:
    for message in (Ring(1), Heartbeat(1, 0), Buzzer(1), Heartbeat(1, 0)):
        peer.link.send(message)
    peer.sent()
    peer.link.forget(Heartbeat)
    peer.link.send(Release(), urgent=True)
    order = []
    for number in range(3):
        peer.wait(REPEAT_S)
        order.append(peer.sent()[0].type)
        peer.acknowledge(number)
    assert order == [MessageType.RING, MessageType.RELEASE, MessageType.BUZZER]


def test_queue_is_bounded(peer: Peer) -> None:
    assert sum(peer.link.send(Buzzer(1)) for _ in range(1000)) == MAX_QUEUE
    assert peer.link.send(Release(), urgent=True)


def test_unbelievable_message_is_heard_again() -> None:
    peer = Peer(believe=False)
    peer.greet()
    peer.events()
    for _ in range(DOUBTS - 1):
        peer.say(Refused(1, 1), 0)
        assert peer.sent() == []
    peer.say(Refused(1, 2), 0)  # other bytes: it was damage
    assert peer.sent() == []
    for _ in range(DOUBTS - 1):
        peer.say(Refused(1, 2), 0)
    assert peer.events() == [Received(Refused(1, 2))]


def test_numbers_wrap(peer: Peer) -> None:
    for number in range(0x10000 + 2):
        peer.say(ClockIs(0, 0), number & 0xFFFF)
        peer.link.send(Buzzer(1))
        assert [frame.sequence for frame in peer.sent()] == [number & 0xFFFF] * 2
        peer.acknowledge(number & 0xFFFF)
        assert len(peer.events()) == 2


def test_flood_of_garbage(peer: Peer) -> None:
    peer.link.receive_data(bytes(range(256)) * 100, peer.now_s)
    peer.say(ClockIs(1, 1), 0)
    assert peer.events() == [Received(ClockIs(1, 1))]
    assert peer.link.counts.damaged


def dialogue(peer: Peer) -> Dialogue:
    return Dialogue("here", peer.link, None)


def test_a_repeated_heartbeat_tells_its_age_and_the_newest_wish(peer: Peer) -> None:
    host = dialogue(peer)
    host.wanted.lock = True
    host.heart_s = peer.now_s
    peer.wait(0.25)
    host.beat(peer.now_s)
    assert [frame.payload for frame in peer.sent()] == [Heartbeat(1, 250).to_bytes()]
    peer.wait(0.5)
    host.release()
    (again,) = [frame for frame in peer.sent() if frame.type == MessageType.HEARTBEAT]
    assert (again.sequence, again.payload) == (0, Heartbeat(0, 750).to_bytes())
    peer.wait(1000)
    assert host._refreshed(Heartbeat(0, 0), peer.now_s) == Heartbeat(0, 0xFFFF)


def test_what_names_an_event_does_not_reach_another_device(peer: Peer) -> None:
    """Confirmations and clearings that wait are forgotten when the device restarts; it may be another one."""
    host = dialogue(peer)
    host.known.delivered = 9
    peer.link.send(Buzzer(1))
    peer.link.send(ClearEmergency(7))
    host.confirm(9)
    peer.sent()
    peer.boot_nonce, peer.session = 6, 8
    peer.say(Booted(PROTOCOL_VERSION, 6))
    peer.greet()
    host.handle_all(peer.now_s)
    types = []
    for number in range(5):
        types += [frame.type for frame in peer.sent()]
        peer.acknowledge(number)
    assert types == [MessageType.RING, MessageType.GET_STATUS]
    assert host.known.status is None


def test_an_event_told_again_is_confirmed_again(peer: Peer) -> None:
    """The confirmation was lost in a restart; the daemon, which does not hear of the event again, need not know."""
    host = dialogue(peer)
    event = EventMessage(4, 1, 50, 3, 0, bytes(16))
    peer.say(event, 0)
    host.handle_all(peer.now_s)
    host.confirm(4)
    peer.sent()
    peer.acknowledge(0)
    peer.say(event, 1)
    host.handle_all(peer.now_s)
    assert Confirm(4).to_bytes() in [frame.payload for frame in peer.sent()]
    assert host.upward.qsize() == 1


def test_a_device_that_counts_anew_is_heard(peer: Peer) -> None:
    """Its counters are old ones, its events are not; what was confirmed of the old device's is not of this one's."""
    host = dialogue(peer)
    peer.say(EventMessage(40, 9, 50, 3, 0, bytes(16)), 0)
    host.handle_all(peer.now_s)
    host.confirm(40)
    peer.say(EventMessage(1, 1, 60, 1, 1, bytes(16)), 1)
    host.handle_all(peer.now_s)
    assert [host.upward.get().counter for _ in range(2)] == [40, 1]
    assert (host.known.delivered, host.wanted.confirmed) == (1, 0)
    for number in range(MAX_SEEN + 5):
        peer.say(EventMessage(2 + number, 1, 60, 3, 0, bytes(16)), 2 + number)
        host.handle_all(peer.now_s)
        assert host.upward.get_nowait().counter == 2 + number
    assert len(host.known.seen) == MAX_SEEN
