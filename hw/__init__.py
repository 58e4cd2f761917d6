"""Everything that touches a wire or a pin. One folder a device; the same file names in each.

``codec.py`` turns bytes into events and back, without I/O or clock. ``driver.py`` waits, retries and recovers.
``simulator.py`` is an independent device that speaks the same wire. A driver never knows its simulator.
"""
