"""The rules line by line: the words of the rule, and what the pack must answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daemon.policy import DECIDABLE, VERIFIED, Policy
from daemon.policy.words import DocumentType, Kind, Recipient, SignsWhen, Topic
from evidence.forms.words import FormId
from evidence.record import OWED, Outcome
from tests.daemon.policy.support import PACKS

FAILED, REFUSED, UNABLE, MANUAL, PASSED = (
    Outcome.FAILED,
    Outcome.REFUSED,
    Outcome.UNABLE,
    Outcome.MANUAL,
    Outcome.PASSED,
)
DAY = 86_400
BIRTH = ("admission", "awaiting_labour", "delivery")
"""住院分娩."""


def titles(policy: Policy, kind: Kind = Kind.MATERNITY) -> list[str]:
    return [one.title for one in policy.of_kind(kind)]


def told(policy: Policy, places: Iterable[str], outcomes: Iterable[Outcome], **within_s: int) -> bool:
    """Whether everywhere and each time exactly these are told, the hospital's own office (at once) apart."""
    wanted = {Recipient.HOSPITAL_OFFICE: 0} | {Recipient(name): time for name, time in within_s.items()}
    outcomes = tuple(outcomes)
    return all(
        {one.recipient: one.within_s for one in policy.alerts_for(place, outcome)} == wanted
        for place in places
        for outcome in outcomes
    )


def maternity(policy: Policy) -> list[str]:
    return [one.id for one in policy.of_kind(Kind.MATERNITY)]


def art(policy: Policy) -> list[str]:
    return [one.id for one in policy.checkpoints if one.kind is not Kind.MATERNITY]


def fallen(*shown: str) -> Callable[[Policy], bool]:
    """Whether these factors are not enough for a pass at any checkpoint."""
    return lambda policy: all(policy.lacking(one.id, shown) for one in policy.checkpoints)


def enough(*shown: str) -> Callable[[Policy], bool]:
    return lambda policy: not any(policy.lacking(one.id, shown) for one in policy.checkpoints)


BAD = (FAILED, REFUSED, UNABLE)
Line = tuple[str, Callable[[Policy], bool]]

JIANGXI: list[Line] = [
    (
        "三(一)-(三) 建册 孕产保健 就诊 入院 待产 分娩 出生医学证明签发",
        lambda p: titles(p) == ["建册", "孕产保健", "就诊", "入院", "待产", "分娩", "出生医学证明签发"],
    ),
    (
        "三(四) 建档 取（融）卵 取精 人工授精 胚胎移植 签署销毁胚胎配子合子协议",
        lambda p: (
            titles(p, Kind.ART_PATIENT)
            == ["建档", "取（融）卵", "取精", "人工授精", "胚胎移植", "签署销毁胚胎配子合子协议"]
        ),
    ),
    (
        "三(四) 登记、建档、取精前、跟踪查体、自精使用、销毁",
        lambda p: titles(p, Kind.ART_DONOR) == ["登记", "建档", "取精", "跟踪查体", "自精使用", "销毁"],
    ),
    ("二 at least one biometric beside the card: the card alone is not enough", fallen("card")),
    ("二 at least one biometric beside the card: the face", enough("card", "face")),
    ("二 at least one biometric beside the card: the finger", enough("card", "finger")),
    ("二 biometrics without the card are not enough", fallen("face", "finger")),
    ("二 面容ID（活体）", lambda p: p.liveness == "required" and len(p.challenges.allowed) == 3),
    (
        "二 身份证读取, 面容ID（活体）, 指纹, 核验结果统计导出, 实时反馈",
        lambda p: set(p.functions) == {"id_card", "face_liveness", "fingerprint", "statistics_export", "feedback"},
    ),
    ("二 赣服通, 其它", lambda p: [one.title for one in p.channels] == ["赣服通", "其它"]),
    (
        "三(一) 原则上通过身份核验的孕妇方可建册",
        lambda p: (
            p.held_back("registration", FAILED) == "registration" and p.held_back("registration", PASSED) == "nothing"
        ),
    ),
    (
        "三(一) first seen at delivery: the delivery rules apply",
        lambda p: p.checkpoint("registration", first_seen_in_labour=True) == p.checkpoint("delivery"),
    ),
    (
        "三(二) 核验人员如实记录、产妇本人（或被委托人）签字确认",
        lambda p: all(p.signatures_for(one) == ("subject_or_delegate", "officer") for one in (PASSED, FAILED, REFUSED)),
    ),
    ("三(二) 被委托人", lambda p: {"spouse", "entrusted_person"} <= set(p.relations_for(SignsWhen.ENTRUSTED))),
    ("三(二) 存放于产妇病历中", lambda p: p.retention.kept_with == "产妇病历" and p.retention.signed_form),
    (
        "三(二) 未通过或拒绝: 专案管理",
        lambda p: all(p.is_special_case(where, one) for where in maternity(p) for one in BAD),
    ),
    ("三(二) 专案管理 is its name", lambda p: p.special_case is not None and p.special_case.title == "专案管理"),
    (
        "三(二) 向属地卫生健康行政部门报告",
        lambda p: told(p, ("antenatal", "visit"), BAD, health_authority=DAY),
    ),
    (
        "三(三) 建册、住院分娩、签发: 立即向属地公安机关报告",
        lambda p: told(p, ("registration", *BIRTH, "certificate"), BAD, health_authority=DAY, police=0),
    ),
    ("三(四) 向卫生健康行政部门和公安机关报告", lambda p: told(p, art(p), BAD, health_authority=DAY, police=DAY)),
    (
        "三(四) 通过身份核验后，方可实施: no pass, no procedure",
        lambda p: all(
            (p.held_back(where, one) == "procedure") is (one not in VERIFIED) for where in art(p) for one in Outcome
        ),
    ),
    (
        "三(四) 远程身份验证 only 经伦理委员会讨论通过",
        lambda p: all((one.remote == "ethics_consent") is (one.kind is not Kind.MATERNITY) for one in p.checkpoints),
    ),
    (
        "二 孕产妇, 领证人, 接受治疗的患者, 供精者、自精冷冻的保存者",
        lambda p: (
            p.subjects_for("certificate") == ("mother", "claimant")
            and {p.subjects_for(one) for one in ("registration", *BIRTH)} == {("mother",)}
            and {p.subjects_for(one.id) for one in p.of_kind(Kind.ART_PATIENT)} == {("patient",)}
            and {p.subjects_for(one.id) for one in p.of_kind(Kind.ART_DONOR)} == {("donor",)}
        ),
    ),
    (
        "三(三) 通过核验的方可签发, 按真实身份, 不得变更, 不可凭亲子鉴定换发",
        lambda p: (
            p.certificate is not None
            and p.may_issue_certificate(["certificate"])
            and not p.may_issue_certificate([*BIRTH, "registration"])
            and p.certificate.verified_name_only
            and p.certificate.mother_fixed
        ),
    ),
    (
        "三(二) 生命至上: care never waits",
        lambda p: (
            {one.holds_back.value for one in p.of_kind(Kind.MATERNITY)} == {"nothing", "registration", "certificate"}
        ),
    ),
    ("三(二) 生命至上", lambda p: "生命至上" in p.notice.zh),
    ("四 冒用他人身份证等证件的法律责任告知", lambda p: "冒用他人身份证等证件" in p.notice.zh),
    (
        "附件 确认单",
        lambda p: all(
            "jiangxi_confirmation" in p.forms_for(one.id, out)
            for one in p.checkpoints
            for out in (PASSED, FAILED, REFUSED, UNABLE, MANUAL)
        ),
    ),
    (
        "二 港澳台居民及外籍人士: 2名正式工作人员",
        lambda p: all(p.staff_for(one) == "regular" for one in FOREIGN) and p.staff_for("resident_id_card") == "any",
    ),
]

HAINAN: list[Line] = [
    ("孕期, 入院分娩", lambda p: titles(p) == ["孕期", "入院分娩"]),
    (
        "once between week 20 and delivery",
        lambda p: (
            [p.due("antenatal", week) for week in (0, 19, 20, 41, None)] == [False, False, True, True, True]
            and p.checkpoint("antenatal").often == "once"
        ),
    ),
    ("at admission, at least once", lambda p: p.due("admission", 12) and p.checkpoint("admission").often == "once"),
    ("valid document + face comparison: both", enough("card", "face")),
    ("valid document + face comparison: a finger does not do", fallen("card", "finger")),
    (
        "upload each result in real time to the provincial system",
        lambda p: [(one.title, one.real_time) for one in p.systems] == [("区域妇幼保健综合管理信息系统", True)],
    ),
    ("海易办 / 海南健康岛", lambda p: [one.title for one in p.channels] == ["海易办", "海南健康岛"]),
    (
        "signed by the officer and the woman",
        lambda p: all(p.signatures_for(one) == ("subject_or_delegate", "officer") for one in (PASSED, FAILED, REFUSED)),
    ),
    (
        "spouse or family may sign for her",
        lambda p: {"spouse", "parent", "relative"} <= set(p.relations) and "entrusted_person" not in p.relations,
    ),
    (
        "certificate office and local police at once",
        lambda p: told(p, ("antenatal", "admission"), BAD, certificate_office=0, police=0),
    ),
    ("专案管理", lambda p: all(p.is_special_case(where, one) for where in maternity(p) for one in BAD)),
    (
        "unconscious: certificate office sends at least 2",
        lambda p: p.officers_for(UNABLE) == 2 and p.staff.second_officer_from == "certificate_office",
    ),
    ("a family member and both officers sign", lambda p: p.signatures_for(UNABLE) == ("family", "officers")),
    (
        "HK/Macau/Taiwan, foreigners: 2 regular staff, and the record form",
        lambda p: (
            all(p.staff_for(one) == "regular" for one in FOREIGN)
            and all("hainan_record" in p.forms_for(where, MANUAL) for where in maternity(p))
            and all(
                p.forms_for("antenatal", out, kind).count(FormId.HAINAN_RECORD) == 1
                for out in (PASSED, *BAD, MANUAL)
                for kind in FOREIGN
            )
            and "hainan_record" not in p.forms_for("antenatal", PASSED, "resident_id_card")
        ),
    ),
    (
        "the record form at admission, whatever the result",
        lambda p: all("hainan_record" in p.forms_for("admission", one) for one in (PASSED, *BAD, MANUAL)),
    ),
    (
        "issued only if both checkpoints passed; not while the police investigate",
        lambda p: (
            p.certificate is not None
            and p.may_issue_certificate(["antenatal", "admission"])
            and not p.may_issue_certificate(["antenatal"])
            and not p.may_issue_certificate(["admission"])
            and p.certificate.withheld_while_investigated
        ),
    ),
    ("accounts approved by 医务科 and 护理部", lambda p: p.staff.approved_by == ("医务科", "护理部")),
    ("严格保障母婴安全", lambda p: {one.holds_back.value for one in p.checkpoints} == {"nothing"}),
]

YUBEI: list[Line] = [
    (
        "三, 附件1 9: 孕妇建档 入院 待产 产房 出生医学证明签发",
        lambda p: titles(p) == ["孕妇建档", "入院", "待产", "产房", "出生医学证明签发"],
    ),
    ("三 人证一致, by face recognition", enough("card", "face")),
    ("三 by face recognition: a finger does not do", fallen("card", "finger")),
    (
        "三 HIS, 出生医学证明签发系统, 公安部门身份比对系统",
        lambda p: [one.id for one in p.systems] == ["his", "certificate_issuing", "police_comparison"],
    ),
    ("no other channel", lambda p: p.channels == ()),
    (
        "三 入院时产妇的身份证和本人电话号码",
        lambda p: [one.id for one in p.checkpoints if one.own_phone] == ["admission"],
    ),
    (
        "五 及时上报区卫生健康委和当地公安机关",
        lambda p: told(p, maternity(p), BAD, health_authority=DAY, police=DAY),
    ),
    (
        "三 real-name data at every node",
        lambda p: (
            p.may_issue_certificate(maternity(p))
            and not any(p.may_issue_certificate(set(maternity(p)) - {one}) for one in maternity(p))
        ),
    ),
    (
        "二 不得使用借调和临时聘用人员",
        lambda p: all(p.staff_for(one) == "regular" for one in (*DocumentType, None)),
    ),
    (
        "一 至少每季度自查，上报区妇幼保健院",
        lambda p: (
            p.self_inspection is not None
            and (p.self_inspection.every_months, p.self_inspection.report_to) == (3, "区妇幼保健院")
        ),
    ),
    ("record kept with the mother's file", lambda p: p.retention.kept_with == "产妇病历"),
]

NEUTRAL: list[Line] = [
    ("what the rules share", lambda p: titles(p) == ["建册", "孕产保健", "入院", "待产", "分娩", "出生医学证明签发"]),
    ("the hospital's own office, nobody outside", lambda p: told(p, maternity(p), BAD)),
    ("the card and the face", lambda p: p.factors == ("card", "face") and p.one_of == ()),
    ("the certificate after a check of the claimant", lambda p: p.may_issue_certificate(["certificate"])),
]

FOREIGN = tuple(one for one in DocumentType if one not in ("resident_id_card", "temporary_id_card"))

EVERYWHERE: list[Line] = [
    (
        "1 foreigners, HK/Macau/Taiwan residents, temporary ID: two officers",
        lambda p: all(
            p.officers_for(PASSED, one) == 2 and not p.passes_alone(one)
            for one in DocumentType
            if one != "resident_id_card"
        ),
    ),
    (
        "1 the resident ID card: the unit alone",
        lambda p: p.passes_alone("resident_id_card") and p.officers_for(PASSED, "resident_id_card") == 1,
    ),
    ("1 unconscious: two officers", lambda p: p.officers_for(UNABLE) == 2),
    ("2 人工核验: two officers", lambda p: p.officers_for(MANUAL) == 2),
    ("2 a document nobody has heard of: two regular officers", lambda p: p.officers_for(FAILED, "library_card") == 2),
    ("2 a debt after these, and no other", lambda p: {one for one in Outcome if p.debt(one)} == OWED),
    (
        "2 nobody decides an emergency or an interruption",
        lambda _: {Outcome.EMERGENCY, Outcome.INTERRUPTED}.isdisjoint(DECIDABLE),
    ),
    (
        "2 the hospital's office hears of everything that went wrong",
        lambda p: all(
            any(one.recipient == "hospital_office" and one.within_s == 0 for one in p.alerts_for(where.id, outcome))
            for where in p.checkpoints
            for outcome in (*BAD, Outcome.EMERGENCY, Outcome.DEVICE_FAULT)
        ),
    ),
    (
        "2 nobody is told of a pass",
        lambda p: not any(p.alerts_for(one.id, out) for one in p.checkpoints for out in VERIFIED),
    ),
    ("2 at most two tries more, then a person", lambda p: p.retries == 2),
    ("5 slip for a woman who did not pass", lambda p: "slip_not_passed" in p.forms_for("admission", FAILED)),
    ("5 slip for the family", lambda p: "slip_family" in p.forms_for("admission", UNABLE)),
    (
        "5 住院分娩实名登记表, monthly, due on the 4th",
        lambda p: [(one.id, one.due_day) for one in p.registers] == [("deliveries_register", 4)],
    ),
    (
        "7 notice: every topic in both languages",
        lambda p: set(Topic) - {part.about for part in p.notice.parts} == {"picture"},
    ),
    (
        "7 notice: a way without biometrics that counts the same",
        lambda p: "两名工作人员查验证件，效力相同" in p.notice.zh,
    ),
    (
        "7 notice: deleted at the end, never leaves",
        lambda p: "立即删除" in p.notice.zh and "不会传出本机" in p.notice.zh,
    ),
    ("7 notice: liability", lambda p: "法律责任" in p.notice.zh and "legal liability" in p.notice.en),
    ("7 notice: care is never delayed", lambda p: "绝不延误" in p.notice.zh and "never delayed" in p.notice.en),
    (
        "7 notice: read aloud in a minute and a half",
        lambda p: len(p.notice.zh) <= 300 and len(p.notice.en.split()) <= 210,
    ),
    ("7 consent: separate, of her own will", lambda p: "单独同意" in p.consent.zh and p.consent.zh not in p.notice.zh),
    ("7 no picture is kept", lambda p: all(p.picture_days(one) is None for one in Outcome)),
    ("7 under 14: the guardian", lambda p: p.relations_for(SignsWhen.UNDER_14) == ("guardian",)),
]

LINES = [
    *(("jiangxi", *line) for line in JIANGXI),
    *(("hainan", *line) for line in HAINAN),
    *(("chongqing_yubei", *line) for line in YUBEI),
    *(("neutral", *line) for line in NEUTRAL),
    *((name, *line) for name in PACKS for line in EVERYWHERE),
]
