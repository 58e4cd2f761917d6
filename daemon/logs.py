"""Structured logs: one JSON object a line on standard error, for the journal. Never a person's data.

Modules log short sentences with numbers, ids and device URIs; the fields of a card, a visit's number or an officer's
PIN are never arguments of a log call. Of an exception only its type and place are logged: its text may quote input.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "logger", "text"}``, and for an exception its type and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        entry: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            entry["where"] = [f"{frame.filename}:{frame.lineno}" for frame in frames[-5:]]
        return json.dumps(entry, ensure_ascii=False)


def start_logging(level: int = logging.INFO) -> None:
    """Send every log line of the process to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # The page's server would log each request with its path; the kiosk logs what matters itself.
    logging.getLogger("uvicorn.access").disabled = True
