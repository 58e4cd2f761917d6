"""The cases: each lets something go wrong between unit and gateway, and returns when every record has its receipt."""

from __future__ import annotations

import dataclasses
import datetime as dt
import signal
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from daemon.backlog import WINDOW
from daemon.demo.ports import HOST
from daemon.mqtt import Cause
from evidence import downlink, receipt
from evidence.keys import KeySigner, Signer, generate_key
from evidence.topics import Address, Channel
from gateway import command
from tests.delivery.brokers import NatsCluster
from tests.delivery.clocks import clock_set_back, month_offline
from tests.delivery.proxy import Line, LyingLine
from tests.delivery.stage import Case, now, receipted
from tests.delivery.unit import WorkingUnit
from tests.provisioning.mosquitto import tls
from tests.support.brokers import wait_for

IMPATIENT_S: Final = 2.0
"""Instead of minutes: when silence is taken for a lost session."""


def begun(case: Case) -> tuple[WorkingUnit, Line]:
    """Unit and gateway at work, a third of the records through."""
    case.gateway(case.line())
    line = case.line()
    unit = case.unit(line)
    unit.append(case.records // 3)
    receipted(case, unit)
    return unit, line


def through_trouble(case: Case, unit: WorkingUnit, trouble: Callable[[], None]) -> None:
    """A third of the records just before the trouble, the rest, one of them an alert, after it."""
    third = case.records // 3
    unit.append(third)
    trouble()
    unit.append(case.records - 2 * third - 1)
    unit.append(1, alert=True)
    receipted(case, unit)


def calm(case: Case) -> None:
    """Nothing goes wrong."""
    unit, _ = begun(case)
    through_trouble(case, unit, lambda: None)


def broker_killed(case: Case) -> None:
    """SIGKILL in the traffic; it comes back with whatever its store has."""
    unit, _ = begun(case)
    through_trouble(case, unit, case.broker.restart)


def broker_stopped(case: Case) -> None:
    """SIGTERM in the traffic; it comes back with its store, sessions and all."""
    unit, _ = begun(case)
    through_trouble(case, unit, lambda: case.broker.restart(signal.SIGTERM))


def broker_emptied(case: Case) -> None:
    """SIGKILL, and it comes back without sessions, subscriptions and messages."""
    unit, _ = begun(case)
    through_trouble(case, unit, lambda: case.broker.restart(wipe=True))


def slow(case: Case) -> None:
    """Both lines pass a few records a second, for so long that some are sent again."""
    gateway_line, line = case.line(), case.line()
    case.gateway(gateway_line)
    unit = case.unit(line)
    unit.append(case.records // 3)
    receipted(case, unit)
    gateway_line.bytes_per_s = line.bytes_per_s = 20_000.0
    unit.append(case.records // 3)
    case.wait(lambda: len(case.stored()) > case.records // 3 + 5, "some records through the slow line")
    gateway_line.bytes_per_s = line.bytes_per_s = None
    unit.append(case.records - 2 * (case.records // 3))
    receipted(case, unit)


def session_lost(case: Case) -> None:
    """Somebody connects under the same name with a clean session, first as the unit, then as the gateway.

    mosquitto and NATS cut the connection, as they must; amqtt leaves it standing, deaf.
    """
    case.gateway(case.line(), silent_s=IMPATIENT_S)
    unit = case.unit(case.line(), unanswered_s=IMPATIENT_S)
    unit.append(case.records // 3)
    receipted(case, unit)
    address = unit.address

    def forget_both() -> None:
        port = case.broker.ports[-1]
        clean_session(case, port, "unit", f"{address.site}-{address.unit}")
        clean_session(case, port, "gateway", f"{address.site}-gateway")

    through_trouble(case, unit, forget_both)


def clean_session(case: Case, port: int, who: str, client_id: str) -> None:
    """Take ``who``'s session over, throw it away, and go."""
    folder = case.folder if who == "unit" else case.broker.site.folder / "gateway"
    answered: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=MQTTProtocolVersion.MQTTv311)
    client.tls_set_context(tls(folder))
    client.on_connect = lambda *_: answered.append(True)
    client.connect(HOST, port)
    while not answered:
        if client.loop(0.2) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise AssertionError("the session could not be taken over")
    client.disconnect()


def puback_then_amnesia(case: Case) -> None:
    """The broker acknowledges what the unit sends, records and alerts, and forgets it."""
    case.gateway(case.line())
    line = case.lying_line(case.folder)
    unit = case.unit(line)
    unit.append(case.records // 3)
    receipted(case, unit)
    line.forget = lambda message: message.topic.endswith(("/record", "/alert"))
    unit.append(case.records // 3)
    unit.append(1, alert=True)
    expected = min(case.records // 3, WINDOW)  # no more go out without a receipt
    case.wait(lambda: len({one.payload for one in line.forgotten}) >= expected, "the acknowledgements")
    if not unit.look().waiting:
        case.wrong.append("the unit took a PUBACK for a receipt")
    line.forget = lambda _: False
    unit.append(case.records - 2 * (case.records // 3) - 1)
    receipted(case, unit)


def receipts_lost(case: Case) -> None:
    """The broker acknowledges the gateway's receipts and forgets them."""
    gateway_line = case.lying_line(case.broker.site.folder / "gateway")
    case.gateway(gateway_line)
    unit = case.unit(case.line())
    unit.append(case.records // 2)
    receipted(case, unit)
    gateway_line.forget = lambda message: message.topic.endswith("/receipt")
    unit.append(case.records - case.records // 2)
    half = case.records // 2
    expected = half + min(case.records - half, WINDOW)  # no more go out without a receipt
    case.wait(lambda: len(case.stored()) >= expected, "the records at the gateway")
    case.wait(lambda: bool(gateway_line.forgotten), "a receipt to be lost")
    if not unit.look().waiting:
        case.wrong.append("records count as receipted whose receipts were lost")
    gateway_line.forget = lambda _: False
    receipted(case, unit)


def receipts_replayed(case: Case) -> None:
    """Every receipt comes again: at once, after a restart of the unit, and while others wait."""
    gateway_line, line = case.line(), case.lying_line(case.folder)
    topic = Address(case.broker.site.name, case.name).topic(Channel.RECEIPT)
    with case.unit_for_a_while(line) as unit:
        gateway = case.gateway(gateway_line)
        unit.append(case.records // 2)
        receipted(case, unit)
        old = [message.payload for message in line.told if message.topic == topic]
        refuse(case, unit, line, topic, old)
        case.wait(lambda: gateway.receiver.connected, "the gateway")
    unit = case.unit(line)
    case.wait(lambda: unit.look().cause == Cause.CONNECTED, "the unit again")
    line.forget = lambda message: message.topic.endswith(("/record", "/alert"))
    unit.append(case.records - case.records // 2)
    refuse(case, unit, line, topic, old)
    line.forget = lambda _: False
    receipted(case, unit)


def refuse(case: Case, unit: WorkingUnit, line: LyingLine, topic: str, messages: list[bytes]) -> None:
    """The unit must refuse each of ``messages`` and go on as if they had not been."""
    before = unit.look()
    for message in messages:
        line.say(topic, message)
    case.wait(lambda: unit.look().refused >= before.refused + len(messages), "the refusals")
    after = unit.look()
    if after.waiting < before.waiting or after.refused != before.refused + len(messages):
        case.wrong.append(f"{len(messages)} false receipts: {before.waiting} waited, then {after.waiting}")


def receipts_forged(case: Case) -> None:
    """Receipts by another key, for other ranges, of another unit, for another channel, or cut short.

    Not expired ones: without a network's time nobody knows that, and this machine may have none.
    """
    case.gateway(case.line())
    line = case.lying_line(case.folder)
    unit = case.unit(line)
    unit.append(case.records // 2)
    receipted(case, unit)
    line.forget = lambda message: message.topic.endswith(("/record", "/alert"))
    unit.append(case.records - case.records // 2)
    refuse(case, unit, line, unit.address.topic(Channel.RECEIPT), forgeries(case, unit))
    line.forget = lambda _: False
    receipted(case, unit)


def forgeries(case: Case, unit: WorkingUnit) -> list[bytes]:
    """Receipts for all that waits, each false in one way."""
    hashes, gateway = case.outbox_rows("1"), case.hospital.signer
    waiting = {seq: hashes[seq] for seq in case.outbox_rows("receipted = 0")}
    body, last = receipt.make_body(waiting), max(hashes)
    stranger = KeySigner(generate_key(case.folder / "stranger.key"))
    one = {"ranges": [[last, last]]}
    made = [
        _signed(case, stranger, body),
        _signed(case, gateway, body | {"sha256": "0" * 64}),
        _signed(case, gateway, body | one),
        _signed(case, gateway, receipt.make_body(hashes | {last + 1: "0" * 64})),
        _signed(case, gateway, body | {"ranges": [[last, last], [1, 1]]}),
        _signed(case, gateway, body, address=Address(unit.address.site, "another-unit")),
        _signed(case, gateway, body, address=Address("another-site", unit.address.unit)),
        _signed(case, gateway, body, counter=1),
        _signed(case, gateway, {"command": "resend", "ranges": body["ranges"]}, channel=Channel.COMMAND),
    ]
    return [*made, made[0][:-10], b"", b"\xff" * 20]


def _signed(case: Case, signer: Signer, body: dict[str, Any], **changes: Any) -> bytes:
    return downlink.write(
        changes.get("channel", Channel.RECEIPT),
        changes.get("address", Address(case.broker.site.name, case.name)),
        body,
        counter=changes.get("counter", downlink.counter_at(now() + dt.timedelta(hours=1))),
        now=changes.get("issued", now()),
        lifetime=dt.timedelta(days=1),
        signer=signer,
    ).encode("ascii")


def commands_lost(case: Case) -> None:
    """The broker acknowledges a ``resend`` and forgets it; the unit, which never heard it, must hear it yet."""
    gateway_line = case.lying_line(case.broker.site.folder / "gateway")
    case.gateway(gateway_line, again_s=IMPATIENT_S / 4)
    unit = case.unit(case.line())
    half, hospital = case.records // 2, case.hospital
    unit.append(half)
    receipted(case, unit)
    gateway_line.forget = lambda message: message.topic.endswith("/command")
    laid = command.resend(hospital.store, unit.address, [(1, half)], hospital.signer, now())
    case.wait(lambda: bool(gateway_line.forgotten), "the command to be lost")
    copies = hospital.intake.copies[case.name]
    case.wait(lambda: len(gateway_line.forgotten) > 1, "the gateway to send it again")
    gateway_line.forget = lambda _: False
    case.wait(lambda: hospital.intake.copies[case.name] >= copies + half, "the records to come again")
    case.wait(lambda: not laid.exists(), "the gateway to learn that it was heard")
    unit.append(case.records - half)
    receipted(case, unit)


def gateway_restored(case: Case) -> None:
    """Its store goes back to a backup, counters and all; a ``resend`` brings what it had receipted since."""
    line, hospital, third = case.line(), case.hospital, case.records // 3
    unit = case.unit(case.line())
    with case.gateway_for_a_while(line):
        unit.append(third)
        receipted(case, unit)
        backup = hospital.back_up()
        unit.append(third)
        receipted(case, unit)
    hospital.restore(backup)
    head = hospital.store.head(case.name)
    assert head is not None
    command.resend(hospital.store, unit.address, [(head.seq + 1, unit.look().head)], hospital.signer, now())
    with case.gateway_for_a_while(line):
        wait_for(lambda: hospital.intake.copies[case.name] > 2 * third + 1, "the records to come again")
        receipted(case, unit)
        unit.append(case.records - 2 * third)
        receipted(case, unit)
    if refused := unit.look().refused:
        case.wrong.append(f"{refused} messages of the restored gateway were refused")


def certificate_expired(case: Case) -> None:
    """The broker's own certificate runs out: delivery waits, and says so, until it is renewed."""
    unit, line = begun(case)
    unit.append(case.records // 3)
    case.broker.certify(expired=True)
    try:
        case.broker.reload()
        case.wait(lambda: _fails(line, unit, Cause.CERTIFICATE), "delivery to wait for the certificate")
        reason = unit.look().reason
        if not reason.startswith("delivery waits: certificate"):
            case.wrong.append(f"the screen would say: {reason}")
        unit.append(case.records - 2 * (case.records // 3))
    finally:
        case.broker.certify()
        case.broker.reload()
    receipted(case, unit)


def _fails(line: Line, unit: WorkingUnit, cause: Cause) -> bool:
    """Cut a connection that the broker still accepted before it had read its files again."""
    if unit.look().cause == Cause.CONNECTED:
        line.cut()
    return unit.look().cause == cause


def node_killed(case: Case) -> None:
    """The node of the cluster that the unit is connected to dies in the traffic and comes back later."""
    cluster = case.broker
    assert isinstance(cluster, NatsCluster)
    unit, _ = begun(case)
    cluster.kill_node(0)
    third = case.records // 3
    unit.append(third)
    receipted(case, unit)
    cluster.start_node(0)
    unit.append(case.records - 2 * third)
    receipted(case, unit)


@dataclasses.dataclass(frozen=True, slots=True)
class CaseKind:
    """A case by name; ``only`` names the broker for which it has a meaning, if that is one.

    ``hurry``: how many times faster than in other cases delivery's pauses pass, where health is what is waited for.
    """

    name: str
    play: Callable[[Case], None]
    only: str | None = None
    hurry: float = 1.0


CASES: Final = (
    CaseKind("calm", calm),
    CaseKind("broker killed", broker_killed),
    CaseKind("broker stopped", broker_stopped, "mosquitto"),
    CaseKind("broker emptied", broker_emptied),
    CaseKind("slow", slow),
    CaseKind("session lost", session_lost),
    CaseKind("PUBACK, then amnesia", puback_then_amnesia),
    CaseKind("receipts lost", receipts_lost),
    CaseKind("receipts replayed", receipts_replayed),
    CaseKind("receipts forged", receipts_forged),
    CaseKind("commands lost", commands_lost, hurry=6.0),
    CaseKind("gateway restored", gateway_restored, "mosquitto"),
    CaseKind("certificate expired", certificate_expired),
    CaseKind("clock ten years back", clock_set_back),
    CaseKind("node killed", node_killed, "nats"),
    CaseKind("30 days offline", month_offline),
)
