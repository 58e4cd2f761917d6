"""Runs a module as ``python -m`` does, in a process that dies as soon as its parent does, whatever the parent died of.

``python -m daemon.demo.tied MODULE [ARGUMENT ...]``, with a pipe from the parent as standard input. The parent writes
nothing; the kernel closes its end when it dies. A unit outside the demo is not started this way and needs no parent.
"""

from __future__ import annotations

import os
import runpy
import sys

from hw.camera.capture import die_with_parent


def main() -> None:
    """Entry point of the child process. Killed, not asked to end: nobody is left who could read what it writes."""
    die_with_parent(os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # for the module, and for what it starts
    os.close(nothing)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
