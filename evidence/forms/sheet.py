"""What is printed, before it is set: it goes from the process that knows the check to the one that makes the PDF."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from evidence.encoding import json_bytes, json_object
from evidence.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed: the page's name in ``sheets/``, its content (plain JSON), and pictures (PNG, JPEG, SVG)."""

    page: str
    content: dict[str, Any] = field(repr=False)
    pictures: dict[str, bytes] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """For another process."""
        pictures = {name: base64.b64encode(data).decode("ascii") for name, data in self.pictures.items()}
        return json_bytes({"page": self.page, "content": self.content, "pictures": pictures})

    @classmethod
    def from_bytes(cls, data: bytes) -> Sheet:
        """What :meth:`to_bytes` gave.

        Raises:
            MalformedError: it is not.
        """
        values = json_object(data)
        try:
            pictures = {name: base64.b64decode(text, validate=True) for name, text in values["pictures"].items()}
            return cls(str(values["page"]), dict(values["content"]), pictures)
        except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
            raise MalformedError("not a sheet: page, content and pictures are needed") from None
