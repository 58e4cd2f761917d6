// Care first: sent until the unit has it. Where the answer is late, what else opens the door is said.
import { alarm } from "./act.js";
import { renew, touch } from "./page.js";
import { say } from "./words.js";

const LATE_MS = 1000;
const AGAIN_MS = 1000;
const PRESS = "emergency"; // number and time of the press: it outlives the page, which may be loading itself anew, until it is answered

let sending = Promise.resolve();
let waits = false;

const clockMs = () => performance.timeOrigin + performance.now(); // goes on over a page that is loaded anew
const ageMs = ({ atMs }) => Math.max(0, Math.round(clockMs() - atMs));

function pressedNow() {
  const [number] = crypto.getRandomValues(new Uint32Array(1));
  const pressed = { press: (number + 1).toString(16), atMs: clockMs() };
  sessionStorage.setItem(PRESS, JSON.stringify(pressed));
  return pressed;
}

// By its number a press that is told again is known, and by its age when it was, also by a unit that has just started.
const tell = (pressed) => touch("emergency", {}, {
  headers: { "X-Vernix-Press": pressed.press, "X-Vernix-Age-Ms": String(ageMs(pressed)) }, keepalive: true,
});

async function send(pressed) {
  const late = setTimeout(() => alarm(say("emergency_unanswered")), LATE_MS - ageMs(pressed));
  let cause = await tell(pressed);
  while (cause) {
    const renewed = cause === "wrong_token" && await renew(); // the unit has started anew since
    if (!renewed) await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    cause = await tell(pressed);
  }
  sessionStorage.removeItem(PRESS);
  clearTimeout(late);
  alarm("");
}

function begin(pressed) {
  waits = true;
  sending = send(pressed).finally(() => { waits = false; });
}

// Who presses again while it waits means the same one.
export function emergency() {
  if (!waits) begin(pressedNow());
}

// What the page before this one was telling when it went.
export function goOnTelling() {
  const left = sessionStorage.getItem(PRESS);
  if (left && !waits) begin(JSON.parse(left));
}

// When none waits any more.
export const emergencySent = () => sending;
