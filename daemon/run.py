"""``vernix run``: the unit's process, its folder locked and its devices asked, until somebody stops it."""

from __future__ import annotations

import logging

from daemon import devices
from daemon.assembly import Assembly
from daemon.config import Config
from daemon.lock import DataFolder
from evidence.console import stopped_by_signal
from hw.errors import HardwareError
from hw.private_memory import keep_memory_private

log = logging.getLogger(__name__)


def _ask_devices(config: Config, *, degraded: bool) -> dict[str, str]:
    said = {}
    for name in devices.NAMES:
        try:
            said[name] = devices.ask(config, name)
        except HardwareError as error:
            if not degraded:
                raise
            log.warning("goes on without %s: %s; %s", name, error, error.advice)
    return said


def run(config: Config, *, degraded: bool = False) -> BaseException | None:
    """Run the unit until SIGTERM or SIGINT; what it died of, or None.

    Args:
        degraded: start also when a device is missing; officers then decide what it would have told.

    Raises:
        As :class:`Assembly`; DataFolderBusy if another process runs this unit; HardwareError if a device is missing.
    """
    keep_memory_private()
    with DataFolder(config.unit.data):
        assembly = Assembly(config)
        camera = _ask_devices(config, degraded=degraded).get("camera", devices.NONE_FITTED)
        if camera != devices.NONE_FITTED:
            assembly.unit.faces.own.saw(camera)
        with stopped_by_signal(assembly.supervisor.stop.set):
            return assembly.run()
