"""The exact Chinese words of the forms: ids of records as the rules call them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from types import MappingProxyType


@unique
class FormId(StrEnum):
    """Forms that can be printed, named as policy packs name them."""

    JIANGXI_CONFIRMATION = "jiangxi_confirmation"
    HAINAN_RECORD = "hainan_record"
    YUBEI_CONFIRMATION = "yubei_confirmation"
    NEUTRAL_CONFIRMATION = "neutral_confirmation"
    DELIVERIES_REGISTER = "deliveries_register"
    SLIP_NOT_PASSED = "slip_not_passed"
    SLIP_FAMILY = "slip_family"
    SLIP_FINGER = "slip_finger"


CONFIRMATIONS: Mapping[str, FormId] = MappingProxyType(
    {
        "jiangxi": FormId.JIANGXI_CONFIRMATION,
        "hainan": FormId.HAINAN_RECORD,
        "chongqing_yubei": FormId.YUBEI_CONFIRMATION,
    }
)
"""The sheet that a policy pack's checks end with, by the pack's id; every other pack has the neutral one."""

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "passed": "通过",
        "failed": "未通过",
        "refused": "拒绝",
        "unable": "无法核验",
        "manual": "人工核验",
        "emergency": "紧急放行",
        "device_fault": "设备故障",
        "interrupted": "中断",
    }
)
VERIFIED = ("passed", "manual")
"""Outcomes after which somebody stands for who she is: the unit, or two officers."""
SLIPS: Mapping[FormId, tuple[str, ...]] = MappingProxyType(
    {FormId.SLIP_NOT_PASSED: ("failed", "refused"), FormId.SLIP_FAMILY: ("unable", "emergency")}
)
"""After which outcomes what stands on a slip is true."""
ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "left": "服务对象离开或放弃",
        "timeout": "长时间无人操作",
        "restart": "设备断电或重启",
        "second_officer_pending": "第二名核验人员未到",
    }
)
"""How a check was interrupted: the first word of its record's reason, which the unit wrote."""

_CHECKPOINTS: Mapping[str, Mapping[str, str]] = {
    "": {
        "registration": "建册",
        "antenatal": "孕产保健",
        "visit": "就诊",
        "admission": "入院",
        "awaiting_labour": "待产",
        "delivery": "分娩",
        "certificate": "出生医学证明签发",
        "art_file": "建档",
        "art_egg_retrieval": "取（融）卵",
        "art_sperm_collection": "取精",
        "art_insemination": "人工授精",
        "art_transfer": "胚胎移植",
        "art_destruction_agreement": "签署销毁胚胎配子合子协议",
        "donor_entry": "登记",
        "donor_file": "建档",
        "donor_sperm_collection": "取精",
        "donor_follow_up": "跟踪查体",
        "donor_own_use": "自精使用",
        "donor_destruction": "销毁",
    },
    "hainan": {"antenatal": "孕期", "admission": "入院分娩"},
    "chongqing_yubei": {"registration": "孕妇建档", "delivery": "产房"},
}

RELATIONS: Mapping[str, str] = MappingProxyType(
    {
        "self": "本人",
        "spouse": "配偶",
        "parent": "父母",
        "adult_child": "成年子女",
        "relative": "其他近亲属",
        "entrusted_person": "受委托的其他人",
        "guardian": "监护人",
    }
)

CHIP_DOCUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "resident_id_card": "居民身份证",
        "hk_mo_tw_residence_permit": "港澳台居民居住证",
        "foreigner_permanent_residence_2017": "外国人永久居留身份证",
        "foreigner_permanent_residence_2023": "外国人永久居留身份证",
    }
)
"""Documents that the unit reads from their chip."""
DOCUMENTS: Mapping[str, str] = MappingProxyType(
    {
        **CHIP_DOCUMENTS,
        "passport": "护照",
        "hk_mo_tw_travel_permit": "港澳台通行证",
        "foreigner_residence_permit": "外国人居留证",
        "temporary_id_card": "临时居民身份证",
    }
)
OF_FOREIGNERS = frozenset(DOCUMENTS) - {"resident_id_card", "temporary_id_card"}
"""Documents of 港澳台居民、外籍人士, which two officers look at."""
CHANNELS: Mapping[str, str] = MappingProxyType(
    {"ganfutong": "赣服通", "haiyiban": "海易办", "hainan_health_island": "海南健康岛", "other": "其它"}
)
"""Ways of checking other than a unit; ``unit`` is not among them."""
SEXES: Mapping[str, str] = MappingProxyType({"0": "未知", "1": "男", "2": "女", "9": "未说明"})


def registered_at(policy: str) -> str:
    """The checkpoint whose checks make the monthly register of the pack ``policy``."""
    return "admission" if policy == "hainan" else "delivery"


def checkpoint_title(policy: str, checkpoint: str) -> str:
    """What the pack ``policy`` calls a checkpoint; the id itself where nobody knows it."""
    return _CHECKPOINTS.get(policy, {}).get(checkpoint) or _CHECKPOINTS[""].get(checkpoint, checkpoint)
