"""Ports that stay free until they are used."""

import socket
import subprocess
import sys
from pathlib import Path

from daemon.demo.ports import HOST, free_port


def test_the_system_gives_them_to_no_connection():
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    assert all(free_port() < lowest for _ in range(300))


def test_none_twice_and_none_that_is_taken():
    first = free_port()
    with socket.create_server((HOST, first + 1)):
        later = [free_port() for _ in range(300)]
    assert len({first, *later}) == 301
    assert first + 1 not in later


def test_programs_side_by_side_take_others():
    asks = [sys.executable, "-c", "from daemon.demo.ports import free_port\nprint(*(free_port() for _ in range(100)))"]
    both = [subprocess.Popen(asks, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    one, other = ({*program.communicate(timeout=60)[0].split()} for program in both)
    assert len(one) == len(other) == 100
    assert not one & other
