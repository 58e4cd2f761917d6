"""What Vernix' MicroPython for the RP2040 has built in.

In MicroPython's ports/rp2: make BOARD=RPI_PICO FROZEN_MANIFEST=(this file). Its own _boot.py is left out for ours.
"""

# The names are those of MicroPython's manifest language.
freeze(".", "_boot.py")
freeze("$(PORT_DIR)/modules", "rp2.py")
require("neopixel")
