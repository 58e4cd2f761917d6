"""The demo's embedded broker: amqtt (MQTT 3.1.1) over TLS in a child process that can be killed and started again.

Only clients with a certificate of the site's authority get in. amqtt itself can only make client certificates
optional, so the TLS listener is our own and hands each accepted connection to amqtt (its ``external`` listener).
Nothing is kept on disk: after a restart sessions and retained messages are gone, as after a broker's worst day. And
amqtt forgets a message that was on its way to a client whose connection broke; mosquitto sends it again.

Alone: ``python -m daemon.demo.broker FOLDER PORT``, where FOLDER has authority.pem, server.pem and server.key.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import select
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Self

from daemon.demo.ports import HOST
from daemon.demo.screen import DemoError

_READY = b"ready\n"
_START_S = 20.0
_STOP_S = 5.0


class BrokerStartError(DemoError):
    """The embedded broker did not come up; the message has what it said."""


class DemoBroker:
    """The broker's child process, on 127.0.0.1. Use as a context manager, or ``start`` and ``stop`` at will.

    The child ends by itself when this process dies, whatever way.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Prepare.

        Args:
            folder: has authority.pem, server.pem and server.key (``vernix-provision site init`` makes it).
            port: TCP port; the caller picks a free one, and it stays the same through restarts.
        """
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and return when clients can connect. Does nothing while it runs.

        Raises:
            BrokerStartError: a file is unusable, the port is taken, or amqtt is not installed.
        """
        if self._process is not None:
            return
        command = [sys.executable, "-m", "daemon.demo.broker", str(self.folder), str(self.port)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            process_group=0,
        )
        if not _says_ready(self._process):
            self._process.kill()
            _, said = self._process.communicate()
            self._process = None
            last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise BrokerStartError(f"the embedded broker did not start on port {self.port}: {last[0]}")

    def stop(self) -> None:
        """Shut down in order; clients see their connection end. Does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: gone from one moment to the next. :meth:`start` brings an empty broker back."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """This process's environment, with this very package importable in the child."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, path] if path else [root])}


def _says_ready(process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_S
    said = b""
    while process.stdout is not None and (left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            piece = os.read(process.stdout.fileno(), len(_READY))
            said += piece
            if said == _READY or not piece:
                break
    return said == _READY


def server_context(folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client must show a certificate of the authority.

    Raises:
        OSError: a file is missing or damaged (``ssl.SSLError`` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.pem", folder / "server.key", password="")
    context.load_verify_locations(cafile=folder / "authority.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(folder: Path, port: int, owner: IO[bytes]) -> None:
    """Run the broker until SIGTERM, or until ``owner`` (the parent's end of stdin) closes.

    Raises:
        OSError: the port is taken, or a file of ``folder`` is unusable.
    """
    # Here and not at the top: the demo says what is missing when the extra `dev` is not installed.
    from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

    listeners = {"default": ListenerConfig(type=ListenerType.EXTERNAL)}
    broker = Broker(BrokerConfig(listeners=listeners, plugins={"daemon.demo.broker_access.CertificateHolders": {}}))

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), "default")

    await broker.start()
    server = await asyncio.start_server(accept, HOST, port, ssl=server_context(folder), ssl_handshake_timeout=5)
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    await _until_told(owner)
    server.close()
    await broker.shutdown()


async def _until_told(owner: IO[bytes]) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_signal_handler(signal.SIGINT, told.set)
    loop.add_reader(owner.fileno(), told.set)
    await told.wait()
    loop.remove_reader(owner.fileno())


def main() -> int:
    """Entry point of the child process. Exit status 3: the environment (files, port, amqtt)."""
    parser = argparse.ArgumentParser(prog="python -m daemon.demo.broker", description="The demo's embedded broker.")
    parser.add_argument("folder", type=Path, help="has authority.pem, server.pem and server.key")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    # amqtt reports every client that goes away as a warning or worse.
    logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)
    try:
        asyncio.run(serve(arguments.folder, arguments.port, sys.stdin.buffer))
    except ImportError:
        print("amqtt is not installed: pip install vernix[dev]", file=sys.stderr)
        return 3
    except OSError as error:
        print(f"{arguments.folder}, port {arguments.port}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
