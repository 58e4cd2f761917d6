"""The process: its logs, its lock, its word to systemd, and its threads."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon import logs, sd_notify
from daemon.lock import DataFolder, DataFolderBusy, DataFolderUnusable
from daemon.supervisor import Supervisor
from tests.support import ROOT

SECRET = "示例甲-SECRET"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger that writes as the daemon's does."""
    stream, logger = io.StringIO(), logging.Logger("daemon.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger.addHandler(handler)
    yield logger, stream
    handler.close()


def test_every_line_is_an_object(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.info("check %s: %d ms", "0197", 5)
    logger.warning('a "quoted" line\nand another \u2028 一')
    first, second = [json.loads(line) for line in stream.getvalue().split("\n") if line]
    assert (first["level"], first["logger"], first["text"]) == ("info", "daemon.test", "check 0197: 5 ms")
    assert second["text"] == 'a "quoted" line\nand another \u2028 一'
    assert first["time"][10] == "T"


def test_text_of_an_exception_is_not_logged(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"the number of {SECRET}") from error
    except ValueError:
        logger.exception("it failed")
    entry = json.loads(stream.getvalue())
    assert (entry["error"], entry["text"]) == ("ValueError", "it failed")
    assert entry["where"][-1].startswith(f"{__file__}:")
    assert "SECRET" not in stream.getvalue()


def test_process_logs_json_only() -> None:
    """Also what a thread of its own dies of, and what a library warns about, comes as JSON or without its text."""
    code = (
        "import logging, sys\nfrom daemon import logs\nfrom daemon.supervisor import Supervisor\n"
        "logs.start_logging()\nlogging.getLogger('uvicorn.access').info('GET /secret')\n"
        "logging.getLogger('x').info('hello')\ns = Supervisor()\n"
        "def die():\n    raise ValueError('SECRET')\n"
        "s.start('bad', die)\ns.stop.wait(10)\ns.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["text"] for line in lines] == ["hello", "task bad died: ValueError"]
    assert "SECRET" not in done.stderr


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@vernix-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1) if kind == "abstract" else name)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        sd_notify.notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
    with pytest.raises(OSError, match=r"refused|No such file"):
        sd_notify.notify("STOPPING=1")


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    sd_notify.notify("READY=1")
    assert sd_notify.watchdog_interval_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert sd_notify.watchdog_interval_s() == 10


def test_second_process_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    code = f"from pathlib import Path\nfrom daemon.lock import DataFolder\nwith DataFolder(Path({str(folder)!r})):\n"
    with subprocess.Popen(
        [sys.executable, "-c", code + "    print('mine', flush=True)\n    input()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(DataFolderBusy, match="another process of this unit is running; stop it first"):
            DataFolder(folder)
        other.send_signal(signal.SIGKILL)
    with DataFolder(folder):
        assert folder.stat().st_mode & 0o077 == 0
        with pytest.raises(DataFolderBusy):
            DataFolder(folder)
    with DataFolder(folder):
        pass


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        DataFolderUnusable, match=r"file/data: cannot make the data folder: Not a directory; .*unit\.data"
    ):
        DataFolder(tmp_path / "file" / "data")
    (tmp_path / "data" / "lock").mkdir(parents=True)
    with pytest.raises(DataFolderUnusable, match="cannot write in the data folder: Is a directory"):
        DataFolder(tmp_path / "data")


def _until(event: threading.Event) -> Callable[[], None]:
    def wait() -> None:
        event.wait(30)

    return wait


def test_dead_task_stops_everything() -> None:
    supervisor, ended = Supervisor(), threading.Event()
    error = ValueError("why")

    def die() -> None:
        raise error

    def wait() -> None:
        supervisor.stop.wait(30)
        ended.set()

    supervisor.start("waits", wait)
    assert not supervisor.stop.is_set()
    supervisor.start("dies", die)
    assert supervisor.stop.wait(10)
    assert supervisor.join() == []
    assert supervisor.failure is error
    assert ended.is_set()


def test_task_that_ends_by_itself_is_a_failure() -> None:
    supervisor = Supervisor()
    supervisor.start("short", lambda: None)
    assert supervisor.stop.wait(10)
    assert isinstance(supervisor.failure, RuntimeError)
    assert "short" in str(supervisor.failure)


def test_first_failure_counts_and_late_ones_are_named() -> None:
    supervisor, hold = Supervisor(), threading.Event()
    supervisor.fail("first", KeyError("a"))
    supervisor.fail("second", ValueError("b"))
    assert isinstance(supervisor.failure, KeyError)
    for _ in range(50):
        supervisor.start("slow", _until(hold))
    begun_s = time.monotonic()
    assert supervisor.join(0.2) == ["slow"] * 50
    assert time.monotonic() - begun_s < 5, "the time is for all of them together"
    hold.set()
    assert supervisor.join() == []


def test_orderly_end_is_no_failure() -> None:
    supervisor = Supervisor()
    supervisor.start("waits", _until(supervisor.stop))
    supervisor.stop.set()
    assert supervisor.join() == []
    assert supervisor.failure is None
