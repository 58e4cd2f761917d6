"""IPP messages, byte by byte."""

from __future__ import annotations

import pytest

from daemon.printing import ipp
from daemon.printing.ipp import Answer, MalformedAnswer, Operation, Tag

REQUEST = (
    b"\x01\x01\x00\x02\x00\x00\x00\x07\x01"
    b"\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x48\x00\x1battributes-natural-language\x00\x02en"
    b"\x45\x00\x0bprinter-uri\x00\x0fipp://p/ipp/one"
    b"\x42\x00\x08job-name\x00\x06Vernix"
    b"\x21\x00\x06job-id\x00\x04\x00\x00\x01\x02"
    b"\x22\x00\x04flag\x00\x01\x01"
    b"\x03"
)
ANSWER = (
    b"\x02\x00\x00\x01\x00\x00\x00\x07\x01"
    b"\x47\x00\x12attributes-charset\x00\x05utf-8"
    b"\x04"
    b"\x23\x00\x0dprinter-state\x00\x04\x00\x00\x00\x05"
    b"\x44\x00\x15printer-state-reasons\x00\x0bmedia-empty"
    b"\x44\x00\x00\x00\x09door-open"
    b"\x22\x00\x19printer-is-accepting-jobs\x00\x01\x00"
    b"\x33\x00\x10copies-supported\x00\x08\x00\x00\x00\x01\x00\x00\x00\x09"
    b"\x03"
)


def test_request_is_as_the_rfc_writes_it() -> None:
    attributes = ((Tag.NAME, "job-name", "Vernix"), (Tag.INTEGER, "job-id", 258), (Tag.BOOLEAN, "flag", True))
    assert ipp.request(Operation.PRINT_JOB, 7, "ipp://p/ipp/one", attributes) == REQUEST


def test_answer_is_read() -> None:
    got = ipp.answer(ANSWER)
    assert got.ok
    assert got.one("printer-state") == 5
    assert got.attributes["printer-state-reasons"] == ("media-empty", "door-open")
    assert got.one("printer-is-accepting-jobs") is False
    assert "copies-supported" not in got.attributes  # a range, which nobody asks for
    assert not Answer(0x0406, {}).ok


@pytest.mark.parametrize("length", range(len(ANSWER)))
def test_answer_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(MalformedAnswer):
        ipp.answer(ANSWER[:length])


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\n\r\n", b"\x09\x00\x00\x00\x00\x00\x00\x01\x03", b"\xff" * 64])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        ipp.answer(data)


def test_number_of_a_wrong_size_is_refused() -> None:
    with pytest.raises(MalformedAnswer):
        ipp.answer(b"\x01\x01\x00\x00\x00\x00\x00\x01\x02\x21\x00\x06job-id\x00\x02\x00\x01\x03")
