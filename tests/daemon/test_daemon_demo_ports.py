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


def test_what_one_has_chosen_is_held_until_it_ends():
    """Two whose ways meet: neither has bound a port yet."""
    asks = [
        sys.executable,
        "-c",
        "import os\nos.getpid = lambda: 7\nfrom daemon.demo.ports import free_port\n"
        "print(*(free_port() for _ in range(20)), flush=True)\ninput()",
    ]
    chosen = []
    for _ in range(2):
        with subprocess.Popen(asks, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
            assert first.stdout is not None
            one = {*first.stdout.readline().split()}
            other = {*subprocess.run(asks, input="\n", capture_output=True, text=True, timeout=60).stdout.split()}
            first.communicate("\n", timeout=60)
        assert len(one) == len(other) == 20
        assert not one & other
        chosen.append(one)
    assert chosen[0] & chosen[1], "free again when they have ended"
