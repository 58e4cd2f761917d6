"""Enrolment in two halves: the unit asks, the authority answers, and no private key travels."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from daemon import config as unit_config
from evidence.certificates import Profile, make_request, subject_name
from evidence.errors import SignatureError
from evidence.keys import generate_key
from evidence.topics import Address
from evidence.verify import verify_records
from provisioning.enrolment import (
    UnitRequest,
    accept_answer,
    answer_request,
    make_unit_request,
)
from provisioning.errors import AlreadyThereError, BadValueError
from provisioning.issued import Register
from provisioning.site import load_site
from provisioning.unit_toml import UnitSettings
from tests.provisioning.conftest import contents

NOW = dt.datetime(2026, 11, 21, 8, 0, tzinfo=dt.UTC)
SETTINGS = UnitSettings(checkpoint="delivery")
ADDRESS = Address("demo-site", "unit-01")


class TestApart:
    """The two sides as a unit far from the authority uses them."""

    @pytest.fixture
    def unit(self, tmp_path: Path) -> Path:
        folder = tmp_path / "unit"
        folder.mkdir()
        return folder

    def test_request_answer_accept(self, site: Path, unit: Path) -> None:
        request = make_unit_request(unit, ADDRESS)
        answer = answer_request(load_site(site), Register(), request, NOW)
        made = accept_answer(unit, ADDRESS, answer, SETTINGS, NOW, lambda: NOW)
        assert verify_records([made.birth.jws], answer.authority).sound
        assert unit_config.load(unit / "unit.toml").address == ADDRESS

    def test_the_request_holds_no_private_key(self, unit: Path) -> None:
        request = make_unit_request(unit, ADDRESS)
        assert {path.name for path in unit.iterdir()} == {"record.key", "client.key"}
        assert not hasattr(request.record.public_key(), "private_bytes")

    def test_a_second_request_keeps_the_first_key(self, unit: Path) -> None:
        make_unit_request(unit, ADDRESS)
        before = contents(unit)
        with pytest.raises(Exception, match="never overwritten"):
            make_unit_request(unit, ADDRESS)
        assert contents(unit) == before

    def test_another_sites_request_is_refused(self, site: Path, unit: Path) -> None:
        request = make_unit_request(unit, Address("other-site", "unit-01"))
        with pytest.raises(BadValueError, match="other-site"):
            answer_request(load_site(site), Register(), request, NOW)

    def test_a_request_in_anothers_name_is_refused(self, site: Path, unit: Path) -> None:
        request = make_unit_request(unit, Address("demo-site", "unit-02"))
        forged = UnitRequest(ADDRESS, request.record, request.client)
        with pytest.raises(BadValueError, match="another unit"):
            answer_request(load_site(site), Register(), forged, NOW)

    def test_a_request_whose_name_is_no_text_is_refused(self, site: Path, unit: Path) -> None:
        """A BIT STRING in the place of a name; the library reads it when it is asked for."""
        request = make_unit_request(unit, ADDRESS)
        name = b"\x0c\x07unit-01"
        odd = request.record.public_bytes(Encoding.DER).replace(name, b"\x03\x07\0nit-01")
        forged = UnitRequest(ADDRESS, x509.load_der_x509_csr(odd), request.client)
        with pytest.raises(BadValueError, match="another unit"):
            answer_request(load_site(site), Register(), forged, NOW)

    def test_one_key_for_both_uses_is_refused(self, site: Path, unit: Path) -> None:
        one = make_request(subject_name("unit-01", "demo-site"), generate_key(unit / "k"))
        with pytest.raises(BadValueError, match="one key"):
            answer_request(load_site(site), Register(), UnitRequest(ADDRESS, one, one), NOW)

    def test_a_refused_request_is_not_registered(self, site: Path, unit: Path) -> None:
        register = Register()
        request = make_unit_request(unit, ADDRESS)
        answer_request(load_site(site), register, request, NOW)
        before = list(register.lines)
        with pytest.raises(AlreadyThereError):
            answer_request(load_site(site), register, request, NOW)
        assert register.lines == before
        assert {line.profile for line in before} == {Profile.RECORD.name, Profile.CLIENT.name}

    def test_an_answer_for_another_key_is_refused(self, site: Path, unit: Path, tmp_path: Path) -> None:
        (tmp_path / "twin").mkdir()
        make_unit_request(unit, ADDRESS)
        answer = answer_request(load_site(site), Register(), make_unit_request(tmp_path / "twin", ADDRESS), NOW)
        with pytest.raises(SignatureError):
            accept_answer(unit, ADDRESS, answer, SETTINGS, NOW, lambda: NOW)
        assert {path.name for path in unit.iterdir()} == {"record.key", "client.key"}
