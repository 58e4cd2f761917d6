"""Mounts the file system on all of the flash but its last 64 KiB, which hold the ring of events.

Built into Vernix' MicroPython in place of the port's own file of that name, see manifest.py.
"""

import rp2
import vfs

RING_BYTES = 65536

_whole = rp2.Flash()
_size = int(_whole.ioctl(4, 0) or 0) * int(_whole.ioctl(5, 0) or 0)
_part = rp2.Flash(start=0, len=_size - RING_BYTES)
try:
    _system = vfs.VfsLfs2(_part, progsize=256)
except OSError:
    vfs.VfsLfs2.mkfs(_part, progsize=256)
    _system = vfs.VfsLfs2(_part, progsize=256)
vfs.mount(_system, "/")
