// What came later about a check: a visit's number, her signature, an emergency touched by mistake, a remark. What is open for
// it, and how many officers it takes, the unit says.
import { byId, button, el, field } from "../dom.js";
import { officerForm } from "../officer_form.js";
import { clearPad, forgetPad, signature, signaturePad, signerChoice } from "../pad.js";
import { page, touch } from "../page.js";
import { prepare } from "../security_key.js";
import { go, now } from "../state.js";
import { explain, say } from "../words.js";
import { open } from "./staff.js";

const KINDS = { visit: "list", signature: "pen", explanation: "text", mistaken_emergency: "undo", nobody_checked: "leave", remark: "plus" };

// `first`: what the first of two officers has confirmed, and by what; `asked`: what a key is to sign. Gone with the screen.
const turnTo = (what, cause = null) => go({ amending: { ...now.amending, what, cause, first: null, asked: null, second: false } });

const kinds = () => Object.keys(now.amending.kinds)
  .map((what) => button(say(`amend_${what}`), KINDS[what], () => turnTo(what)));

// For who is under 14 only a guardian signs, hours later too.
const signers = () => signerChoice(now.amending.age !== "child", page.stand_ins[now.amending.age]);

function more(what) {
  if (now.amending.first) return [];
  if (what === "visit") return [field("visit", say("visit"), { data: { keys: "all" }, maxLength: 128 })];
  if (what === "signature") return [signaturePad(), button(say("sign_clear"), "undo", clearPad), signers()];
  return [field("reason", say("reason"), { maxLength: 500 })];
}

function said() {
  const { check, what, first } = now.amending;
  if (first) return first.said;
  if (what === "signature") return { check, what, ...signature() };
  return { check, what, ...(what === "visit" ? { visit: byId("visit").value } : { reason: byId("reason").value }) };
}

// Two keys sign one statement: what the first one was asked, the second one is asked too.
async function toSign() {
  const values = said();
  if (values.cause) return values;
  if (!now.amending.first || !now.amending.asked) now.amending.asked = await prepare("amend", values);
  return now.amending.asked;
}

async function send(officer) {
  const values = said();
  if (values.cause) return values.cause;
  const { first, what, kinds: needed } = now.amending;
  if (needed[what] > 1 && !first) {
    go({ amending: { ...now.amending, cause: null, first: { said: values, officer }, second: true } });
    return null;
  }
  const hands = first ? { ...first.officer, second: officer, statement: officer.statement ?? first.officer.statement } : officer;
  const cause = await touch("amend", { ...values, ...hands });
  if (cause && first) return turnTo(what, cause); // whose PIN was wrong is not told: both begin anew
  if (cause) return cause;
  forgetPad();
  return open("queue", say("amend_sent"));
}

const hint = () => [now.amending.cause ? explain(now.amending.cause) : "", now.amending.second ? say("amend_second") : "",
  say(now.amending.outcome), now.amending.visit].filter(Boolean).join(" · ");

export const amend = {
  sign: () => "plus",
  title: () => (now.amending.what ? say(`amend_${now.amending.what}`) : say("amend_what")),
  hint,
  body: () => (now.amending.what
    ? [officerForm({ title: say("amend"), ok: say("save"), more: more(now.amending.what), challenge: toSign, send })]
    : [el("div", { className: "choices" }, kinds())]),
  touches: () => [button(say("back"), "back", () => {
    forgetPad();
    if (now.amending.what) turnTo(null);
    else go({ amending: null });
  })],
  shows: () => [now.amending.kinds, now.amending.cause],
};
