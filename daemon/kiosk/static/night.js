// Night is dim and silent. When it is, the unit says, so that its buzzer keeps to the same; a touch here decides otherwise.
import { tellRoom } from "./page.js";
import { now } from "./state.js";

export const isNight = () => document.documentElement.dataset.light === "night";

export function showLight(night) {
  document.documentElement.dataset.light = night ? "night" : "day";
}

export function switchNight() {
  now.view.night = !isNight();
  showLight(now.view.night);
  tellRoom({ night: now.view.night });
}
