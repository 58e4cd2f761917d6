"""Commands that the demo's stage runs to their end, or to its own."""

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from daemon.demo import process
from daemon.demo.process import finished
from daemon.demo.screen import DemoError
from tests.support import ROOT
from tests.support.brokers import wait_for


def test_what_a_command_says_and_how_it_ended():
    told = finished(
        "-c", "import sys; print(input() + '!'); print('beside', file=sys.stderr); sys.exit(3)", given="hm\n"
    )
    assert (told.stdout, told.stderr, told.returncode) == ("hm!\n", "beside\n", 3)


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.005, 0.01, 0.5])
def test_an_interrupted_command_has_ended_and_was_waited_for(after_s: float):
    """It takes no notice of Ctrl-C, which may come while it is started, and could still write where all is removed."""
    me = psutil.Process()
    before = {child.pid for child in me.children()}
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted(after_s)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert {child.pid for child in me.children()} <= before


def interrupted(after_s: float) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background begins with it ignored
    threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGINT)).start()
    finished("-c", "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)")


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def test_one_that_does_not_stop_is_killed_and_its_last_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deaf.py").write_text(DEAF, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{tmp_path}")
    monkeypatch.setattr(process, "_STOP_S", 0.2)
    child = process.Process("deaf", [], tmp_path / "unit.log")
    wait_for(lambda: "deaf" in child.last_words, "the child")
    with pytest.raises(DemoError, match=r"^unit did not stop within 0\.2 s; its log ends with: deaf$"):
        child.stop()
    assert not child.running
