"""The demo's stage: a site, a broker, a gateway, simulated devices and a unit, each a process of its own.

Everything is set up as a hospital would: with ``vernix-provision``; only the device URIs differ from a real unit's.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

from daemon.demo.broker import DemoBroker
from daemon.demo.folder import stage_folder, temporary_files_in
from daemon.demo.people import Person, Studio
from daemon.demo.ports import HOST, free_port
from daemon.demo.process import Process, finished, uninterrupted
from daemon.demo.room import Room
from daemon.demo.screen import DemoError, Screen, View
from daemon.policy import pack_path
from hw.camera.simulated_scene import Act, Kind
from hw.card_reader.simulator import SimulatedReader
from hw.coprocessor.events import KEY_SIZE
from hw.coprocessor.simulated_light import Light
from hw.coprocessor.simulator import SimulatedCoprocessor
from models.face import FaceModels

UNIT = "unit-demo"
SITE = "site-demo"
OFFICERS = {"o-101": "480273", "o-102": "915604"}
APPROVERS = {"医务科": "示例审批人甲", "护理部": "示例审批人乙"}
"""Who approves officers' accounts at the gateway, by department."""
PASSWORDS = {"示例审批人甲": "gate-lantern-47", "示例审批人乙": "river-copper-92"}
"""Of the approvers."""

Say = Callable[[str], None]


class Broker(Protocol):
    """A broker as a process that can be pulled away. It ends with the stage, whatever state it is in."""

    def start(self) -> None:
        """Start, and return when clients can connect; does nothing while it runs."""

    def kill(self) -> None:
        """SIGKILL."""

    def stop(self) -> None:
        """Shut down in order; does nothing when it does not run."""


MakeBroker = Callable[[Path, int], Broker]
"""Makes a broker from the folder that ``vernix-provision site init`` made for it, and its port."""


class EntranceDevice(Protocol):
    """A co-processor that somebody can press a button on; simulated, or the real firmware.

    ``light`` is told what its ring shows.
    """

    light: Light

    @property
    def uri(self) -> str:
        """As the configuration names it."""

    @property
    def locked(self) -> bool:
        """Whether the lock is energised."""

    def press_emergency(self) -> None:
        """Somebody presses the emergency button."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


MakeCoprocessor = Callable[[bytes], EntranceDevice]
"""Makes a co-processor that holds the given event key."""


class Stage:
    """Sets everything up on entering and stops everything it started on leaving."""

    unit_options: tuple[str, ...] = ()
    """For ``vernix run``, beside the configuration."""

    def __init__(
        self,
        say: Say,
        kiosk_port: int | None = None,
        make_broker: MakeBroker = DemoBroker,
        make_coprocessor: MakeCoprocessor = SimulatedCoprocessor,
    ) -> None:
        """Prepare.

        Args:
            say: is told what is being done.
            kiosk_port: where the unit's screen is; None: any free port.
            make_broker: makes the broker; the embedded one if nothing else is said.
            make_coprocessor: makes the co-processor with an event key; the simulated one if nothing else is said.
        """
        self._say = say
        self._make_broker, self._make_coprocessor = make_broker, make_coprocessor
        self._kiosk_port = kiosk_port or free_port()
        self._open = ExitStack()
        self.officer: str | None = next(iter(OFFICERS))
        """Who comes on duty when the unit starts; None: nobody."""
        self.unit: Process | None = None
        self.gateway_process: Process | None = None
        self._screen: Screen | None = None

    def __enter__(self) -> Self:
        self._open = ExitStack()
        try:
            self._build(self._open)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        with uninterrupted():
            self._open.close()

    def _build(self, stack: ExitStack) -> None:
        with uninterrupted():
            self.folder = stack.enter_context(stage_folder())
        self._say("models: load the weights, cut ID photos and scenes")
        self.studio = Studio(FaceModels.load())
        self._event_key = secrets.token_bytes(KEY_SIZE)
        with temporary_files_in(self.folder):
            self.reader: SimulatedReader = stack.enter_context(SimulatedReader())
            self.coprocessor = stack.enter_context(self._make_coprocessor(self._event_key))
        self.room = Room(self.folder, self.studio)
        self._asked: str | None = None
        self.coprocessor.light = self.room.light.shine
        self._say("site: authority, gateway and broker keys, one unit, two officers")
        self._provision()
        self._say("broker: starts, TLS with client certificates")
        self.broker = self._make_broker(self.folder / "site/broker", self._port)
        stack.callback(self.broker.stop)
        self.broker.start()
        self._say("gateway: connects")
        stack.callback(self.stop_gateway)
        self.start_gateway()
        stack.callback(self.stop_unit)
        self._say("unit: starts")
        self.start_unit()

    # --- set-up --------------------------------------------------------------------------------------------------

    def _provision(self) -> None:
        self._port = free_port()
        site, unit = self.folder / "site", self.folder / "unit"
        self._command(
            "provisioning",
            "site",
            "init",
            str(site),
            "--site",
            SITE,
            "--broker-host",
            HOST,
            "--broker-port",
            str(self._port),
        )
        self._command(
            *(
                "provisioning",
                "unit",
                "enrol",
                "--site",
                str(site),
                "--unit",
                UNIT,
                "--into",
                str(unit),
                "--checkpoint",
                "delivery",
            ),
            *("--card-reader", self.reader.uri, "--camera", self.room.uri),
        )
        for officer, pin in OFFICERS.items():
            words = ("officer", "add", str(unit), "--id", officer, "--role", "officer", "--pin-stdin")
            self._command("provisioning", *words, given=pin + "\n")
        self.unit_toml, self.gateway_toml = unit / "unit.toml", site / "gateway/gateway.toml"
        with self.gateway_toml.open("a", encoding="utf-8") as file:
            for department, name in APPROVERS.items():
                file.write(f'\n[[officers.approvers]]\nname = "{name}"\ndepartment = "{department}"\n')
        self.name_policy("neutral")
        (unit / "coprocessor.key").write_text(self._event_key.hex() + "\n", "ascii")
        text = self.unit_toml.read_text("utf-8")
        for pattern, line in (
            (r"^port = 8080$", f"port = {self._kiosk_port}"),
            (r"^\[devices\]$", f'[devices]\ncoprocessor = "{self.coprocessor.uri}"'),
            (r"^\[keys\]$", '[keys]\ncoprocessor = "coprocessor.key"'),
        ):
            text = re.sub(pattern, line, text, flags=re.MULTILINE)
        self.unit_toml.write_text(text, "utf-8")

    def name_policy(self, name: str) -> None:
        """Let the gateway go by the shipped pack ``name``, which is the unit's too."""
        self.gateway_toml.with_name("policy.toml").write_bytes(pack_path(name).read_bytes())
        text = re.sub(r"^policy = .*\n", "", self.gateway_toml.read_text("utf-8"), flags=re.MULTILINE)
        self.gateway_toml.write_text(text.replace("[gateway]\n", '[gateway]\npolicy = "policy.toml"\n', 1), "utf-8")

    def enrol_approvers(self) -> None:
        """Give those who approve officers' accounts their passwords, as each would type it."""
        for name, password in PASSWORDS.items():
            words = ("--config", str(self.gateway_toml), "approver", "password", name)
            self._command("gateway", *words, given=password + "\n")

    @staticmethod
    def _command(module: str, *arguments: str, given: str = "") -> None:
        done = finished("-m", module, *arguments, given=given)
        if done.returncode:
            raise DemoError(f"{module} {' '.join(arguments[:2])}: {done.stderr.strip()}")

    # --- the unit ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the unit's screen is: under the name that security keys belong to."""
        return f"http://localhost:{self._kiosk_port}/"

    @property
    def screen(self) -> Screen:
        """The page that is open on the unit."""
        if self._screen is None:
            raise DemoError("the unit is not running")
        return self._screen

    def start_unit(self) -> None:
        """Start the unit and open its page.

        Raises:
            DemoError: it does not come up; the text has the end of its log.
        """
        log = self.folder / "unit.log"
        with uninterrupted():
            self.unit = unit = Process("daemon.cli", ["run", *self.unit_options, "--config", str(self.unit_toml)], log)
        try:
            self._screen = Screen(self._kiosk_port, lambda: unit.running)
            self._screen.told = self._obey
            self._screen.wait("the unit's first view", lambda view: "step" in view)
        except DemoError as error:
            raise DemoError(f"{error}; the unit's log ends with: {unit.last_words}") from error
        if self.officer is not None:
            self._screen.touch("log_in", officer=self.officer, pin=OFFICERS[self.officer])

    def kill_unit(self) -> None:
        """Pull the unit's plug."""
        if self.unit is not None:
            self.unit.kill()
        self._leave_screen()

    def stop_unit(self) -> None:
        """Stop the unit in order."""
        unit, self.unit = self.unit, None
        self._leave_screen()
        if unit is not None and unit.running and (status := unit.stop()):
            raise DemoError(f"the unit ended with status {status}; its log ends with: {unit.last_words}")

    def _leave_screen(self) -> None:
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    # --- what happens in front of it -----------------------------------------------------------------------------

    def look(self, person: Person | None, kind: Kind = Kind.LIVE, act: Act = Act.STILL) -> None:
        """``person`` stands in front of the camera, or her picture as an attack of that kind; None: nobody."""
        self.room.stand(person, kind, act)

    def _obey(self, view: View) -> None:
        """Whoever stands there reads the screen."""
        asked = view.get("asked")
        if asked != self._asked and asked in set(Act):
            self.room.obey(Act(asked))
        self._asked = asked

    def wait_for_door(self, *, locked: bool, within_s: float = 10.0) -> None:
        """Wait until the door is as it should be.

        Raises:
            DemoError: it is not within ``within_s``.
        """
        deadline_s = time.monotonic() + within_s
        while self.coprocessor.locked is not locked:
            if time.monotonic() > deadline_s:
                raise DemoError(f"waited {within_s:g} s for the door to be {'locked' if locked else 'open'}")
            time.sleep(0.02)

    # --- the hospital's side ---------------------------------------------------------------------------------------

    def start_gateway(self) -> None:
        """Start the gateway; it connects by itself."""
        arguments = ["--config", str(self.gateway_toml), "run"]
        with uninterrupted():
            self.gateway_process = Process("gateway.cli", arguments, self.folder / "gateway.log")

    def kill_gateway(self) -> None:
        """Pull the gateway's plug."""
        if self.gateway_process is not None:
            self.gateway_process.kill()

    def stop_gateway(self) -> None:
        """Stop the gateway in order."""
        gateway, self.gateway_process = self.gateway_process, None
        if gateway is not None and gateway.running and (status := gateway.stop()):
            raise DemoError(f"the gateway ended with status {status}; its log ends with: {gateway.last_words}")

    def gateway(self, *arguments: str) -> list[dict[str, Any]]:
        """What ``vernix-gateway ... --json`` prints, a dict a line."""
        done = finished("-m", "gateway.cli", "--config", str(self.gateway_toml), *arguments)
        if done.returncode > 1:
            raise DemoError(f"vernix-gateway {arguments[0]}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def verify(self) -> dict[str, Any]:
        """Export the unit's records at the gateway and verify them with ``vernix verify``; its JSON."""
        bundle = self.folder / "bundle.jsonl"
        bundle.unlink(missing_ok=True)
        self.gateway("export", UNIT, str(bundle))
        authority = self.folder / "site/authority/authority.pem"
        done = finished("-m", "daemon.cli", "verify", str(bundle), "--authority", str(authority), "--json")
        if done.returncode > 1:
            raise DemoError(f"vernix verify: {done.stderr.strip()}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def resident_mb(self) -> int:
        """Resident memory of the unit's process, in MB (camera process apart)."""
        if self.unit is None:
            raise DemoError("the unit is not running")
        status = Path(f"/proc/{self.unit.pid}/status").read_text("ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) // 1024 if found else 0
