"""The demo's embedded broker: who gets in, and how it comes and goes."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from daemon.demo.broker import BrokerStartError, DemoBroker
from daemon.demo.ports import HOST, free_port
from daemon.mqtt import Cause
from tests.daemon.mqtt_probe import Probe, address_of
from tests.support import ROOT
from tests.support.brokers import Site, wait_for


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


def test_client_without_a_certificate_is_refused(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.authority))
    connect = bytes.fromhex("100d00044d5154540402003c000161")  # MQTT 3.1.1, client "a", clean session
    with DemoBroker(site.folder, free_port()) as broker:
        answer = b""
        with (
            socket.create_connection((HOST, broker.port), 5) as raw,
            contextlib.suppress(OSError),
            context.wrap_socket(raw, server_hostname=HOST) as tls,
        ):
            tls.sendall(connect)
            answer = tls.recv(4)
        assert answer == b""
        assert listens(broker.port)


def test_client_of_another_site_is_refused(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    with (
        DemoBroker(site.folder, free_port()) as broker,
        Probe(address_of(site, broker.port, identity=other.client("unit-1"))) as probe,
    ):
        wait_for(lambda: sum(probe.link.counters.attempts.values()) >= 3, "some attempts")
        # asyncio drops the connection before the alert that would say why.
        assert {state.cause for state in probe.states} <= {Cause.LOST, Cause.CERTIFICATE}


def test_comes_and_goes_on_the_same_port(site: Site) -> None:
    broker = DemoBroker(site.folder, free_port())
    broker.stop()  # not running: nothing to do
    for end in (broker.stop, broker.kill, broker.stop):
        broker.start()
        broker.start()  # running: nothing to do
        assert listens(broker.port)
        end()
        assert not listens(broker.port)


def test_stops_quickly_with_a_client_connected(site: Site) -> None:
    with DemoBroker(site.folder, free_port()) as broker, Probe(address_of(site, broker.port)) as probe:
        probe.wait_connected()
        broker.stop()
        probe.wait_cause(Cause.LOST)


def test_port_taken(site: Site) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(BrokerStartError, match=f"port {port}: .*in use"):
            DemoBroker(site.folder, port).start()


def test_folder_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(BrokerStartError, match="No such file"):
        DemoBroker(tmp_path, free_port()).start()


def test_goes_when_its_owner_is_killed(site: Site) -> None:
    port = free_port()
    script = (
        "import sys, time; from pathlib import Path; from daemon.demo.broker import DemoBroker\n"
        "DemoBroker(Path(sys.argv[1]), int(sys.argv[2])).start(); print('up', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(site.folder), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        (child,) = psutil.Process(owner.pid).children()
        owner.kill()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the broker to end")


def test_explains_itself() -> None:
    command = [sys.executable, "-m", "daemon.demo.broker", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "authority.pem" in done.stdout
