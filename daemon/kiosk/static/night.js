// Night is dim and silent. When it is, the unit says, so that its buzzer keeps to the same; a touch here decides otherwise.
import { tellRoom } from "./page.js";
import { go, now } from "./state.js";

const SETTLED_MS = 1000; // as long a view may be on its way that was made before the unit heard of the touch

let touched = null; // while the touch counts, whatever views say

export const isNight = () => document.documentElement.dataset.light === "night";

function light(night) {
  document.documentElement.dataset.light = night ? "night" : "day";
}

export function showLight(night) {
  if (touched === null) light(night);
}

export function switchNight() {
  const night = !isNight();
  light(night);
  tellRoom({ night });
  clearTimeout(touched);
  touched = setTimeout(() => {
    touched = null;
    light(now.view.night);
    go();
  }, SETTLED_MS);
}
