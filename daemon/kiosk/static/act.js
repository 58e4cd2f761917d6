// A touch, and what is said where the unit does not take it. That stays while its screen does, however often news draws
// it anew: in a form's own line, or where there is none in place of what else stands in the way.
import { byId, el } from "./dom.js";
import { icon } from "./icons.js";
import { touch } from "./page.js";
import { explain } from "./words.js";

let screen = 0; // an answer that comes late is not for the next one
let refused = ""; // of this screen
let carried = ""; // to the next one
let trouble = ""; // what the unit says of the check
let alarmed = ""; // above all else

function show() {
  const line = byId("refused");
  if (line) line.textContent = refused;
  const text = alarmed || (line ? trouble : refused || trouble);
  byId("trouble").replaceChildren(...(text ? [icon("warn"), text] : []));
}

// A form's line.
export const refusedLine = () => el("p", { id: "refused", className: "wrong", aria: { role: "alert" } }, refused);

// Told after every drawing. What the unit says anew takes the place of what it said against a touch.
export function inTheWay(text, another) {
  if (another) screen += 1;
  if (another) [refused, carried] = [carried, ""];
  else if (text !== trouble) refused = byId("refused") ? refused : "";
  trouble = text;
  show();
}

export function alarm(text) {
  alarmed = text;
  show();
}

// `carry`: said on the next screen too, which comes of its own.
export function complain(text, carry = false) {
  refused = text;
  carried = carry ? text : "";
  show();
}

const NUMBER = "_looks_like_an_id_number"; // of a person: it stays nowhere, the field that it was typed in included

// For this screen: gets the cause that something is refused for, or null, and words where no cause is.
export function answering() {
  const asked = screen;
  return (cause, words = explain(cause)) => {
    if (cause === "screen_changed") return complain(words, asked === screen); // on the one there is now, or is to come
    if (asked !== screen) return;
    if (cause?.endsWith(NUMBER)) byId(cause.slice(0, -NUMBER.length)).value = "";
    complain(words);
  };
}

export async function act(name, values = {}) {
  const answer = answering();
  const cause = await touch(name, values);
  answer(cause);
  return cause;
}
