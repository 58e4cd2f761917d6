// The forms of the check on paper: the touch that prints them, and how printing stands.
import { act } from "./act.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

const SIGNS = { waiting: "wait", printing: "wait", printed: "pass" };
const AGAIN = ["printed", "unknown"]; // it may have come out once
const ATTENDED = ["paper_out", "stopped", "gone", "refused", "unusable", "dropped", "unknown"]; // somebody must do something

const said = (view) => say(`paper_${view.printing.state}`);

export function printTouch(view) {
  if (!view.printing.can) return null;
  return button(say(AGAIN.includes(view.printing.state) ? "print_again" : "print"), "print", () => act("print"));
}

export function paperLine(view) {
  const { state } = view.printing;
  if (state === "nothing") return null;
  const className = ATTENDED.includes(state) ? "recorded attended" : "recorded";
  return el("p", { className, id: "paper" }, icon(SIGNS[state] ?? "warn"), el("span", {}, said(view)));
}

// What stays to be done when the check has left the screen; until the next one begins.
export const paperTrouble = (view) => (view.step === "idle" && ATTENDED.includes(view.printing.state) ? said(view) : "");
