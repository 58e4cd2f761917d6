"""The contract's document: valid AsyncAPI 3.0, every reference leads somewhere, and it says what the code says."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator

from evidence import downlink, envelope, health, record, topics
from evidence.topics import DOWN, UP, Address, Channel
from tests import vectors
from tests.evidence.contract import DOCUMENT, BrokenContractError, Contract, deref, references, resolve, validator

META = Draft7Validator(json.loads(resources.files(vectors).joinpath("asyncapi-3.0.0.json").read_text("utf-8")))
"""The AsyncAPI Initiative's own schema (Apache-2.0; @asyncapi/specs 6.11.1, white space removed)."""


def test_the_document_obeys_the_specification() -> None:
    assert [(error.instance_path, error.message) for error in META.iter_errors(DOCUMENT)] == []


def _no_info(document: dict[str, Any]) -> None:
    del document["info"]


def _wrong_action(document: dict[str, Any]) -> None:
    document["operations"]["sendRecord"]["action"] = "publish"


def _wrong_qos(document: dict[str, Any]) -> None:
    document["operations"]["sendState"]["bindings"]["mqtt"]["qos"] = 3


def _unknown_name(document: dict[str, Any]) -> None:
    document["channels"]["record"]["adress"] = "x"


@pytest.mark.parametrize("harm", [_no_info, _wrong_action, _wrong_qos, _unknown_name])
def test_the_specification_is_really_asked(harm: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(DOCUMENT)
    harm(document)
    assert not META.is_valid(document)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > 20
    for reference in found:
        assert isinstance(resolve(reference), dict), reference


def test_every_channel_of_the_code_is_there_and_no_other() -> None:
    address = Address("s-1", "u-1")
    channels = DOCUMENT["channels"]
    assert set(channels) == {str(channel) for channel in Channel}
    for name, channel in channels.items():
        topic = channel["address"].replace("{site}", "s-1").replace("{unit}", "u-1")
        assert topic == address.topic(Channel(name))
        assert topics.parse(topic) == (address, Channel(name))


def test_who_sends_what() -> None:
    actions = {one["channel"]["$ref"].rpartition("/")[2]: one["action"] for one in DOCUMENT["operations"].values()}
    assert actions == {**dict.fromkeys(map(str, UP), "send"), **dict.fromkeys(map(str, DOWN), "receive")}
    for operation in DOCUMENT["operations"].values():
        (message,) = operation["messages"]
        assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
        retains = operation["channel"]["$ref"].endswith("/state")
        assert operation["bindings"]["mqtt"] == {"qos": 1, "retain": retains, "bindingVersion": "0.2.0"}


def test_types_are_those_of_the_code() -> None:
    typ = {Channel.RECORD: record.TYPE, Channel.ALERT: record.TYPE, Channel.HEALTH: health.TYPE}
    typ |= {channel: downlink.type_of(channel) for channel in DOWN}
    for channel in Channel:
        message = deref(DOCUMENT["components"]["messages"][str(channel)])
        assert message.get("x-vernix-signed", {}).get("typ") == typ.get(channel)
        assert message.get("contentType", DOCUMENT["defaultContentType"]) == topics.CONTENT_TYPES[channel]
    for channel in (Channel.RECORD, Channel.ALERT):
        schema = DOCUMENT["components"]["messages"][str(channel)]["payload"]["schema"]
        assert resolve(schema["$ref"])["$id"] == f"urn:vernix:schema:{envelope.SCHEMA.removesuffix('-v1')}:1"


@pytest.mark.parametrize("topic", ["vernix/v1/s/u/recrod", "vernix/v2/s/u/record", "vernix/v1/s/record", "x", ""])
def test_a_topic_that_the_document_does_not_know_fails(topic: str) -> None:
    with pytest.raises(BrokenContractError, match="no such topic"):
        Contract(lambda _: "", lambda _: None).check(topic, b"", qos=1, content_type=None, retained=None)


# --- what the schemas refuse ---

HEAD = {
    "v": 1,
    "site": "s-1",
    "unit": "u-1",
    "counter": 1,
    "issued": "2026-11-21T08:00:00.000Z",
    "expires": "2026-11-22T08:00:00.000Z",
}
PIN = {"method": "pin", "argon2id": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"}
BADGE = {"method": "badge", "digest": "d" * 43}
OFFICER = {"id": "o-101", "role": "officer", "valid_from": "2026-11-21T08:00:00.000Z", "credentials": [PIN]}
BODIES: dict[str, dict[str, Any]] = {
    "receipt": {"ranges": [[1, 3]], "sha256": "0" * 64},
    "command": {"command": "resend", "ranges": [[1, 3], [7, 7]]},
    "roster": {
        "version": 3,
        "badge_salt": "s" * 22,
        "officers": [
            OFFICER | {"regular": True, "department": "OBS", "credentials": [PIN, BADGE]},
            OFFICER | {"valid_to": "2027-11-21T08:00:00.000Z"},
        ],
    },
    "worklist": {"kid": "k" * 43, "jwe": "a.b.c.d.e"},
}
REVOCATIONS = {"command": "revocations", "list": "a.b.c"}
HEALTH = {"v": 1, "unit": "u", "site": "s", "at": "2026-11-21T08:00:00.000Z", "seq": 3, "head": "0" * 64}
SOUND = {
    **{name: HEAD | {"channel": name, "body": body} for name, body in BODIES.items()},
    "health": HEALTH
    | {"waiting": 0, "refused": 2, "storage": {"state": "ok"}, "troubles": ["x"]}
    | {"roster": 3, "counters": {"command": 5}, "revocations": 1},
    "state": {"v": 1, "state": "online", "boot": 7, "worklist_key": f"a.b.{'c' * 86}"},
}


def _validator(name: str) -> Any:
    message = DOCUMENT["components"]["messages"][name]
    return validator(message.get("x-vernix-signed", message["payload"])["schema" if name == "state" else "payload"])


def test_a_list_of_revoked_keys_obeys() -> None:
    message = SOUND["command"] | {"body": REVOCATIONS}
    assert [error.message for error in _validator("command").iter_errors(message)] == []


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_message_obeys(name: str) -> None:
    assert [error.message for error in _validator(name).iter_errors(SOUND[name])] == []


OPTIONAL = (
    *("boot", "worklist_key", "waiting", "refused", "storage", "troubles"),
    *("roster", "counters", "revocations"),
)


def _harms(name: str) -> list[tuple[str, dict[str, Any]]]:
    sound = SOUND[name]
    made = [(f"without {key}", {k: v for k, v in sound.items() if k != key}) for key in sound]
    made = [one for one in made if one[0].removeprefix("without ") not in OPTIONAL]
    made.append(("later version", sound | {"v": 2}))
    made += [(f"{key} is a list", sound | {key: [sound[key]]}) for key in sound if key != "troubles"]
    if name != "health":  # which may say more later
        made.append(("one more name", sound | {"more": 1}))
    if "body" in sound:
        body = sound["body"]
        made += [(f"body without {key}", sound | {"body": {k: v for k, v in body.items() if k != key}}) for key in body]
        made.append(("body with one more name", sound | {"body": body | {"more": 1}}))
        made.append(("another channel", sound | {"channel": "receipt" if name != "receipt" else "command"}))
        made.append(("counter 0", sound | {"counter": 0}))
        made.append(("no instant", sound | {"expires": "tomorrow"}))
    return made


@pytest.mark.parametrize(
    ("name", "harmed"),
    [pytest.param(name, harmed, id=f"{name}: {what}") for name in SOUND for what, harmed in _harms(name)],
)
def test_what_the_contract_refuses(name: str, harmed: dict[str, Any]) -> None:
    assert not _validator(name).is_valid(harmed)


WRONG = [
    ("command", {"body": {"command": "reboot", "ranges": [[1, 1]]}}),
    ("command", {"body": {"command": "resend", "ranges": []}}),
    ("receipt", {"body": {"ranges": [[1, 2, 3]], "sha256": "0" * 64}}),
    ("roster", {"body": {"version": 1, "officers": [OFFICER | {"name": "somebody"}]}}),
    ("roster", {"body": {"version": 1, "officers": [OFFICER | {"credentials": []}]}}),
    ("roster", {"body": {"version": 1, "officers": [OFFICER | {"credentials": [{"method": "pin", "pin": "1234"}]}]}}),
    ("roster", {"body": {"version": 1, "officers": [OFFICER | {"credentials": [BADGE]}]}}),
    ("roster", {"body": {"version": 1, "officers": [OFFICER | {"department": "产科 of somebody"}]}}),
    ("worklist", {"body": {"kid": "k" * 43, "jwe": "a.b.c"}}),
    ("state", {"state": "offline"}),
    ("state", {"state": "away"}),
    ("state", {"worklist_key": "a.b.c"}),
    ("health", {"seq": 0}),
    ("health", {"refused": -1}),
    ("health", {"counters": {"command": -1}}),
    ("health", {"counters": {"command": "5"}}),
    ("health", {"revocations": -1}),
    ("command", {"body": {"command": "revocations", "ranges": [[1, 1]]}}),
    ("command", {"body": {"command": "revocations", "list": "a.b"}}),
    ("command", {"body": {"command": "resend", "ranges": [[1, 1]], "list": "a.b.c"}}),
]


@pytest.mark.parametrize(("name", "change"), WRONG, ids=str)
def test_values_that_cannot_be(name: str, change: dict[str, Any]) -> None:
    assert not _validator(name).is_valid(SOUND[name] | change)
