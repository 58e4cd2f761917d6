"""One printer over IPP: HTTP, with TLS where its URI says so. Each call is one request, bounded in time and size."""

from __future__ import annotations

import http.client
import itertools
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from daemon.printing import ipp
from daemon.printing.ipp import Answer, JobState, MalformedAnswer, Operation, PrinterState, Tag

PORT = 631
TIMEOUT_S = 5.0
_LARGEST_ANSWER = 1 << 20
_PDF = "application/pdf"
_PAPER_OUT = re.compile(r"(media-empty|media-needed)(-error|-warning|-report)?")
_JOB_OVER = (JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED)


class PrinterGone(Exception):
    """The printer does not answer; try again later."""


class PrinterRefuses(Exception):
    """The printer answers, and does not take what it is given; a person must look."""


class BadPrinterUri(ValueError):
    """No printer can be at this URI."""


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer says of itself."""

    stopped: bool
    paper_out: bool
    accepts: bool
    takes_pdf: bool


class Printer:
    """The printer at ``uri``: ``ipp://host[:631]/path``, or ``ipps://``."""

    def __init__(self, uri: str, authority: Path | None = None) -> None:
        """Open nothing yet.

        Args:
            uri: see above.
            authority: PEM file that the printer's certificate is checked by: an authority's, or the printer's own;
                None: the system's authorities.

        Raises:
            BadPrinterUri: see there.
        """
        parts = urlsplit(uri)
        try:
            port = parts.port or PORT
        except ValueError:
            raise BadPrinterUri("the port is not a number") from None
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname or parts.username or not parts.path.strip("/"):
            raise BadPrinterUri("expected ipp://HOST/PATH or ipps://HOST/PATH, as in ipp://printer.internal/ipp/print")
        self.uri = uri
        self._host, self._port, self._path = parts.hostname, port, parts.path
        self._tls = parts.scheme == "ipps"
        self._authority = authority
        self._numbers = itertools.count(1)

    def status(self) -> PrinterStatus:
        """How the printer is.

        Raises:
            PrinterGone, PrinterRefuses: see there.
        """
        got = self._ask(Operation.GET_PRINTER_ATTRIBUTES)
        reasons = [str(one) for one in got.attributes.get("printer-state-reasons", ())]
        return PrinterStatus(
            stopped=got.one("printer-state") == PrinterState.STOPPED,
            paper_out=any(_PAPER_OUT.fullmatch(one) for one in reasons),
            accepts=got.one("printer-is-accepting-jobs") is not False,
            takes_pdf=_PDF in got.attributes.get("document-format-supported", (_PDF,)),
        )

    def print_pdf(self, pdf: bytes) -> int:
        """Hand a document over; the job's number. Its name says nothing.

        Raises:
            PrinterGone, PrinterRefuses: see there.
        """
        named = ((Tag.NAME, "job-name", "Vernix"), (Tag.MIME, "document-format", _PDF))
        number = self._ask(Operation.PRINT_JOB, named, pdf).one("job-id")
        if not isinstance(number, int):
            raise PrinterRefuses("the printer took the document and gave no job")
        return number

    def is_over(self, job: int) -> JobState | None:
        """How the job ended; None while it is under way. A printer that has forgotten it has completed it.

        Raises:
            PrinterGone, PrinterRefuses: see there.
        """
        got = self._exchange(Operation.GET_JOB_ATTRIBUTES, ((Tag.INTEGER, "job-id", job),), b"")
        if got.status == _NOT_FOUND:
            return JobState.COMPLETED
        state = self._done(got).one("job-state")
        return next((one for one in _JOB_OVER if one == state), None)

    def cancel(self, job: int) -> None:
        """Take a job back.

        Raises:
            PrinterGone, PrinterRefuses: see there; a job that is over cannot be taken back.
        """
        self._ask(Operation.CANCEL_JOB, ((Tag.INTEGER, "job-id", job),))

    def _ask(
        self, operation: Operation, more: tuple[tuple[Tag, str, ipp.Value], ...] = (), data: bytes = b""
    ) -> Answer:
        return self._done(self._exchange(operation, more, data))

    def _done(self, got: Answer) -> Answer:
        if got.status in _AGAIN:
            raise PrinterGone(f"{self.uri}: busy (IPP status {got.status:#06x})")
        if not got.ok:
            raise PrinterRefuses(f"{self.uri}: IPP status {got.status:#06x}")
        return got

    def _exchange(self, operation: Operation, more: tuple[tuple[Tag, str, ipp.Value], ...], data: bytes) -> Answer:
        who = (Tag.NAME, "requesting-user-name", "vernix")
        job = [one for one in more if one[1] == "job-id"]  # RFC 8011, 4.3.1: the target stands first
        body = ipp.request(
            operation, next(self._numbers), self.uri, (*job, who, *(one for one in more if one not in job))
        )
        connection = self._connection()
        try:
            connection.request("POST", self._path, body + data, {"Content-Type": ipp.CONTENT_TYPE})
            response = connection.getresponse()
            content = response.read(_LARGEST_ANSWER)
            if response.status != http.client.OK:
                raise PrinterRefuses(f"{self.uri}: HTTP status {response.status}")
            return ipp.answer(content)
        except ssl.SSLCertVerificationError as error:
            raise PrinterRefuses(f"{self.uri}: its certificate is not that of printing.authority") from error
        except (OSError, http.client.HTTPException) as error:
            raise PrinterGone(f"{self.uri}: {type(error).__name__}") from error
        except MalformedAnswer as error:
            raise PrinterRefuses(f"{self.uri}: {error}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            context = ssl.create_default_context(cafile=self._authority)
        except OSError as error:
            raise PrinterRefuses(f"{self._authority}: {type(error).__name__}") from error
        return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)


_NOT_FOUND = 0x0406
_AGAIN = (0x0502, 0x0503, 0x0505, 0x0506, 0x0507)
"""Service unavailable, temporary error, not accepting, busy (RFC 8011, 5.4.15.3; client retries)."""
