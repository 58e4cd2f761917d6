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


def test_an_interrupted_command_has_ended_and_was_waited_for():
    """It takes no notice of Ctrl-C, and could still write where everything is being removed."""
    me = psutil.Process()
    before = {child.pid for child in me.children()}
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            finished("-c", deaf)
    finally:
        timer.join()
    assert {child.pid for child in me.children()} <= before
