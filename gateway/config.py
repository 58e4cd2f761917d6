"""The gateway's configuration: one TOML file (``gateway.toml``), made by ``vernix-provision site init``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from evidence.errors import MalformedError
from evidence.policy import Rules, load_rules
from evidence.topics import check_name
from evidence.tree import TreeError, load_tree


@dataclass(frozen=True, slots=True)
class Gateway:
    """Which site, and the folder of the store.

    Attributes:
        silent_s: a unit that was not heard for so long is told as amiss; a unit says something each minute.
        policy: the policy pack's file that the units have: its rules for certificates, special cases and the register.
    """

    site: str
    data: Path
    silent_s: float = 3600.0
    policy: Path | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """``signing`` is a key URI relative to the file's folder; the rest are PEM files.

    ``revocations`` is where the site's signed list of revoked keys is laid down; there is none before the first one.
    """

    authority: Path
    signing: str
    signing_certificate: Path
    encryption: Path
    revocations: Path | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """The gateway's TLS identity towards the broker."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Broker:
    """The hospital's MQTT broker."""

    host: str
    port: int
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who may approve officers' accounts for a department.

    ``staff_number`` (工号) tells more surely than a name that an account is this person's own.
    """

    name: str = field(repr=False)
    department: str
    staff_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Officers:
    """Who approves an officer's account: one of the ``approvers`` of each of these departments."""

    approved_by: tuple[str, ...] = ("医务科", "护理部")
    approvers: tuple[Approver, ...] = ()


@dataclass(frozen=True, slots=True)
class Forms:
    """What forms say of this hospital: its name (核验机构); empty: left for the pen."""

    institution: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole tree."""

    gateway: Gateway
    keys: Keys
    broker: Broker
    officers: Officers = field(default_factory=Officers)
    forms: Forms = field(default_factory=Forms)

    def rules(self) -> Rules | None:
        """What the gateway goes by of the policy pack, as its file is now; None: no pack is named.

        Raises:
            TreeError: the pack cannot be used, or demands more of an account's approval than is configured.
        """
        if self.gateway.policy is None:
            return None
        try:
            rules = load_rules(self.gateway.policy)
        except TreeError as error:
            told = f"{self.gateway.policy}: {error}; vernix policy check tells of every mistake"
            raise TreeError("gateway.policy", told) from error
        unknown = [one for one in rules.certificate.needs if not rules.place(one)] if rules.certificate else []
        if unknown:
            told = f"{self.gateway.policy}: certificate.needs: the pack has no checkpoint {', '.join(unknown)}"
            raise TreeError("gateway.policy", told)
        lacking = [one for one in rules.staff.approved_by if one not in self.officers.approved_by]
        if lacking:
            told = f"the policy pack {rules.id} wants accounts approved by {', '.join(lacking)} too"
            raise TreeError("officers.approved_by", told)
        return rules

    def needed_rules(self) -> Rules:
        """The same where nothing can be said without a pack.

        Raises:
            TreeError: as above, or no pack is named.
        """
        rules = self.rules()
        if rules is None:
            told = "missing; name the pack's file that the units have (vernix policy show NAME --toml > pack.toml)"
            raise TreeError("gateway.policy", told)
        return rules


def load(path: Path) -> Config:
    """Read and check the configuration file.

    Raises:
        TreeError: see :mod:`evidence.tree`; or a value that cannot be.
    """
    config = load_tree(Config, path)
    try:
        check_name("site", config.gateway.site)
    except MalformedError as error:
        raise TreeError("gateway.site", str(error)) from None
    if not config.gateway.silent_s >= 60:
        raise TreeError("gateway.silent_s", f"expected 60 or more, found {config.gateway.silent_s}")
    if not config.broker.host:
        raise TreeError("broker.host", "expected a host name or IP address, found an empty string")
    if not 1 <= config.broker.port <= 65535:
        raise TreeError("broker.port", f"expected a port from 1 to 65535, found {config.broker.port}")
    departments = config.officers.approved_by
    if len(set(departments)) != len(departments) or len(departments) < 2 or not all(map(str.strip, departments)):
        raise TreeError("officers.approved_by", "expected two departments or more, each once and none empty")
    for number, one in enumerate(config.officers.approvers):
        if not one.name.strip() or one.department not in departments:
            expected = f"a name, and as department one of {', '.join(departments)}"
            raise TreeError(f"officers.approvers[{number}]", f"expected {expected}")
    config.rules()
    return config
