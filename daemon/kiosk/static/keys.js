// Keys on the screen, for gloves: digits for a PIN or telephone, letters too for an id. A keyboard that is there works as well.
import { button, el } from "./dom.js";
import { say } from "./words.js";

const LAYOUTS = {
  digits: ["123", "456", "789", "-0"],
  all: ["1234567890", "QWERTYUIOP", "ASDFGHJKL-", "ZXCVBNM/."],
  mrz: ["1234567890", "QWERTYUIOP", "ASDFGHJKL<", "ZXCVBNM<"],
};

let target = null;

function type(text) {
  if (!target?.isConnected) return;
  target.value = text === null ? target.value.slice(0, -1) : target.value + text;
  target.focus({ preventScroll: true });
}

const key = (letter) => {
  const made = button(letter, null, () => type(letter), "key");
  made.tabIndex = -1; // who tabs has a keyboard
  return made;
};

function board(layout) {
  const erase = button("", "delete", () => type(null), "key wide");
  erase.setAttribute("aria-label", say("delete"));
  erase.tabIndex = -1;
  const rows = LAYOUTS[layout].map((row, index) => el("div", { className: "keys-row" },
    [...row].map((letter) => key(layout === "all" ? letter.toLowerCase() : letter)),
    index === LAYOUTS[layout].length - 1 ? erase : null));
  return el("div", { className: `keys ${layout === "digits" ? layout : "all"}`, aria: { role: "group", label: say("keys") } }, rows);
}

// A place for keys that follow the field which has the focus; a field says which with data-keys.
export function keysFor(form) {
  const place = el("div", { className: "keys-place" });
  const show = (input) => {
    target = input;
    const layout = input.dataset.keys;
    if (place.dataset.layout === layout) return;
    place.dataset.layout = layout ?? "";
    place.replaceChildren(...(layout ? [board(layout)] : []));
  };
  form.addEventListener("focusin", (event) => { if (event.target instanceof HTMLInputElement) show(event.target); });
  // A touch on a key must not take the focus from the field.
  place.addEventListener("pointerdown", (event) => event.preventDefault());
  return { place, show };
}
