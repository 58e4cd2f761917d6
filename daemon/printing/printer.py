"""One printer over IPP: HTTP, with TLS where its URI says so. Each call is one request, bounded in time and size."""

from __future__ import annotations

import http.client
import itertools
import re
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from daemon.printing import ipp
from daemon.printing.ipp import Answer, JobState, MalformedAnswer, Operation, PrinterState, Tag
from daemon.printing.line import Line

PORT = 631
_LONGEST_URI = 1023
"""RFC 8011, 5.1.6."""
_PDF = "application/pdf"
_PAPER_OUT = re.compile(r"(media-empty|media-needed)(-error|-warning|-report)?")
_JOB_OVER = (JobState.CANCELED, JobState.ABORTED, JobState.COMPLETED)
_FORGOTTEN = (0x0406, 0x0407)
"""Not found, gone (RFC 8011, B.1.4)."""
_AGAIN = (0x0502, 0x0504, 0x0505, 0x0506, 0x0507)
"""Service unavailable, device error, temporary error, not accepting jobs, busy (RFC 8011, B.1.5): clients try again."""


class PrinterGone(Exception):
    """The printer does not answer; try again later."""


class PrinterBusy(PrinterGone):
    """The printer answers and takes nothing just now; try again later."""


class PrinterRefuses(Exception):
    """The printer answers, and does not take what it is given; a person must look."""


class JobForgotten(Exception):
    """The printer knows nothing of the job any more: whether it came out is not known."""


class BadPrinterUri(ValueError):
    """No printer can be at this URI."""


@dataclass(frozen=True, slots=True)
class PrintJob:
    """A document that a printer has taken.

    A printer that was switched off may give ``number`` to another's job; ``name``, half of it random, to none.
    """

    number: int
    name: str


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
        self._host, self._port, self._path, self._tls = _address(uri)
        self.uri = _on_the_wire(self._host, self._path, urlsplit(uri))
        self._authority = authority
        self._numbers = itertools.count(1)
        self._line: Line | None = None
        self._lock = threading.Lock()

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

    def print_pdf(self, document: Callable[[], bytes]) -> PrintJob:
        """Hand a document over, asked for when the printer is reached. What the job is called says nothing.

        Raises:
            PrinterGone, PrinterRefuses: see there. Gone after ``document`` was asked for: it may come out all the same.
        """
        name = f"Vernix {secrets.token_hex(4)}"
        named = ((Tag.NAME, "job-name", name), (Tag.MIME, "document-format", _PDF))
        number = self._ask(Operation.PRINT_JOB, named, document).one("job-id")
        if not isinstance(number, int):
            raise PrinterRefuses("the printer took the document and gave no job")
        return PrintJob(number, name)

    def is_over(self, job: PrintJob) -> JobState | None:
        """How the job ended; None while it is under way.

        Raises:
            JobForgotten, PrinterGone, PrinterRefuses: see there.
        """
        got = self._exchange(Operation.GET_JOB_ATTRIBUTES, ((Tag.INTEGER, "job-id", job.number),))
        if got.status in _FORGOTTEN:
            raise JobForgotten(f"{self.uri}: no longer knows the job")
        if self._done(got).one("job-name") not in (job.name, None):
            raise JobForgotten(f"{self.uri}: gave the job's number to another")
        state = got.one("job-state")
        return next((one for one in _JOB_OVER if one == state), None)

    def cancel(self, job: PrintJob) -> None:
        """Take a job back that :meth:`is_over` has just been asked for.

        Raises:
            PrinterGone, PrinterRefuses: see there; a job that is over cannot be taken back.
        """
        self._ask(Operation.CANCEL_JOB, ((Tag.INTEGER, "job-id", job.number),))

    def hang_up(self) -> None:
        """End what is being asked or handed over; any thread may say so. Whoever waits for it gets PrinterGone."""
        with self._lock:
            if self._line is not None:
                self._line.cut()

    def _ask(
        self, operation: Operation, more: tuple[tuple[Tag, str, ipp.Value], ...] = (), data: Callable[[], bytes] = bytes
    ) -> Answer:
        return self._done(self._exchange(operation, more, data))

    def _done(self, got: Answer) -> Answer:
        if got.status in _AGAIN:
            raise PrinterBusy(f"{self.uri}: busy (IPP status {got.status:#06x})")
        if not got.ok:
            raise PrinterRefuses(f"{self.uri}: IPP status {got.status:#06x}")
        return got

    def _exchange(
        self, operation: Operation, more: tuple[tuple[Tag, str, ipp.Value], ...], data: Callable[[], bytes] = bytes
    ) -> Answer:
        who = (Tag.NAME, "requesting-user-name", "vernix")
        job = [one for one in more if one[1] == "job-id"]  # RFC 8011, 4.3.1: the target stands first
        head = ipp.request(
            operation, next(self._numbers), self.uri, (*job, who, *(one for one in more if one not in job))
        )
        line = Line(self._host, self._port, self._context())
        with self._lock:
            self._line = line
        try:
            status, content = line.post(self._path, ipp.CONTENT_TYPE, lambda: head + data())
            if status != http.client.OK:
                raise PrinterRefuses(f"{self.uri}: HTTP status {status}")
            return ipp.answer(content)
        except ssl.SSLCertVerificationError as error:
            raise PrinterRefuses(f"{self.uri}: its certificate is not that of printing.authority") from error
        except (OSError, http.client.HTTPException) as error:
            raise PrinterGone(f"{self.uri}: {type(error).__name__}") from error
        except MalformedAnswer as error:
            raise PrinterRefuses(f"{self.uri}: {error}") from error
        except ValueError as error:  # of the resolver, mostly: a name that is none
            raise PrinterRefuses(f"{self.uri}: {type(error).__name__}") from error
        finally:
            with self._lock:
                self._line = None

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        try:
            return ssl.create_default_context(cafile=self._authority)
        except OSError as error:
            raise PrinterRefuses(f"{self._authority}: {type(error).__name__}") from error


def _address(uri: str) -> tuple[str, int, str, bool]:
    """Host, port, path as it goes over the wire, and whether with TLS."""
    if not uri.isprintable() or " " in uri or "?" in uri or "#" in uri:
        raise BadPrinterUri("a blank, ? or # in a printer's name is written %20, %3F or %23")
    try:
        parts = urlsplit(uri)
        port = parts.port or PORT
    except ValueError:
        raise BadPrinterUri("the port is not a number, or the host's name is none") from None
    if parts.scheme not in ("ipp", "ipps") or not parts.hostname or parts.username or not parts.path.strip("/"):
        raise BadPrinterUri("expected ipp://HOST/PATH or ipps://HOST/PATH, as in ipp://printer.internal/ipp/print")
    try:
        host = parts.hostname.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadPrinterUri("the host's name is none: between two dots stand 1 to 63 letters") from None
    path = quote(parts.path, safe="/%:@!$&'()*+,;=")
    if len(host) + len(path) > _LONGEST_URI - len("ipps://[]:65535"):
        raise BadPrinterUri(f"longer than the {_LONGEST_URI} letters that printers take; names count threefold in %XX")
    return host, port, path, parts.scheme == "ipps"


def _on_the_wire(host: str, path: str, parts: SplitResult) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{parts.port}' if parts.port else ''}{path}"
