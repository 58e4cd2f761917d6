// Officers decide: first how it ends, then why, then each confirms with a PIN.
import { act } from "../act.js";
import { byId, button, el, field } from "../dom.js";
import { icon, signOf } from "../icons.js";
import { keysFor } from "../keys.js";
import { chips, officerForm } from "../officer_form.js";
import { page, touch } from "../page.js";
import { prepare } from "../security_key.js";
import { go, now } from "../state.js";
import { clock, explain, say } from "../words.js";
import { channelName, documentName, recipientName, visitOf } from "../places.js";
import { entries, entryScreens } from "./document.js";
import { skips, skipScreen } from "./skip.js";
import { back, leave } from "./ways.js";

const OUTCOMES = ["passed", "failed", "refused", "unable", "manual", "device_fault"];

export function documentOf(view) {
  const rows = view.channel ? [[channelName(view.channel.id), view.channel.reference]] : [];
  if (view.document) {
    rows.push([say("document"), documentName(view.document.type)]);
    rows.push(...["name", "number"].map((key) => [say(key), view.document[key]]));
    const attack = view.attack && view.attack !== view.trouble ? [view.attack] : []; // who confirms, or looks at a passport after it, has to know
    rows.push([say("findings"), ...[...view.findings, ...attack].map(explain)]);
  }
  return rows.length === 0 ? null : el("dl", {}, rows.filter((row) => row.length > 1)
    .map(([term, ...values]) => el("div", {}, el("dt", {}, term), values.map((value) => el("dd", {}, value)))));
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

// Everything is there but a name that answers for the pass: with a login the check goes on.
const dutyForm = (view) => (["nobody_on_duty", "regular_staff_only"].includes(view.trouble)
  ? officerForm({ title: say("duty"), ok: say("log_in"), challenge: () => prepare("log_in"), send: (values) => touch("log_in", values) })
  : null);

// What officers look at themselves ends as `manual` nearly always, so that comes first.
const byHand = (view) => Boolean(view.channel) || page.entered.slice(0, -1).includes(view.document?.type);
const inOrder = (view) => (byHand(view) ? ["manual", ...OUTCOMES.filter((one) => one !== "manual")] : OUTCOMES);
const outcomes = (view) => el("div", { className: "choices" }, inOrder(view)
  .filter((outcome) => outcome !== "passed" || view.may_pass)
  .map((outcome) => button(say(outcome), signOf[outcome], () => go({ part: outcome }), outcome)));

// Also where officers step in before they are asked: `part` is "staff".
export const decision = {
  sign: () => "lock",
  title: () => say("decision"),
  asks: (view) => (view.step === "decision" ? "decision" : null),
  hint: () => say("decision_hint"),
  body: (view) => (view.document || view.channel
    ? [documentOf(view), phoneForm(view), dutyForm(view), outcomes(view), entries(view)] : [entries(view), phoneForm(view), outcomes(view)]),
  touches: (view) => (view.step === "decision"
    ? [view.may_read_again ? button(say("read_again"), "card", () => act("read_again")) : null,
      button(say("park"), "wait", () => act("park")), leave()] : [back(), ...skips(view), leave()]),
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
  body: (view) => [chips(now.part, propose, view.channel ? [channelName(view.channel.id)] : []), otherReason()],
  touches: () => [button(say("back"), "back", () => go({ part: now.view.step === "decision" ? null : "staff" }))],
};

export function decisionScreen() {
  if (now.part in entryScreens) return entryScreens[now.part]();
  return skipScreen() ?? (OUTCOMES.includes(now.part) ? why : decision);
}

const keyFindings = (view) => view.decision.findings.map((one) => el("p", { className: "wrong" }, icon("warn"), explain(one)));

const persons = (view) => el("p", { className: "officers" },
  Array.from({ length: view.decision.needed }, (_, index) => icon(index < view.decision.confirmed.length ? "pass" : "lock")),
  el("span", {}, `${view.decision.confirmed.length}/${view.decision.needed} ${say("officers_of")} ${say("confirmed")} ${view.decision.confirmed.join(", ")}`));

// Whom the rules have send a second officer, as long as one is missing.
const absent = (view) => (view.decision.needed > 1 && view.decision.confirmed.length < view.decision.needed
  ? el("p", {}, say("second_from", recipientName(page.second_officer_from))) : null);

export const confirm = {
  sign: (view) => signOf[view.decision.outcome],
  asks: () => "confirm",
  hint: (view) => [
    say(view.decision.outcome), view.decision.reason, visitOf(view), say("confirm_until", clock(view.decision.expires)),
  ].join(" · "),
  body: (view) => [documentOf(view), persons(view), absent(view), ...keyFindings(view), officerForm({ title: say("confirm"), challenge: view.decision.challenge, send: (values) => touch("confirm", { statement: view.decision.statement, ...values }) })],
  touches: () => [button(say("park"), "wait", () => act("park")), button(say("withdraw"), "undo", () => act("withdraw"))],
};
