"""``evidence/asyncapi.yaml`` as a thing that messages can be held against. Reads it as any integrator would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema_rs import Draft202012Validator, Registry

import evidence
from evidence import jws
from evidence.encoding import json_object
from evidence.errors import MalformedError
from evidence.instants import read_instant
from evidence.keys import PublicKey

FOLDER = Path(evidence.__file__).parent
DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
KeyFor = Callable[[str], PublicKey | None]


class BrokenContractError(AssertionError):
    """A message that the document does not allow."""


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` below ``value``."""
    if isinstance(value, dict):
        yield from (value["$ref"],) if "$ref" in value else ()
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    """What a ``$ref`` of the document points to, in it or in a file beside it.

    Raises:
        LookupError, OSError: nothing.
    """
    name, _, pointer = reference.partition("#")
    found: Any = json.loads((FOLDER / name).read_text("utf-8")) if name else DOCUMENT
    for part in pointer.split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def deref(value: Any) -> Any:
    """``value``, or what it refers to."""
    while isinstance(value, dict) and set(value) == {"$ref"}:
        value = resolve(value["$ref"])
    return value


def _is_instant(text: str) -> bool:
    try:
        read_instant(text)
    except MalformedError:
        return False
    return True


_FILES = [json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / "schema").glob("*.schema.json"))]
_REGISTRY = Registry([(one["$id"], one) for one in _FILES])


def validator(reference: Mapping[str, Any]) -> Draft202012Validator:
    """For the schema that ``{"$ref": ...}`` names."""
    name, _, pointer = reference["$ref"].partition("#")
    wanted = {"$ref": f"{resolve(name)['$id']}#{pointer}"} if name else resolve(reference["$ref"])
    return Draft202012Validator(wanted, registry=_REGISTRY, formats={"date-time": _is_instant}, validate_formats=True)


def _check(reference: Mapping[str, Any], value: Any, what: str) -> None:
    for error in validator(reference).iter_errors(value):
        raise BrokenContractError(f"{what}: {'.'.join(map(str, error.instance_path))}: {error.schema_path}")


@dataclass
class Contract:
    """Holds messages against the document.

    Attributes:
        open_envelope: the JWS in an envelope.
        key_for: every signing key that the parties have, by kid.
        seen: how many messages of each channel held.
    """

    open_envelope: Callable[[bytes], str]
    key_for: KeyFor
    seen: dict[str, int] = field(default_factory=dict)

    def channel_of(self, topic: str) -> str:
        """The channel whose address matches."""
        for name, channel in DOCUMENT["channels"].items():
            pattern = re.sub(r"\\\{\w+\\\}", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.escape(channel["address"]))
            if re.fullmatch(pattern, topic):
                return str(name)
        raise BrokenContractError(f"{topic}: the document knows no such topic")

    def check(self, topic: str, payload: bytes, *, qos: int, content_type: str | None, retained: bool | None) -> None:
        """Hold one message against the document.

        Args:
            content_type: as MQTT 5 told it; None where it did not.
            retained: whether the publisher asked for it; None where a subscriber cannot know.

        Raises:
            BrokenContractError: it breaks it; says where, not what.
        """
        name = self.channel_of(topic)
        (message,) = (deref(one) for one in DOCUMENT["channels"][name]["messages"].values())
        (operation,) = (
            one for one in DOCUMENT["operations"].values() if one["channel"]["$ref"] == f"#/channels/{name}"
        )
        binding = operation["bindings"]["mqtt"]
        wanted = message.get("contentType", DOCUMENT["defaultContentType"])
        if qos != binding["qos"] or retained not in (None, binding["retain"]) or content_type not in (None, wanted):
            raise BrokenContractError(f"{name}: QoS {qos}, retained {retained}, content type {content_type}")
        is_json = wanted.endswith("json")
        wire = json_object(payload) if is_json else payload.decode("ascii")
        _check(message["payload"]["schema"], wire, name)
        if "x-vernix-signed" in message:
            self._check_signed(name, message["x-vernix-signed"], self.open_envelope(payload) if is_json else str(wire))
        self.seen[name] = self.seen.get(name, 0) + 1

    def _check_signed(self, name: str, rule: Mapping[str, Any], token: str) -> None:
        signed = jws.verify(token, rule["typ"], self.key_for)
        _check(rule["payload"], json_object(signed.payload), f"{name}, signed")
