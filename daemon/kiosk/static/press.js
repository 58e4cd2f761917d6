// A press keeps what is under it: a button drawn anew between a finger's coming and going would take the touch with it.
const LONGEST_MS = 1000; // a hand that rests on the glass must not keep the screen from changing
const CLICK_MS = 50; // a touch screen's click comes a little after the finger has gone

let release = null;

export const pressed = () => release !== null;

function releaseIn(wait, done) {
  clearTimeout(release);
  release = setTimeout(() => {
    release = null;
    done();
  }, wait);
}

// `done` is called when what waited may be drawn.
export function watchPresses(done) {
  addEventListener("pointerdown", () => releaseIn(LONGEST_MS, done), true);
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => pressed() && releaseIn(CLICK_MS, done), true);
}
