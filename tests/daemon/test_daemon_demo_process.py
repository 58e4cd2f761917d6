"""Commands that the demo's stage runs to their end, or to its own."""

import os
import signal
import threading

import psutil
import pytest

from daemon.demo.process import finished


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
