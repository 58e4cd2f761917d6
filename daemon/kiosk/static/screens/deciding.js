// Officers decide: first how it ends, then why, then each confirms with a PIN.
import { act } from "../act.js";
import { byId, button, el, field } from "../dom.js";
import { icon, signOf } from "../icons.js";
import { keysFor } from "../keys.js";
import { chips, officerForm } from "../officer_form.js";
import { touch } from "../page.js";
import { go, now } from "../state.js";
import { explain, say } from "../words.js";
import { back, leave } from "./ways.js";

const OUTCOMES = ["passed", "failed", "refused", "unable", "manual", "device_fault"];

export function documentOf(view) {
  if (!view.document) return null;
  const rows = ["name", "number"].map((key) => [say(key), view.document[key]]);
  rows.push(...view.findings.map((finding) => [say("findings"), explain(finding)]));
  return el("dl", {}, rows.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}

function phoneForm(view) {
  if (view.trouble !== "phone_missing") return null;
  const form = el("form", { aria: { label: say("phone") } }, el("div", { className: "fields" },
    field("phone", say("phone"), { type: "tel", data: { keys: "digits" } }),
    el("button", { type: "submit", className: "first" }, say("save"))));
  form.append(keysFor(form).place);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act("phone", { phone: byId("phone").value });
  });
  return form;
}

const outcomes = (view) => el("div", { className: "choices" }, OUTCOMES
  .filter((outcome) => outcome !== "passed" || view.may_pass)
  .map((outcome) => button(say(outcome), signOf[outcome], () => go({ part: outcome }), outcome)));

// Also where officers step in before they are asked: `part` is "staff".
export const decision = {
  sign: () => "lock",
  title: () => say("decision"),
  hint: () => say("decision_hint"),
  body: (view) => [documentOf(view), phoneForm(view), outcomes(view)],
  touches: (view) => (view.step === "decision"
    ? [button(say("park"), "wait", () => act("park")), leave()] : [back(), leave()]),
};

const propose = (reason) => act("propose", { outcome: now.part, reason });

function otherReason() {
  const form = el("form", { className: "inline", aria: { label: say("other_reason") } },
    field("reason", say("other_reason"), { maxLength: 500 }),
    el("button", { type: "submit", className: "first" }, say("next")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    propose(byId("reason").value);
  });
  return form;
}

const why = {
  sign: () => signOf[now.part],
  title: () => `${say(now.part)} · ${say("decision_reason")}`,
  hint: () => "",
  body: () => [chips(now.part, propose), otherReason()],
  touches: () => [button(say("back"), "back", () => go({ part: now.view.step === "decision" ? null : "staff" }))],
};

export function decisionScreen() {
  return OUTCOMES.includes(now.part) ? why : decision;
}

const persons = (view) => el("p", { className: "officers" },
  Array.from({ length: view.decision.needed }, (_, index) => icon(index < view.decision.confirmed.length ? "pass" : "lock")),
  el("span", {}, `${view.decision.confirmed.length}/${view.decision.needed} ${say("officers_of")} ${say("confirmed")} ${view.decision.confirmed.join(", ")}`));

export const confirm = {
  sign: (view) => signOf[view.decision.outcome],
  title: () => say("confirm"),
  hint: (view) => `${say(view.decision.outcome)} · ${view.decision.reason}`,
  body: (view) => [documentOf(view), persons(view), officerForm({ title: say("confirm"), challenge: view.decision.challenge, send: (values) => touch("confirm", values) })],
  touches: () => [button(say("park"), "wait", () => act("park")), button(say("withdraw"), "undo", () => act("withdraw"))],
};
