// Night: dim and silent, from 21 to 7 or where the browser says dark; a touch decides otherwise until the next change.
const FROM = 21;
const TO = 7;
const LOOK_MS = 60_000;

const dark = matchMedia("(prefers-color-scheme: dark)");
let touched = null;
let usual = null;

function usually() {
  const hour = new Date().getHours();
  return dark.matches || hour >= FROM || hour < TO;
}

export const isNight = () => touched ?? usually();

export function switchNight() {
  touched = !isNight();
  show();
}

function show() {
  document.documentElement.dataset.light = isNight() ? "night" : "day";
}

function look(changed) {
  if (usually() !== usual) {
    usual = usually();
    touched = null;
  }
  show();
  changed();
}

export function watchNight(changed) {
  look(() => {});
  dark.addEventListener("change", () => look(changed));
  setInterval(() => look(changed), LOOK_MS);
}
