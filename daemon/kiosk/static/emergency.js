// Care first: sent until the unit has it. Where the answer is late, what else opens the door is said.
import { alarm } from "./act.js";
import { renew, touch } from "./page.js";
import { say } from "./words.js";

const LATE_MS = 1000;
const AGAIN_MS = 1000;

let sending = Promise.resolve();
let waits = false;

// By its number a press that is told again is known, and by its age when it was, also by a unit that has just started.
function pressedNow() {
  const [[number], since] = [crypto.getRandomValues(new Uint32Array(1)), performance.now()];
  const press = (number + 1).toString(16);
  return () => touch("emergency", {}, { "X-Vernix-Press": press, "X-Vernix-Age-Ms": String(Math.round(performance.now() - since)) });
}

async function send() {
  const tell = pressedNow();
  const late = setTimeout(() => alarm(say("emergency_unanswered")), LATE_MS);
  let cause = await tell();
  while (cause) {
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    if (cause === "wrong_token") await renew(); // the unit has started anew since
    cause = await tell();
  }
  clearTimeout(late);
  alarm("");
}

// Who presses again while it waits means the same one.
export function emergency() {
  if (waits) return;
  waits = true;
  sending = send().finally(() => { waits = false; });
}

// When none waits any more.
export const emergencySent = () => sending;
