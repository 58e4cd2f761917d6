"""What ``keep_memory_private`` does to a real process, read where the kernel says it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

CODE = """
import ctypes, os
from hw.private_memory import keep_memory_private
keep_memory_private()
limits = next(line for line in open("/proc/self/limits") if line.startswith("Max core file size"))
print(*limits.split()[4:6], ctypes.CDLL(None).prctl(3), flush=True)
os.abort()
"""


def test_no_dump_and_no_look_inside(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "0", "0"]
    assert done.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []
