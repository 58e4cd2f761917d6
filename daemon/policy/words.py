"""The words a policy pack is written in. Whatever is not among them cannot be said in a pack.

There is no word for care, treatment or the door: no pack can hold them back. Those that the hospital's side goes by
too stand in :mod:`evidence.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType

from evidence.policy import Hold as Hold
from evidence.policy import Kind as Kind
from evidence.policy import Role as Role


@unique
class Factor(StrEnum):
    """What shows that a person is who the document names."""

    CARD = "card"
    FACE = "face"
    FINGER = "finger"


BIOMETRICS = (Factor.FACE, Factor.FINGER)


@unique
class Liveness(StrEnum):
    """Whether a face must be shown to be alive, or only where the unit can do it."""

    REQUIRED = "required"
    WHEN_FITTED = "when_fitted"


@unique
class Challenge(StrEnum):
    """How a face is shown to be alive."""

    LIGHT = "light"
    MOTION = "motion"
    THERMAL = "thermal"


@unique
class Function(StrEnum):
    """What the rules want a unit to be able to do."""

    ID_CARD = "id_card"
    FACE = "face"
    FACE_LIVENESS = "face_liveness"
    FINGERPRINT = "fingerprint"
    STATISTICS_EXPORT = "statistics_export"
    FEEDBACK = "feedback"


@unique
class Often(StrEnum):
    """How often a check is due at a checkpoint."""

    ONCE = "once"
    EACH_TIME = "each_time"


@unique
class Remote(StrEnum):
    """Whether a person may be verified from afar."""

    NEVER = "never"
    ETHICS_CONSENT = "ethics_consent"


@unique
class DocumentType(StrEnum):
    """Documents, named as a record names them. The first four are read from the chip."""

    RESIDENT_ID_CARD = "resident_id_card"
    HK_MO_TW_RESIDENCE_PERMIT = "hk_mo_tw_residence_permit"
    FOREIGNER_PERMANENT_RESIDENCE_2017 = "foreigner_permanent_residence_2017"
    FOREIGNER_PERMANENT_RESIDENCE_2023 = "foreigner_permanent_residence_2023"
    PASSPORT = "passport"
    HK_MO_TW_TRAVEL_PERMIT = "hk_mo_tw_travel_permit"
    FOREIGNER_RESIDENCE_PERMIT = "foreigner_residence_permit"
    TEMPORARY_ID_CARD = "temporary_id_card"


@unique
class Staff(StrEnum):
    """Who may check: anybody with an account, or regular staff only (正式工作人员)."""

    ANY = "any"
    REGULAR = "regular"


@unique
class Recipient(StrEnum):
    """Who is told of an outcome."""

    CERTIFICATE_OFFICE = "certificate_office"
    HEALTH_AUTHORITY = "health_authority"
    POLICE = "police"
    HOSPITAL_OFFICE = "hospital_office"
    MEDICAL_AFFAIRS = "medical_affairs"


@unique
class SignsWhen(StrEnum):
    """When somebody else signs: she cannot, she has entrusted it to that person, or she is under 14 (consent too)."""

    CANNOT_SIGN = "cannot_sign"
    ENTRUSTED = "entrusted"
    UNDER_14 = "under_14"


@unique
class Signer(StrEnum):
    """Whose signature an outcome needs. ``officers``: each one who decided it."""

    SUBJECT_OR_DELEGATE = "subject_or_delegate"
    FAMILY = "family"
    OFFICER = "officer"
    OFFICERS = "officers"


@unique
class Topic(StrEnum):
    """What a part of the notice is about."""

    PURPOSE = "purpose"
    PROCESSING = "processing"
    RETENTION = "retention"
    PICTURE = "picture"
    OTHER_WAY = "other_way"
    LIABILITY = "liability"
    REPORTING = "reporting"
    CARE_FIRST = "care_first"
    RIGHTS = "rights"


Title = tuple[str, str]
"""The exact Chinese words, and English."""

RECIPIENTS: Mapping[Recipient, Title] = MappingProxyType(
    {
        Recipient.CERTIFICATE_OFFICE: ("出生医学证明管理办公室", "certificate office"),
        Recipient.HEALTH_AUTHORITY: ("属地卫生健康行政部门", "health authority"),
        Recipient.POLICE: ("属地公安机关", "police"),
        Recipient.HOSPITAL_OFFICE: ("本院值班办公室", "hospital office"),
        Recipient.MEDICAL_AFFAIRS: ("医务科", "medical affairs"),
    }
)

DOCUMENTS: Mapping[DocumentType, Title] = MappingProxyType(
    {
        DocumentType.RESIDENT_ID_CARD: ("居民身份证", "Resident ID card"),
        DocumentType.HK_MO_TW_RESIDENCE_PERMIT: ("港澳台居民居住证", "HK/Macau/Taiwan residence permit"),
        DocumentType.FOREIGNER_PERMANENT_RESIDENCE_2017: ("外国人永久居留身份证", "Foreigner's ID card, 2017"),
        DocumentType.FOREIGNER_PERMANENT_RESIDENCE_2023: ("外国人永久居留身份证", "Foreigner's ID card, 2023"),
        DocumentType.PASSPORT: ("护照", "Passport"),
        DocumentType.HK_MO_TW_TRAVEL_PERMIT: ("港澳台通行证", "HK/Macau/Taiwan travel permit"),
        DocumentType.FOREIGNER_RESIDENCE_PERMIT: ("外国人居留证", "Foreigner's residence permit"),
        DocumentType.TEMPORARY_ID_CARD: ("临时居民身份证", "Temporary ID card"),
    }
)
