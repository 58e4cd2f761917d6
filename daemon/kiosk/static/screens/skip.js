// An officer leaves out a challenge that she cannot do, with the reason and a PIN; the record says who.
import { button } from "../dom.js";
import { officerForm } from "../officer_form.js";
import { page, touch } from "../page.js";
import { go, now } from "../state.js";
import { say } from "../words.js";

const PARTS = { skip_light: "light", skip_motion: "motion" };
const SIGNS = { skip_light: "sun", skip_motion: "face" };
const STEPS = ["card", "face"];

// Touches beside what officers can decide, while a face is still to be looked at.
export const skips = (view) => Object.keys(PARTS)
  .filter((part) => STEPS.includes(view.step) && page.may_skip.includes(PARTS[part]))
  .map((part) => button(say(part), SIGNS[part], () => go({ part })));

async function send(officer) {
  const cause = await touch("skip_challenge", { challenge: PARTS[now.part], ...officer });
  if (!cause) go({ part: null });
  return cause;
}

const screen = {
  sign: () => "lock",
  title: () => say(now.part),
  hint: () => say("skip_hint"),
  body: () => [officerForm({ title: say(now.part), ok: say("save"), reasons: "skip", send })],
  touches: () => [button(say("back"), "back", () => go({ part: "staff" }))],
};

export const skipScreen = () => (now.part in PARTS ? screen : null);
