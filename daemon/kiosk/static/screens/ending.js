// Signing, recording, the result, and an emergency's explanation.
import { act, complain } from "../act.js";
import { button, el } from "../dom.js";
import { icon, signOf } from "../icons.js";
import { officerForm } from "../officer_form.js";
import { clearPad, drawnName, signature, signaturePad, signerChoice } from "../pad.js";
import { touch } from "../page.js";
import { paperLine, printTouch } from "../paper.js";
import { toTell } from "../places.js";
import { prepare } from "../security_key.js";
import { go, now } from "../state.js";
import { explain, say } from "../words.js";
import { back, isChild } from "./ways.js";
import { documentOf } from "./deciding.js";

function sendSignature() {
  const drawn = signature();
  return drawn.cause ? complain(explain(drawn.cause)) : act("sign", drawn);
}

// Who is asked to sign: she herself, a child's guardian, or the family of who could not be verified.
const signer = (view) => {
  if (view.may_sign) return "sign";
  return isChild(view) ? "sign_guardian" : "sign_family";
};

const sign = {
  sign: (view) => signOf[view.outcome],
  asks: signer,
  hint: (view) => [
    say(view.outcome), view.decision?.reason, view.document?.name, view.document?.number,
    view.signed.length ? say("officer_signed", view.signed.join(", ")) : null,
  ].filter(Boolean).join(" · "),
  body: (view) => [signaturePad(), signerChoice(view.may_sign, view.relations)],
  touches: (view) => [
    button(say("sign_ok"), "pass", sendSignature, "first"), button(say("sign_clear"), "undo", clearPad),
    officerNext(view) ? button(say("officer_signs"), "pen", () => { clearPad(); go({ part: "officer" }); }) : null,
    button(say("sign_later"), "wait", () => act("sign_later")),
  ],
  shows: (view) => [view.outcome, signer(view), view.signing, view.signed, view.relations],
};

// The officers who answer for the result sign one after the other; whoever is not there signs on paper.
const officerNext = (view) => view.signing.find((officer) => !view.signed.includes(officer));

async function sendOfficer() {
  const png = drawnName();
  if (!png) return complain(explain("png_is_missing_or_too_large"));
  if (await act("sign_officer", { officer: officerNext(now.view), png })) return null;
  clearPad();
  return go({ part: null });
}

const officerSign = {
  sign: () => "pen",
  title: () => say("officer_signs"),
  hint: (view) => say("officer_sign_hint", officerNext(view) ?? ""),
  body: () => [signaturePad()],
  touches: () => [button(say("sign_ok"), "pass", sendOfficer, "first"), button(say("sign_clear"), "undo", clearPad), back()],
  shows: () => [],
};

export const signScreen = () => (now.part === "officer" ? officerSign : sign);

export const sealing = {
  sign: () => "wait",
  title: () => say("sealing"),
  hint: () => say("sealing_hint"),
  body: () => [],
  touches: () => [],
};

const recorded = (view) => (view.online && !view.waiting ? say("recorded_online", view.seq) : say("recorded_here", view.seq, view.waiting));
const GOOD = { passed: "done_good", emergency: "emergency_hint" };

const result = {
  sign: (view) => signOf[view.outcome],
  asks: (view) => view.outcome,
  hint: (view) => [say(GOOD[view.outcome] ?? "done_other"), view.held_back ? say(`held_${view.held_back}`) : null].filter(Boolean).join(" · "),
  body: (view) => [
    documentOf(view),
    view.alerts.length ? el("p", { className: "recorded attended" }, icon("phone"), el("span", { id: "to-tell" }, say("to_tell", toTell(view.alerts).join(say("and"))))) : null,
    el("p", { className: "recorded" }, icon("pass"), el("span", {}, recorded(view))),
    paperLine(view) ?? (view.document || view.channel ? el("p", { className: "small" }, say("vanishes")) : null), // a small screen has room for one
  ],
  touches: (view) => [
    ...(view.outcome === "emergency"
      ? [...accounts(), button(say("close_later"), "wait", () => act("close"))]
      : [button(say("close"), "pass", () => act("close"), "first big")]),
    printTouch(view),
  ],
};

// How a named officer accounts for an emergency; what each says is the addendum's, as from the queue hours later.
const ACCOUNTS = {
  explain: { what: "explanation", reasons: "emergency", sign: "pen" },
  amend_mistaken_emergency: { what: "mistaken_emergency", reasons: "mistaken_emergency", sign: "undo" },
};

const accounts = () => Object.entries(ACCOUNTS).map(([part, { sign }], index) => button(say(part), sign, () => go({ part }), index ? "" : "first"));

function account(part) {
  const { what, reasons, sign } = ACCOUNTS[part];
  return {
    sign: () => sign,
    title: () => say(part),
    hint: () => "",
    body: () => [officerForm({
      title: say(part), reasons, challenge: (said) => prepare("explain", { what, ...said }), send: (values) => touch("explain", { what, ...values }),
    })],
    touches: () => [back()],
    shows: () => [],
  };
}

export const doneScreen = () => (now.part in ACCOUNTS ? account(now.part) : result);
