// Card, face, finger: one instruction each, in the middle.
import { act } from "../act.js";
import { button, el } from "../dom.js";
import { icon } from "../icons.js";
import { mirror } from "../preview.js";
import { go, now } from "../state.js";
import { say } from "../words.js";
import { useFinger } from "./finger.js";
import { back, leave, otherWay, refuse, staffDecides } from "./ways.js";

const WAYS = { forgotten: "card", chip_dead: "warn", phone_eid: "phone", none_issued: "people" };
const figure = (sign) => el("div", { className: "figure" }, icon(sign));

const cardReading = {
  sign: () => null,
  asks: () => "card",
  hint: () => say("card_hint"),
  body: () => [figure("card")],
  touches: () => [
    button(say("no_card"), "warn", () => go({ part: "ways" })), useFinger(), otherWay(), refuse(), staffDecides(), leave(),
  ],
};

const cardWays = {
  sign: () => "card",
  title: () => say("card_ways"),
  hint: () => say("card_ways_hint"),
  body: () => [el("div", { className: "choices" }, Object.entries(WAYS).map(([cause, sign]) => button(say(cause), sign, () => act("no_card", { cause }))))],
  touches: () => [back(), staffDecides()],
};

export const cardScreen = () => (now.part === "ways" ? cardWays : cardReading);

export const face = {
  sign: () => "face",
  asks: (view) => (view.asked ? `ask_${view.asked}` : "face"),
  hint: (view) => (!view.asked || view.asked === "light" ? say("face_hint") : ""),
  body: () => [mirror(say("face"))],
  touches: () => [useFinger(), otherWay(), refuse(), staffDecides(), leave()],
};
