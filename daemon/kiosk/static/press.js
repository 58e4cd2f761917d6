// Presses. One keeps what is under it: a button drawn anew between a finger's coming and going would take the touch with
// it. And one is for the screen that was there when the finger came down, and that somebody has had time to see: else the
// second of two quick taps would answer the next question too. The emergency button is outside of that, and so are keys.
const LONGEST_MS = 1000; // a hand that rests on the glass must not keep the screen from changing
const CLICK_MS = 50; // a touch screen's click comes a little after the finger has gone
const SEEN_MS = 500; // and no two taps that are one gesture are further apart

let release = null;
let shown = { what: null, sinceMs: Infinity }; // what can be pressed, and when that was first seen
let meant = null; // what the last press was for

export const pressed = () => release !== null;

function releaseIn(wait, done) {
  clearTimeout(release);
  release = setTimeout(() => {
    release = null;
    done();
  }, wait);
}

// Told after every drawing: `what` is another text where something else can be pressed. Until that was seen no button
// looks pressed either (style.css).
export function pressable(what) {
  if (what === shown.what) return;
  const fresh = { what, sinceMs: Infinity };
  shown = fresh;
  document.documentElement.dataset.fresh = "yes";
  requestAnimationFrame(() => {
    fresh.sinceMs = performance.now();
    setTimeout(() => { if (fresh === shown) delete document.documentElement.dataset.fresh; }, SEEN_MS + 1);
  });
}

function swallow(event) {
  const byKey = event.detail === 0; // or by a screen reader
  if (byKey || meant === shown || event.target.closest("#emergency")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

// `done` is called when what waited may be drawn.
export function watchPresses(done) {
  addEventListener("pointerdown", (event) => {
    meant = event.timeStamp - shown.sinceMs >= SEEN_MS ? shown : null;
    releaseIn(LONGEST_MS, done);
  }, true);
  addEventListener("click", swallow, true);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => pressed() && releaseIn(CLICK_MS, done), true);
}
