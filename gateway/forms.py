"""``vernix-gateway form`` and ``register``: forms on paper from the records that are stored here, as PDF.

A picture of her was never here: the form says that the portrait is on the signed original. Her signature is, as the
attachment that the record names.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evidence.encoding import b64url_decode, json_object
from evidence.files import write_atomic
from evidence.forms.fill import Drawn, Filled, fill
from evidence.forms.register import Month, Seen, register
from evidence.forms.render import Printed, render
from evidence.forms.sheet import Sheet
from evidence.forms.words import CONFIRMATIONS, SLIPS, FormId
from evidence.record import Kind, Record, signature_counts
from evidence.verify import read_record
from gateway.config import Config
from gateway.statistics.commands import looked_at
from gateway.statistics.facts import Later
from gateway.statistics.survey import Period
from gateway.store import Held, Store

OK, FINDING = 0, 1
SUBJECT = "signature.png"
"""The name of her signature, or her delegate's, among a record's attachments."""

Standing = Callable[[Config, Store, str, Record], tuple[str, bool]]
"""What the list of revoked keys says of a record, and whether it may be believed."""
_SINGLE = tuple(one.value for one in FormId if one not in (FormId.DELIVERIES_REGISTER, FormId.SLIP_FINGER))


@dataclass(frozen=True, slots=True)
class Told:
    """One check: its record, with what addenda brought of visit and signature.

    ``mistaken``: an officer accounted for its emergency as a touch by mistake.
    """

    payload: Mapping[str, Any] = field(repr=False)
    drawn: tuple[Drawn, ...] = ()
    mistaken: bool = False


def told(records: list[Held]) -> Told | None:
    """The check that ``records`` (the check's record and its addenda, in order) tell of; None without its record."""
    payload: dict[str, Any] | None = None
    drawn: dict[str, Drawn] = {}
    later = Later()
    for held in records:
        item = read_record(held.jws)
        if item.kind is Kind.CHECK:
            payload = dict(item.payload)
        elif item.kind is Kind.ADDENDUM and payload is not None:
            signed = item.payload.get("subject_sign")
            if signed and not signature_counts(payload, signed["by"]):
                continue
            payload |= {name: item.payload[name] for name in ("visit", "subject_sign") if name in item.payload}
            later.take(item.payload)
        drawn |= {one.who: one for one in _drawn(item, held.attachments)}
    return Told(payload, tuple(drawn.values()), later.mistaken) if payload is not None else None


def _drawn(item: Record, attachments: str) -> Iterator[Drawn]:
    """The signatures beside a record; they were held against its hashes when they came."""
    pictures = {one["name"]: b64url_decode(one["data"]) for one in json_object(attachments.encode())["attachments"]}
    signed = item.payload.get("subject_sign")
    if signed and SUBJECT in pictures:
        yield Drawn("subject" if signed["by"] == "subject" else "delegate", pictures[SUBJECT])
    for one in item.payload.get("officer_signs", ()):
        if one["name"] in pictures:
            yield Drawn(one["id"], pictures[one["name"]])


def _names(store: Store) -> dict[str, str]:
    """Officers' names by id, as they applied for their accounts."""
    with store.transaction():
        return {one.id: one.name for one in store.officers.accounts()}


def _complain(line: str) -> None:
    sys.stderr.write(f"vernix-gateway: {line}\n")


def _write(path: Path, sheet: Sheet, what: str) -> int:
    printed: Printed = render(sheet)
    write_atomic(path, printed.pdf, mode=0o600)
    sys.stdout.write(f"{path}: {what}\n")
    if printed.missing:
        _complain(f"{path}: 字库缺字 {', '.join(printed.missing)}: no font has them; named there")
    unusable = sheet.content.get("unusable", ())
    if unusable:
        _complain(f"{path}: {len(unusable)} drawn names are no pictures and left out; named there")
    return FINDING if printed.missing or unusable else OK


def _form(config: Config, arguments: argparse.Namespace, standing: Standing) -> int:
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store:
        held = store.of_check(arguments.check)
        one, names = told(held), _names(store)
        words = [standing(config, store, each.unit, read_record(each.jws)) for each in held]
    if one is None:
        _complain(f"no verified record of a check {arguments.check}")
        return FINDING
    if not all(believed for _, believed in words):
        for word, _ in words:
            _complain(f"{arguments.check}: {word}")
        return FINDING
    outcome, own = one.payload["outcome"], CONFIRMATIONS.get(one.payload["policy"]["id"], FormId.NEUTRAL_CONFIRMATION)
    form = FormId(arguments.form or own)
    if outcome not in SLIPS.get(form, (outcome,)):
        fits = ", ".join([own, *(slip for slip, outcomes in SLIPS.items() if outcome in outcomes)])
        _complain(f"{form} is for {', '.join(SLIPS[form])}; check {arguments.check} is {outcome}: take {fits}")
        return FINDING
    place = {"institution": config.forms.institution, "department": arguments.department}
    filled = Filled(one.payload, drawn=one.drawn, officers=names, later=True, mistaken=one.mistaken, **place)
    return _write(arguments.out, fill(form, filled), form.value)


def _register(config: Config, arguments: argparse.Namespace) -> int:
    month: Month = arguments.month
    rules = config.rules()
    paper = rules.register if rules else None
    seen, refused, of_month = [], 0, Period(*month.around)
    with closing(Store(config.gateway.data / "gateway.db", create=False)) as store, looked_at(config, store) as survey:
        for check in survey.checks(Period(*month.reach)):
            nobody = check.later.nobody or check.emergency == "mistaken"
            places = paper.checkpoints if rules and paper and check.policy == rules.id else ()
            one = Seen.of(check.payload, check.later.visit, mistaken=nobody, places=places)
            if check.believed:
                seen.append(one)
            elif one.here and of_month.holds(one.at):
                refused += 1
        holes = [(unit.row.unit, hole) for unit in survey.units.values() for hole in unit.missing]
    due_day = paper.due_day if paper else None
    sheet = register(month, seen, institution=config.forms.institution, due_day=due_day)
    apart = len(sheet.content["apart"])
    status = _write(arguments.out, sheet, f"{len(sheet.content['rows'])} women" + (f", {apart} apart" if apart else ""))
    if due_day is None:
        _complain("the day it is due is left out: gateway.policy names no policy pack with a monthly register")
    for unit, (first, last) in holes:
        _complain(
            f"{unit}: records {first} to {last} are missing or wait for others: whoever they tell of is not in it"
        )
    if refused:
        _complain(f"{refused} checks are left out: their key was revoked before; see show")
    return FINDING if refused or holes else status


def _month(text: str) -> Month:
    return Month.parse(text)


_month.__name__ = "month (as 2026-11)"  # what argparse calls it


def add_commands(commands: Any, standing: Standing) -> None:
    """Add ``form`` and ``register`` to the command line."""
    about = "Print the form of a check as PDF; the portrait is on the signed original."
    form = commands.add_parser("form", help=about, description=about)
    form.add_argument("check", help="the check's id")
    form.add_argument("--form", choices=_SINGLE, help="default: the confirmation of the check's policy")
    form.add_argument("--department", default="", help="核验科室; default: left for the pen")
    form.set_defaults(action=lambda config, arguments: _form(config, arguments, standing))
    about = "Print the month's real-name register of deliveries (住院分娩实名登记表) as PDF."
    month = commands.add_parser("register", help=about, description=about)
    month.add_argument("--month", type=_month, required=True, help="as 2026-11")
    month.set_defaults(action=_register)
    for parser in (form, month):
        parser.add_argument("--out", type=Path, required=True, help="the PDF, readable by its owner alone")
        parser.set_defaults(json=False)
