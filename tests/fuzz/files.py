"""Files that people, disks and other programs change: configurations, rosters, registers, exports, models' data."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import models
from daemon.config import load as load_config
from daemon.export import export_sealed
from daemon.journal import Entry
from daemon.mqtt.dialect import DialectMemory
from daemon.officers import RosterUnusable, read_roster
from daemon.outbox import OutboxDamaged, read_birth
from daemon.policy import load_policy, pack_path
from evidence.errors import MalformedError
from evidence.tree import TreeError
from gateway.config import load as load_gateway
from models.comparison import load_operating_point
from models.errors import ModelsError
from models.golden import Golden, agreement
from models.golden import load as load_golden
from models.manifest import Manifest
from models.projection import parse_projection
from provisioning.birth import read_replaced
from provisioning.errors import ProvisioningError
from provisioning.issued import read_register
from provisioning.officers import check_officer
from provisioning.recover import recover
from provisioning.site import load_site
from provisioning.unit_toml import check_record_key
from tests.daemon.support import Home, build, check_fields
from tests.fuzz.mutations import json_files, mutated
from tests.fuzz.scratch import folder, written
from tests.fuzz.signed import AUTHORITY, BASE
from tests.fuzz.target import Target

_CHECK = "01900000-0000-7000-8000-000000000001"


def _home() -> Home:
    place = folder() / "files-home"
    shutil.rmtree(place, ignore_errors=True)
    build(place)
    home = Home(place)
    with closing(home.outbox()) as outbox:
        outbox.append(check_fields())
    return home


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _models() -> list[Target]:
    place = Path(models.__file__).parent
    manifest = json.loads((place / "manifest.json").read_text("utf-8"))
    means = {name: [0.6, 0.8] for name in ("chip", "live")}

    def asked(records: list[Golden]) -> None:
        for one in records:
            for part in one.parts.values():
                agreement(np.array([0.5, 2], np.float32), np.array(part.output, np.float32))

    thresholds = (place / "thresholds.json").read_bytes()
    golden = json.loads((place / "golden.json").read_text("utf-8"))
    few = {
        "golden": [
            {**record, "parts": {"classes": {"least": 0.9, "output": [0.5, 2]}}} for record in golden["golden"][:2]
        ]
    }
    projection = {"means": means, "directions": [[1.0, 0.0]]}
    return [
        Target(
            "models: manifest",
            mutated([json.dumps(manifest).encode()]) | json_files(manifest),
            lambda data: Manifest.load(written("manifest.json", data)),
            (ModelsError,),
        ),
        Target(
            "models: golden vectors",
            mutated([json.dumps(few).encode()]) | json_files(few),
            lambda data: asked(load_golden(written("golden.json", data))),
            (ModelsError,),
        ),
        Target(
            "models: thresholds",
            mutated([thresholds]) | json_files(json.loads(thresholds)),
            lambda data: load_operating_point(written("thresholds.json", data)),
            (ModelsError,),
        ),
        Target(
            "models: projection",
            json_files(projection),
            lambda data: parse_projection(data, Path("projection.json")),
            (ModelsError,),
        ),
    ]


def _provisioning(home: Home) -> list[Target]:
    register = (home.site / "authority/issued.json").read_bytes()
    officers = (home.toml.parent / "officers.json").read_bytes()
    export = folder() / "export.jsonl"
    export_sealed(home.config(), export)
    settings = (home.site / "site.toml").read_bytes()
    site, key = replace(load_site(home.site), authority=AUTHORITY), home.site / "recovery/recovery.key"
    place = folder() / "fuzzed-site"
    shutil.copytree(home.site, place, dirs_exist_ok=True)
    first = {"format": "vernix-bundle", "v": 1, "unit": "u", "site": "s", "head": {"seq": 1, "sha256": "0" * 64}}
    bundle = "\n".join([json.dumps(first), *BASE, ""]).encode()
    uris = [b"file:record.key", b"pkcs11:token=a;object=b?module-path=/x&pin-source=file:/y"]
    named = (ProvisioningError,)

    def open_export(data: bytes) -> None:
        target = folder() / "recovered.jsonl"
        target.unlink(missing_ok=True)
        recover(written("fuzzed.jsonl", data), key, target)

    def open_site(data: bytes) -> None:
        (place / "site.toml").write_bytes(data)
        load_site(place)

    def officer(data: bytes) -> None:
        check_officer(written("officers.json", data).parent, "o-9")

    return [
        Target(
            "provisioning: register",
            mutated([register]) | json_files(json.loads(register)),
            lambda data: read_register(written("issued.json", data)),
            named,
        ),
        Target("provisioning: officers", json_files(json.loads(officers)), officer, named),
        Target("provisioning: export to recover", mutated([export.read_bytes()]), open_export, named),
        Target("provisioning: site.toml", mutated([settings]), open_site, named),
        Target(
            "provisioning: bundle of a unit replaced",
            mutated([bundle]),
            lambda data: read_replaced(written("old.jsonl", data), site),
            named,
        ),
        Target("provisioning: place of a key", mutated(uris).map(_text), check_record_key, named),
    ]


def _daemon(home: Home) -> list[Target]:
    unit = home.toml.read_bytes()
    officers = (home.toml.parent / "officers.json").read_bytes()
    birth = (home.toml.parent / "birth.jws").read_bytes()
    gateway = (home.site / "gateway/gateway.toml").read_bytes()
    policy = Path(pack_path("neutral")).read_bytes()
    entry = {"check": _CHECK, "checkpoint": "delivery", "visit": "V-1", "visit_source": "typed", "role": "mother"}
    entry |= {"drill": False, "step": "face"}
    memory: Any = {"v": 1, "software": "1", "mqtt_3_1_1": {"h:1": 1.0}}
    identity = home.identity()
    return [
        Target(
            "daemon: unit.toml", mutated([unit]), lambda data: load_config(written("unit.toml", data)), (TreeError,)
        ),
        Target(
            "daemon: policy pack",
            mutated([policy]),
            lambda data: load_policy(str(written("fuzzed.toml", data))),
            (TreeError,),
        ),
        Target(
            "daemon: officers",
            json_files(json.loads(officers)),
            lambda data: read_roster(written("officers.json", data)),
            (RosterUnusable,),
        ),
        Target(
            "daemon: birth record",
            mutated([birth]),
            lambda data: read_birth(written("birth.jws", data), identity.certificate_der),
            (OutboxDamaged,),
        ),
        Target("daemon: journal", json_files(entry), lambda data: Entry.from_bytes(data, _CHECK), (MalformedError,)),
        Target(
            "daemon: remembered brokers",
            json_files(memory),
            lambda data: DialectMemory(written("broker.json", data), "1"),
        ),
        Target(
            "gateway: gateway.toml",
            mutated([gateway]),
            lambda data: load_gateway(written("gateway.toml", data)),
            (TreeError,),
        ),
    ]


def targets() -> list[Target]:
    """All of them."""
    home = _home()
    return [*_daemon(home), *_provisioning(home), *_models()]
