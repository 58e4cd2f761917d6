"""Console scripts that are stopped, or that nobody reads: an exit status and no word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from evidence.console import INTERRUPTED, UNREAD, quietly, stopped_by_signal
from tests.support import ROOT
from tests.support.signals import take_signal

PACKAGES = ("daemon", "gateway", "provisioning")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def python(*arguments: str, folder: Path = ROOT) -> subprocess.Popen[bytes]:
    environment = ENVIRONMENT | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.Popen(
        # Whoever runs the tests in the background has this ignored, and children inherit that.
        ["env", "--default-signal=INT", sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("status", [0, 1, 3])
def test_status_is_handed_on(status: int) -> None:
    assert quietly(lambda: status) == status


def test_other_errors_keep_their_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        quietly(lambda: 1 // 0)


def test_interrupted_while_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    with python(
        "-c", "import sys; from evidence.console import start; sys.exit(start('slow'))", folder=tmp_path
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == b"importing\n"
        one.send_signal(signal.SIGINT)
        assert one.communicate(timeout=20) == (b"", b"")
    assert one.returncode == INTERRUPTED


@pytest.mark.parametrize("package", PACKAGES)
def test_reader_is_gone(package: str) -> None:
    with python("-m", package, "--help") as one:
        assert one.stdout is not None
        assert one.stderr is not None
        one.stdout.close()  # long before anything is printed
        assert one.stderr.read() == b""
    assert one.returncode == UNREAD


def test_reader_is_gone_in_the_middle() -> None:
    script = (
        "import sys; from evidence.console import quietly; sys.exit(quietly(lambda: [print(n) for n in range(10**6)]))"
    )
    with python("-c", script) as one:
        assert one.stdout is not None
        assert one.stderr is not None
        assert one.stdout.readline() == b"0\n"
        one.stdout.close()
        assert one.stderr.read() == b""
    assert one.returncode == UNREAD


@pytest.mark.parametrize("package", PACKAGES)
def test_entry_imports_nothing_that_takes_time(package: str) -> None:
    """A Ctrl-C that comes while the rest is imported is then caught."""
    script = f"import sys, {package}.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {f"{package}.cli", "numpy", "cryptography", "argparse"} & set(done.stdout.split())


def test_installed_scripts_are_those_entries() -> None:
    lines = (ROOT / "setup.cfg").read_text("utf-8").splitlines()
    found = {line.split(" = ")[0].strip(): line.split(" = ")[1] for line in lines if line.endswith(":main")}
    names = dict(zip(PACKAGES, ("vernix", "vernix-gateway", "vernix-provision"), strict=True))
    assert found == {name: f"{package}.__main__:main" for package, name in names.items()}


WAITS = """
import threading
from evidence.console import stopped_by_signal
stop = threading.Event()
other = threading.Thread(target=threading.Event().wait, daemon=True)
other.start()
with stopped_by_signal(stop.set):
    print(other.native_id, flush=True)
    stop.wait()
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("taken_by", ["main thread", "another thread"])
def test_stopped_by_signal_whichever_thread_takes_it(number: signal.Signals, taken_by: str) -> None:
    with python("-c", WAITS) as one:
        assert one.stdout is not None
        other = int(one.stdout.readline())
        take_signal(one.pid, other if taken_by == "another thread" else one.pid, number)
        assert one.communicate(timeout=20) == (b"stopped\n", b"")
    assert one.returncode == 0


def test_other_signals_stop_nothing() -> None:
    came, stopped = threading.Event(), threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: came.set())
    try:
        with stopped_by_signal(stopped.set):
            signal.raise_signal(signal.SIGUSR1)
            assert came.wait(10)
        assert not stopped.is_set()  # whoever listens has ended, and had this one before
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_after_the_block_is_the_programs_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signal(lambda: None):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.set_wakeup_fd(-1) == -1
    assert "signals" not in [thread.name for thread in threading.enumerate()]
