"""What tells that two entries are one person: one person has one account, so that nobody can be both officers.

Compared is what is written, not who it is: somebody who applies under another name, department, number and telephone
is another person here. What the approvers know of their own staff is no field of a form.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

NAMESAKES = "name and department"
"""What two people may have in common all the same, see :meth:`Person.shared_with`."""
_CHINA = re.compile(r"(?:00)?86(?=1[0-9]{10}$)")


def name_key(text: str) -> str:
    """A name or staff number without what writing changes: width, case and blanks."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def phone_key(phone: str) -> str:
    """A telephone number's digits, without China's own code before a mobile number."""
    return _CHINA.sub("", re.sub(r"[^0-9]", "", phone))


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is, as a form says it; ``staff_number`` (工号) may be empty."""

    name: str = field(repr=False)
    department: str
    phone: str = field(repr=False)
    staff_number: str = field(default="", repr=False)

    def shared_with(self, other: Person) -> str | None:
        """What the two have in common that two people have not; None: nothing.

        Namesakes in one department are told apart by their staff numbers.
        """
        own, others = name_key(self.staff_number), name_key(other.staff_number)
        if own and own == others:
            return "staff-number"
        if phone_key(self.phone) == phone_key(other.phone):
            return "phone"
        same = name_key(self.name) == name_key(other.name) and name_key(self.department) == name_key(other.department)
        return NAMESAKES if same and not (own and others) else None
