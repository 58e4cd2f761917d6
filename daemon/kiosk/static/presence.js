// Somebody is at the glass. The unit hears of it, once a second at most, and says when nobody has been for a while.
import { tellRoom } from "./page.js";
import { now } from "./state.js";

const EVERY_MS = 1000;

// `steps`: those of a check, or without one, in which it matters.
export function watchPresence(steps) {
  let toldMs = -EVERY_MS; // times count from when the page was opened; its first touch is always told
  const touched = ({ timeStamp }) => {
    if (!steps.includes(now.view?.step) || (now.view.attended && timeStamp - toldMs < EVERY_MS)) return;
    toldMs = timeStamp;
    tellRoom();
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, touched, true);
}
