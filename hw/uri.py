"""Device URIs of the configuration: ``scheme:path?option=value``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from hw.errors import BadDeviceUri

SCHEMES = ("serial", "sim", "picamera", "v4l2", "replay", "i2c", "gpio", "none")


@dataclass(frozen=True, slots=True)
class DeviceUri:
    """One parsed device address.

    ``path`` is what the operating system opens (``/dev/ttyUSB0``), a camera number, or empty; ``options`` are the
    query's pairs. ``str()`` gives the text of the configuration back.
    """

    text: str
    scheme: str
    path: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, text: str) -> DeviceUri:
        """Parse ``text``.

        Raises:
            BadDeviceUri: it is no URI, the scheme is unknown or an option is written twice.
        """
        try:
            parts = urlsplit(text)
        except ValueError as error:  # a bracket is read as an IPv6 address
            raise BadDeviceUri(text, str(error)) from error
        if parts.scheme not in SCHEMES:
            raise BadDeviceUri(text, f"unknown scheme {parts.scheme!r}; known: {', '.join(SCHEMES)}")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        options = dict(pairs)
        if len(options) != len(pairs):
            raise BadDeviceUri(text, "an option is given twice")
        return cls(text, parts.scheme, unquote(parts.netloc + parts.path), MappingProxyType(options))

    def number(self, option: str, default: int) -> int:
        """The integer value of ``option``.

        Raises:
            BadDeviceUri: the value is not an integer.
        """
        value = self.options.get(option)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise BadDeviceUri(self.text, f"option {option!r} must be an integer, not {value!r}") from None

    def __str__(self) -> str:
        return self.text
