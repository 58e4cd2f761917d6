"""Bundles: written whole, read strictly, believed not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.bundle import MAX_LINE, Bundle, open_bundle, read_bundle, write_bundle
from evidence.chain import Head
from evidence.errors import MalformedError
from evidence.topics import Address
from evidence.verify import MAX_FINDINGS, verify_records
from tests.vectors.evidence import build, by_hand

BUNDLE = Bundle(
    by_hand.UNIT, by_hand.SITE, Head(build.LAST, by_hand.sha256(build.BASE[-1].encode())), tuple(build.BASE)
)
FIRST = b'{"format":"vernix-bundle","v":1,"unit":"u1","site":"s1","head":{"seq":0,"sha256":"%s"}}' % (b"0" * 64)


def test_a_bundle_comes_back_and_verifies(tmp_path: Path) -> None:
    path = tmp_path / "bundle.jsonl"
    write_bundle(path, BUNDLE)
    assert read_bundle(path) == BUNDLE
    assert verify_records(read_bundle(path).records, by_hand.authority(), BUNDLE.head).sound
    assert build.BASE[2][:40] not in repr(BUNDLE)


def test_a_line_of_another_kind_is_a_finding_of_step_1(tmp_path: Path) -> None:
    path = tmp_path / "bundle.jsonl"
    write_bundle(path, BUNDLE)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\r\n".join(lines[:3]) + b"\n\n{}\n" + b"\n".join(lines[3:]))
    found = verify_records(read_bundle(path).records, by_hand.authority()).findings
    assert {finding.step for finding in found} >= {1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"a.b.c\n",
        b"[]\n",
        FIRST.replace(b"vernix-bundle", b"tar"),
        FIRST.replace(b'"v":1', b'"v":2'),
        FIRST.replace(b'"v":1', b'"v":true'),
        FIRST.replace(b'"v":1', b'"v":1.0'),
        FIRST.replace(b'"v":1', b'"v":1,"v":1'),
        FIRST.replace(b'"unit":"u1"', b'"unit":1'),
        FIRST.replace(b'"unit":"u1"', b'"unit":"../u1"'),
        FIRST.replace(b'"unit":"u1",', b""),
        FIRST.replace(b'"seq":0', b'"seq":true'),
        FIRST.replace(b'"seq":0', b'"seq":-1'),
        FIRST.replace(b'"seq":0', b'"seq":0.0'),
        FIRST.replace(b'"seq":0,', b""),
        FIRST.replace(b"0000", b"000g"),
        FIRST.replace(b'"site":"s1"', b'"site":"s1","head":[]'),
        FIRST + b"\n\xc3\xa9.b.c\n",
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bundle.jsonl"
    path.write_bytes(data)
    with pytest.raises(MalformedError):
        read_bundle(path)


def test_a_bundle_without_records_is_one(tmp_path: Path) -> None:
    path = tmp_path / "bundle.jsonl"
    path.write_bytes(FIRST)
    assert read_bundle(path).records == ()
    assert not verify_records((), by_hand.authority()).sound


def test_no_more_of_a_line_is_read_than_the_longest_record_has(tmp_path: Path) -> None:
    path = tmp_path / "bundle.jsonl"
    path.write_bytes(FIRST + b"\n" + b"a" * MAX_LINE + b"\n" + b"a" * (MAX_LINE + 1))
    with open_bundle(path) as opened:
        assert len(next(opened.records)) == MAX_LINE
        with pytest.raises(MalformedError, match="line 3 is longer than"):
            next(opened.records)
    with path.open("r+b") as stream:
        stream.truncate(0)
        stream.truncate(1 << 36)
    with pytest.raises(MalformedError, match="line 1 is longer than"):
        read_bundle(path)


def test_a_million_blank_lines_are_a_thousand_findings(tmp_path: Path) -> None:
    path = tmp_path / "bundle.jsonl"
    path.write_bytes(FIRST + b"\n" * 1_000_000)
    with open_bundle(path) as opened:
        result = verify_records(opened.records, by_hand.authority(), opened.head, address=opened.address)
        assert len(list(opened.records)) == 1_000_000 - 1 - MAX_FINDINGS - 1, "only so many were read"
    assert (len(result.findings), result.more, result.sound) == (MAX_FINDINGS, True, False)
    assert {finding.step for finding in result.findings} == {1}, "nothing is said of a tail that nobody looked at"


def test_a_thousand_bad_lines_and_no_more_are_all_there_is() -> None:
    result = verify_records([""] * MAX_FINDINGS, by_hand.authority(), BUNDLE.head)
    assert (len(result.findings), result.more) == (MAX_FINDINGS + 1, False)


@pytest.mark.parametrize("address", [Address("other", by_hand.UNIT), Address(by_hand.SITE, "other")])
def test_a_first_line_of_somebody_else_is_a_finding(address: Address) -> None:
    found = verify_records(build.BASE, by_hand.authority(), BUNDLE.head, address=address).findings
    assert [(finding.step, finding.place) for finding in found] == [(5, 0)]
    assert verify_records(build.BASE, by_hand.authority(), address=Address(by_hand.SITE, by_hand.UNIT)).sound


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bundle(tmp_path / "none")


@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda more: FIRST + b"\n" + more))
def test_any_bytes_are_a_bundle_or_malformed(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(data)
    try:
        bundle = read_bundle(path)
    except MalformedError:
        return
    assert not verify_records(bundle.records, by_hand.authority()).sound
