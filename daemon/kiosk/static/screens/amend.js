// What came later about a check: a visit's number, her signature, an emergency touched by mistake, a remark.
import { byId, button, el, field } from "../dom.js";
import { officerForm } from "../officer_form.js";
import { clearPad, forgetPad, signature, signaturePad, signerChoice } from "../pad.js";
import { touch } from "../page.js";
import { prepare } from "../security_key.js";
import { go, now } from "../state.js";
import { say } from "../words.js";
import { open } from "./staff.js";

const KINDS = { visit: "list", signature: "pen", explanation: "text", mistaken_emergency: "undo", remark: "plus" };

const ACCOUNTS = ["explanation", "mistaken_emergency"]; // of an emergency that nobody has accounted for

const kinds = () => Object.entries(KINDS)
  .filter(([what]) => !ACCOUNTS.includes(what) || now.amending.unaccounted)
  .map(([what, sign]) => button(say(`amend_${what}`), sign, () => go({ amending: { ...now.amending, what } })));

function more(what) {
  if (what === "visit") return [field("visit", say("visit"), { data: { keys: "all" }, maxLength: 128 })];
  if (what === "signature") return [signaturePad(), button(say("sign_clear"), "undo", clearPad), signerChoice()];
  return [field("reason", say("reason"), { maxLength: 500 })];
}

function said() {
  const { check, what } = now.amending;
  return { check, what, ...(what === "visit" ? { visit: byId("visit").value } : { reason: byId("reason")?.value ?? "" }) };
}

const drawing = () => (now.amending.what === "signature" ? signature() : {});
const NOTHING_DRAWN = "png_is_missing_or_too_large";

async function toSign() {
  const drawn = drawing();
  return drawn ? prepare("amend", { ...said(), ...drawn }) : { cause: NOTHING_DRAWN };
}

async function send(officer) {
  const drawn = drawing();
  if (!drawn) return NOTHING_DRAWN;
  const cause = await touch("amend", { ...said(), ...drawn, ...officer });
  if (!cause) {
    forgetPad();
    await open("queue", say("amend_sent"));
  }
  return cause;
}

export const amend = {
  sign: () => "plus",
  title: () => (now.amending.what ? say(`amend_${now.amending.what}`) : say("amend_what")),
  hint: () => `${say(now.amending.outcome)} · ${now.amending.visit}`,
  body: () => (now.amending.what
    ? [officerForm({ title: say("amend"), ok: say("save"), more: more(now.amending.what), challenge: toSign, send })]
    : [el("div", { className: "choices" }, kinds())]),
  touches: () => [button(say("back"), "back", () => { forgetPad(); go({ amending: now.amending.what ? { ...now.amending, what: null } : null }); })],
  shows: () => [now.amending],
};
