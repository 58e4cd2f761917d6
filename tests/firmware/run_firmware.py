"""Runs on MicroPython: the firmware's own main, with limits from the command line (``silent_ms=300``)."""

import sys

import machine
import main
from coprocessor.safety import Limits

machine.micropython.kbd_intr(-1)
main.main(Limits(**{name: int(value) for name, value in (word.split("=") for word in sys.argv[1:])}))
