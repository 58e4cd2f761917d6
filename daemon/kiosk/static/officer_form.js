// An officer's id and PIN, and where asked a reason. It lies in the page and is never modal: emergency stays in reach.
import { answering, refusedLine } from "./act.js";
import { byId, button, el, field } from "./dom.js";
import { keysFor } from "./keys.js";
import { askKey, canAskKey } from "./security_key.js";
import { now } from "./state.js";
import { reasonsFor, say } from "./words.js";

// A badge that was scanned says who somebody claims to be; the PIN proves it. Gone with the form.
let badge = null;

export function badgeScanned(text) {
  const id = byId("officer-id");
  if (!id) return false;
  badge = text;
  id.value = "";
  id.placeholder = say("badge_read");
  byId("officer-pin").focus();
  return true;
}

// Without an id it is the badge's officer, or who is on duty.
function who() {
  const officer = byId("officer-id").value.trim();
  if (officer) return { officer };
  if (badge) return { badge };
  return { officer: now.view.duty?.officer ?? "" };
}

// `send` gets { officer or badge, pin, reason } and returns what was wrong, or null. `more`: elements above the officer's
// fields. `challenge`: a security key may confirm too, and `send` then gets its assertion instead of the PIN; what it is
// to sign, or a function of the form's values that asks the unit for it.
export function officerForm({ title, send, ok = say("confirm_touch"), reasons = null, more = [], challenge = null }) {
  async function byKey() {
    const answer = answering();
    answer(null, say("key_now"));
    const said = reasons ? { reason: byId("reason").value } : {};
    const asked = typeof challenge === "string" ? { challenge } : await challenge(said);
    const { assertion, cause } = asked.cause ? asked : await askKey(who(), asked.challenge);
    const statement = asked.statement ? { statement: asked.statement } : {};
    answer(cause ?? await send({ ...said, ...who(), assertion, ...statement }));
  }
  badge = null;
  const fields = el("div", { className: "fields" },
    more, reasons ? reasonField(reasons) : null,
    field("officer-id", say("officer"), { data: { keys: "all" }, autocapitalize: "off", placeholder: now.view.duty ? say("on_duty", now.view.duty.officer) : "" }),
    field("officer-pin", say("pin"), { type: "password", inputMode: "numeric", data: { keys: "digits" } }),
    refusedLine(), el("button", { type: "submit", className: "first" }, ok),
    challenge && canAskKey() ? button(say("by_key"), "lock", byKey) : null);
  const form = el("form", { id: "officer", noValidate: true, aria: { label: title } }, fields);
  const keys = keysFor(form);
  form.append(keys.place);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = { ...who(), pin: byId("officer-pin").value };
    if (reasons) values.reason = byId("reason").value;
    byId("officer-pin").value = "";
    const answer = answering();
    answer(null);
    answer(await send(values));
  });
  return form;
}

const reasonField = (outcome) => [chips(outcome, (reason) => { byId("reason").value = reason; }),
  field("reason", say("reason"), { maxLength: 500 })];

// Frequent reasons, and `more` that are likely now; `chosen` gets the one that was touched.
export const chips = (outcome, chosen, more = []) => el("div", { className: "chips", aria: { role: "group", label: say("reason") } },
  [...more, ...reasonsFor(outcome)].map((reason) => button(reason, null, () => chosen(reason), "chip")));
