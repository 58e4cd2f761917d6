// An officer registers a security key. It counts when the gateway has given it to the officer, who tells the code there.
import { answering, refusedLine } from "../act.js";
import { byId, button, el, field } from "../dom.js";
import { keysFor } from "../keys.js";
import { canAskKey, registerKey } from "../security_key.js";
import { go, now } from "../state.js";
import { tell } from "../tell.js";
import { say } from "../words.js";

function keyForm() {
  const fields = el("div", { className: "fields" },
    field("key-officer", say("officer"), { data: { keys: "all" }, autocapitalize: "off", maxLength: 64 }),
    refusedLine(), el("button", { type: "submit", className: "first" }, say("key_register")));
  const form = el("form", { id: "key-form", noValidate: true, aria: { label: say("key") } }, fields);
  form.append(keysFor(form).place);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const officer = byId("key-officer").value.trim();
    const answer = answering();
    answer(null, say("key_now"));
    const { code, cause } = await registerKey(officer);
    answer(cause);
    if (code) {
      tell(say("key_code", code, officer));
      go({ facts: { key: { code, officer } } });
    }
  });
  return form;
}

const done = ({ code, officer }) => [
  el("p", { className: "large", id: "key-code" }, say("key_code", code, officer)),
  button(say("key_another"), "plus", () => go({ facts: {} })),
];

function content(view) {
  if (!canAskKey()) return [el("p", { className: "large" }, say("key_elsewhere"))];
  if (now.facts.key) return done(now.facts.key);
  return view.duty ? [el("p", {}, say("key_hint")), keyForm()] : [el("p", { className: "large" }, say("key_needs_duty"))];
}

export const securityKey = {
  sign: () => "lock",
  body: content,
  shows: (view) => [now.facts.key, Boolean(view.duty)],
};
