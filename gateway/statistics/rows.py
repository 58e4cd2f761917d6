"""The columns of an export, their titles as the rules spell them, and what a check puts there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evidence.export_rows import Row, cell
from evidence.export_writers import Holds
from gateway.statistics import words
from gateway.statistics.facts import Check

Value = Callable[[Check], object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its English key, its title, what it means, its value, and what it holds."""

    key: str
    title: str
    meaning: str
    value: Value
    holds: Holds = Holds.TEXT


def _titles(table: words.Titles, key: Callable[[Check], str]) -> Value:
    return lambda check: words.title(table, key(check))[0]


def _document(name: str) -> Value:
    return lambda check: check.payload.get("document", {}).get(name)


def _alerts(check: Check) -> str:
    return "; ".join(f"{one['to']} {one['within_s']}" for one in check.payload.get("alerts", ()))


def _sign(check: Check) -> str:
    by = check.signed_later or check.payload.get("subject_sign", {}).get("by", "")
    return f"{by} later" if check.signed_later else by


def _methods(check: Check) -> str:
    if check.channel != "unit":
        return words.title(words.CHANNELS, check.channel)[0]
    return " + ".join(words.title(words.METHODS, one)[0] for one in check.methods)


PLAIN = (
    Column("unit", "人证核验设备", "the unit that made the record", lambda c: c.unit),
    Column("seq", "记录序号", "the record's number in the unit's chain", lambda c: c.seq, holds=Holds.NUMBER),
    Column("check", "核验编号", "the check's id", lambda c: c.check),
    Column("day", "核验日期", "day in China (UTC+8)", lambda c: c.day, holds=Holds.MOMENT),
    Column("time", "核验时间", "time in China", lambda c: c.local, holds=Holds.MOMENT),
    Column("clock", "时钟不可信", "yes: the unit's clock was not trusted, it was later", lambda c: c.floor or None),
    Column("policy", "政策包", "rule set", lambda c: c.policy),
    Column("checkpoint", "关键节点代码", "checkpoint's id", lambda c: c.checkpoint),
    Column(
        "checkpoint_title",
        "关键节点",
        "checkpoint as the rules name it",
        lambda c: words.checkpoint_title(c.policy, c.checkpoint)[0],
    ),
    Column("outcome", "核验结果代码", "outcome's id", lambda c: c.outcome),
    Column("outcome_title", "核验结果", "outcome as the rules name it", _titles(words.OUTCOMES, lambda c: c.outcome)),
    Column("document", "证件类型代码", "document type's id; empty: none was seen", lambda c: c.document),
    Column("document_title", "证件类型", "document type", _titles(words.DOCUMENTS, lambda c: c.document)),
    Column("channel", "核验渠道代码", "unit, or another way's id", lambda c: c.channel),
    Column("method", "核验方式", "what was done, as the form names it", _methods),
    Column("face", "人脸比对", "match, no_match, not_comparable", lambda c: c.payload.get("face", {}).get("decision")),
    Column("liveness", "活体检测", "live, attack, unsure", lambda c: c.payload.get("liveness", {}).get("decision")),
    Column("finger", "指纹比对", "match, no_match", lambda c: c.payload.get("finger", {}).get("decision")),
    Column("findings", "证件问题", "what was found about the document", lambda c: "; ".join(_findings(c))),
    Column("officers", "核验人员", "ids of those who signed the decision", lambda c: "; ".join(c.officers)),
    Column("on_duty", "值班人员", "id of who was logged in", lambda c: c.on_duty),
    Column("seconds", "核验用时(秒)", "from the beginning to the record", lambda c: c.seconds, holds=Holds.NUMBER),
    Column("subject", "核验对象", "mother, claimant, patient, donor", lambda c: c.payload["subject"].get("role")),
    Column("alerts", "应报告", "whom the rules want told, and within how many seconds", _alerts),
    Column("debt", "补核状态代码", "owed, settled", lambda c: c.debt),
    Column("debt_title", "补核状态", "whether the check is still owed", _titles(words.DEBTS, lambda c: c.debt)),
    Column("emergency", "紧急放行说明代码", "unexplained, explained, mistaken", lambda c: c.emergency),
    Column(
        "emergency_title",
        "紧急放行说明",
        "how an emergency was accounted for",
        _titles(words.EMERGENCIES, lambda c: c.emergency),
    ),
    Column("case", "专案管理代码", "open, closed: the special case that it opened", lambda c: c.case),
    Column("case_title", "专案管理", "what became of that special case", _titles(words.CASES, lambda c: c.case)),
    Column("signed", "服务对象(被委托人)签字", "subject or delegate; later: by an addendum", _sign),
    Column("addenda", "补充记录数", "records that came later", lambda c: c.later.count or None, holds=Holds.NUMBER),
    Column(
        "revoked", "密钥已吊销", "yes: signed by a key that had been revoked before", lambda c: not c.believed or None
    ),
)
HASH = Column("sha256", "记录指纹(SHA-256)", "the signed record's hash", lambda c: c.sha256)


def _findings(check: Check) -> list[str]:
    found: list[str] = check.payload.get("document", {}).get("findings", [])
    return found


def _contact(check: Check) -> object:
    return check.payload.get("contact", {}).get("phone")


def personal(officers: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns that name people; ``officers``: their names by id."""

    def named(check: Check) -> str:
        return "; ".join(officers.get(one, one) for one in check.officers)

    return (
        Column("name", "姓名", "the woman, or who claims the certificate", _document("name")),
        Column("number", "身份证号", "number of the document", _document("number")),
        Column("sex", "性别", "sex as the document has it", _document("sex")),
        Column("birth", "出生日期", "date of birth", _document("birth")),
        Column("phone", "联系方式", "her own telephone number", _contact),
        Column("visit", "就诊卡(ID)号", "the visit's reference; the linked one", lambda c: c.visit),
        Column(
            "gestation_week", "孕周", "week of gestation", lambda c: c.payload.get("gestation_week"), holds=Holds.NUMBER
        ),
        Column("reason", "原因", "the officers' reason", lambda c: c.payload.get("reason")),
        Column("officer_names", "核验人", "the officers' names", named),
    )


def columns_of(officers: Mapping[str, str] | None) -> tuple[Column, ...]:
    """The columns of an export; with ``officers`` (names by id) it names people."""
    return (*PLAIN, *(personal(officers) if officers is not None else ()), HASH)


def row_of(check: Check, columns: tuple[Column, ...]) -> Row:
    """The row of ``check``."""
    return [cell(column.value(check)) for column in columns]
