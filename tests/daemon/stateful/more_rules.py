"""Rules about fingers and security keys; as in ``machine.py``, none depends on where the check is."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from daemon.demo.stage import OFFICERS
from hw.fingerprint.simulated_finger import Skin
from tests.daemon.stateful.keys import MISUSES
from tests.daemon.stateful.plant import Plant

OUTCOMES: Final = (("refused", "her word"), ("unable", "injured"), ("manual", "passport"))
_OFFICER, _PIN = next(iter(OFFICERS.items()))
_HANDS = st.sampled_from(("anna", "anna", "bella", "nobody"))


class FingerRules(RuleBasedStateMachine):
    """At the module: whoever, whenever; and women who would rather show a finger."""

    plant: Plant

    @rule(whose=_HANDS, skin=st.sampled_from(Skin))
    def finger(self, whose: str, skin: Skin) -> None:
        """At any time."""
        self.plant.fingers.lay(whose, skin)

    @rule(
        who=st.sampled_from(("anna", "anna", "bella")),
        slip=_HANDS,
        finger=_HANDS,
        at=st.sampled_from(("", "registration")),
    )
    def finger_check(self, who: str, slip: str, finger: str, at: str) -> None:
        """A woman with a card, a slip - hers, another's, torn - and a finger, as far as the check lets her."""
        plant = self.plant
        plant.lay("nobody")  # a card that is changed while it is read costs the reader three seconds
        plant.touch("close")
        plant.touch("log_in", officer=_OFFICER, pin=_PIN)  # somebody answers for a pass
        plant.touch("begin", **({"checkpoint": at} if at else {}))
        plant.touch("consent")
        plant.touch("finger")
        plant.lay(who)
        plant.fingers.lay(finger)
        plant.touch("slip", text=plant.fingers.slip(slip))
        plant.touch("finger_consent", purpose="compare")
        plant.until(lambda view: view["step"] not in ("card", "finger"), 2.0)
        plant.fingers.lay("nobody")

    @rule(whose=_HANDS, again=_HANDS)
    def enrol(self, whose: str, again: str) -> None:
        """Two captures, perhaps of two fingers; where nobody is asked for one, nothing happens."""
        plant = self.plant
        plant.touch("finger_consent", purpose="enrol")
        for hand, then in ((whose, "finger_once_more"), (again, "")):
            if plant.view["step"] == "enrol":
                plant.fingers.lay(hand)
                plant.until(lambda view, then=then: view["trouble"] == then or view["step"] != "enrol", 1.5)
                plant.fingers.lay("nobody")
        plant.touch("enrol_end")

    @rule(packets=st.integers(0, 5))
    def pulled(self, packets: int) -> None:
        """The module's cable, in the middle of a transfer."""
        self.plant.pull_module(packets)


class KeyRules(RuleBasedStateMachine):
    """Officers with security keys, and who would like to be one."""

    plant: Plant

    @rule(number=st.integers(0, 2))
    def by_keys(self, number: int) -> None:
        """A decision that both confirm with their keys."""
        outcome, reason = OUTCOMES[number]
        self.plant.touch("propose", outcome=outcome, reason=reason)
        self.plant.keys.confirm()

    @rule(number=st.integers(0, 2), how=st.sampled_from(MISUSES))
    def misused(self, number: int, how: str) -> None:
        """Twice: something is there to be replayed."""
        outcome, reason = OUTCOMES[number]
        for _ in range(2):
            self.plant.touch("propose", outcome=outcome, reason=reason)
            self.plant.keys.misuse(how)
            self.plant.touch("withdraw")

    @rule(name=st.sampled_from(("log_in", "explain")))
    def prepared(self, name: str) -> None:
        """What a key signs beside a decision is good once."""
        self.plant.keys.prepared(name, **({"reason": "birth"} if name == "explain" else {}))
