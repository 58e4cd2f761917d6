// A USB scanner is a keyboard that types faster than people and ends with Enter. What counts is when a key was pressed,
// not when this page came to it. Nothing is ever taken of a scan but all of it.
const PACE_MS = 60; // between two keys on average: no hand keeps that up
const BREAK_MS = 150; // a longer pause has interrupted it
const LEFT_MS = 3000; // what was left so long ago is no part of what comes now
const SHORTEST = 4;

let typed = "";
let gaps = [];
let lastMs = 0;

function forget() {
  typed = "";
  gaps = [];
}

const isWhole = () => gaps.every((gap) => gap >= 0 && gap <= BREAK_MS)
  && gaps.reduce((sum, gap) => sum + gap, 0) <= PACE_MS * gaps.length;

// Whether a scanner had a part in it: so many keys in a row come from no hand.
function scannersToo() {
  let run = 0;
  return gaps.some((gap) => {
    run = gap >= 0 && gap <= PACE_MS ? run + 1 : 0;
    return run >= SHORTEST;
  });
}

// On a button somebody who comes to it by keys presses it with a pause before; the emergency's keys are never taken.
const isHands = ({ target }, gap) => target instanceof HTMLButtonElement
  && (target.id === "emergency" || gap > BREAK_MS || !typed.trim());

// `scanned` gets the text of every whole scan, and the field it was typed into; `broken` is called for what was not
// whole, or was typed nowhere. No key of a scan reaches a button.
export function watchScanner(scanned, broken) {
  document.addEventListener("keydown", (event) => {
    const gap = event.repeat ? Infinity : event.timeStamp - lastMs; // a key that is held down is fast too
    lastMs = event.timeStamp;
    if (gap > LEFT_MS && !event.repeat) forget();
    if (event.key === "Enter") {
      if (typed) gaps.push(gap);
      if (!isHands(event, gap)) end(event, scanned, broken);
      forget();
    } else if (event.key.length === 1) {
      if (typed) gaps.push(gap);
      if (typed.trim() && !isHands(event, gap) && event.target instanceof HTMLButtonElement) event.preventDefault();
      typed += event.key;
    } else if (event.key !== "Shift") {
      forget();
    }
  }, true);
}

function end(event, scanned, broken) {
  const field = event.target instanceof HTMLInputElement ? event.target : null;
  if (typed.length < SHORTEST || (field && !isWhole() && !scannersToo())) return; // a hand's
  event.preventDefault();
  event.stopPropagation();
  if (isWhole()) return scanned(typed, field);
  if (field?.value.endsWith(typed)) field.value = field.value.slice(0, -typed.length);
  return broken();
}
