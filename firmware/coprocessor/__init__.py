"""Firmware of the co-processor. It imports itself and MicroPython; nothing of the host."""
