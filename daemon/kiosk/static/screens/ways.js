// Ways on that are always one touch away.
import { act } from "../act.js";
import { button } from "../dom.js";
import { go } from "../state.js";
import { say } from "../words.js";

// A guardian consents and signs for who is under 14.
export const isChild = (view) => view.findings.includes("under_14");

export const otherWay = () => button(say("other_way"), "people", () => act("decline", { wish: "other_way" }));
export const refuse = () => button(say("refuse"), "hand", () => act("decline", { wish: "refuse" }));
export const leave = () => button(say("left"), "leave", () => act("left"));
export const staffDecides = () => button(say("staff_decides"), "lock", () => go({ part: "staff" }));
export const back = () => button(say("back"), "back", () => go({ part: null }));
