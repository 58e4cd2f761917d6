"""The rules' own words for what records hold as ids: Chinese, and English for the page's other language.

The gateway knows no policy pack; a test holds these tables against the packs that are shipped. An id that is not here,
of a hospital's own pack, is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Title = tuple[str, str]
"""Chinese, and English."""
Titles = Mapping[str, Title]

OUTCOMES: Titles = MappingProxyType(
    {
        "passed": ("通过", "passed"),
        "failed": ("未通过", "failed"),
        "refused": ("拒绝", "refused"),
        "unable": ("无法核验", "unable"),
        "manual": ("人工核验", "manual"),
        "emergency": ("紧急放行", "emergency"),
        "device_fault": ("设备故障", "device fault"),
        "interrupted": ("中断", "interrupted"),
    }
)
CHECKPOINTS: Titles = MappingProxyType(
    {
        "registration": ("建册", "Registration"),
        "antenatal": ("孕产保健", "Antenatal care"),
        "visit": ("就诊", "Visit"),
        "admission": ("入院", "Admission"),
        "awaiting_labour": ("待产", "Awaiting labour"),
        "delivery": ("分娩", "Delivery"),
        "certificate": ("出生医学证明签发", "Birth certificate issue"),
        "art_file": ("建档", "ART: opening the file"),
        "art_egg_retrieval": ("取（融）卵", "ART: retrieving or thawing eggs"),
        "art_sperm_collection": ("取精", "ART: sperm collection"),
        "art_insemination": ("人工授精", "ART: insemination"),
        "art_transfer": ("胚胎移植", "ART: embryo transfer"),
        "art_destruction_agreement": (
            "签署销毁胚胎配子合子协议",
            "ART: agreement to destroy embryos, gametes or zygotes",
        ),
        "donor_entry": ("登记", "Donor: entry"),
        "donor_file": ("建档", "Donor: opening the file"),
        "donor_sperm_collection": ("取精", "Donor: sperm collection"),
        "donor_follow_up": ("跟踪查体", "Donor: follow-up examination"),
        "donor_own_use": ("自精使用", "Donor: use of own stored sperm"),
        "donor_destruction": ("销毁", "Donor: destruction"),
    }
)
OF_A_POLICY: Mapping[tuple[str, str], Title] = MappingProxyType(
    {
        ("hainan", "antenatal"): ("孕期", "Pregnancy"),
        ("hainan", "admission"): ("入院分娩", "Admission for delivery"),
        ("chongqing_yubei", "registration"): ("孕妇建档", "Registration"),
        ("chongqing_yubei", "delivery"): ("产房", "Delivery room"),
    }
)
"""Checkpoints that one rule set spells in its own way: (policy id, checkpoint id)."""
DOCUMENTS: Titles = MappingProxyType(
    {
        "resident_id_card": ("居民身份证", "Resident ID card"),
        "hk_mo_tw_residence_permit": ("港澳台居民居住证", "HK/Macau/Taiwan residence permit"),
        "foreigner_permanent_residence_2017": ("外国人永久居留身份证", "Foreigner's ID card, 2017"),
        "foreigner_permanent_residence_2023": ("外国人永久居留身份证", "Foreigner's ID card, 2023"),
        "passport": ("护照", "Passport"),
        "hk_mo_tw_travel_permit": ("港澳台通行证", "HK/Macau/Taiwan travel permit"),
        "foreigner_residence_permit": ("外国人居留证", "Foreigner's residence permit"),
        "temporary_id_card": ("临时居民身份证", "Temporary ID card"),
        "": ("无", "none"),
    }
)
CHANNELS: Titles = MappingProxyType(
    {
        "unit": ("人证核验设备", "this unit"),
        "ganfutong": ("赣服通", "Ganfutong mini-program"),
        "haiyiban": ("海易办", "Haiyiban app"),
        "hainan_health_island": ("海南健康岛", "Hainan Health Island app"),
        "other": ("其它", "Other"),
    }
)
METHODS: Titles = MappingProxyType(
    {
        "card": ("居民身份证信息读取", "card's chip"),
        "face": ("面容ID（活体）", "face with liveness"),
        "finger": ("指纹", "fingerprint"),
    }
)
"""As the Jiangxi form spells what the unit does."""
DEBTS: Titles = MappingProxyType(
    {"": ("", ""), "owed": ("待补核", "still owed"), "settled": ("已补核", "settled")},
)
EMERGENCIES: Titles = MappingProxyType(
    {
        "": ("", ""),
        "unexplained": ("未说明", "not explained"),
        "explained": ("已说明", "explained"),
        "mistaken": ("误触", "touched by mistake"),
    }
)

CASES: Titles = MappingProxyType({"": ("", ""), "open": ("未结", "open"), "closed": ("已结", "closed")})


def title(titles: Titles, key: str) -> Title:
    """The words for ``key``; an unknown one is its own."""
    return titles.get(key, (key, key))


def checkpoint_title(policy: str, checkpoint: str) -> Title:
    """The words for a checkpoint under a rule set."""
    return OF_A_POLICY.get((policy, checkpoint)) or title(CHECKPOINTS, checkpoint)
