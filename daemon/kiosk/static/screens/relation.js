// Who stands for her says how they are related, before anything is agreed to; whom the rules let in this case, the unit says.
import { button, el } from "../dom.js";
import { page } from "../page.js";
import { go } from "../state.js";
import { relationName, say } from "../words.js";

// `give` gets the relation that was touched; `from` is the part of the screen that was asked from.
export const relationScreen = (give, from = null) => ({
  sign: () => "people",
  asks: () => "relation",
  hint: () => "",
  body: (view) => [el("div", { className: "choices" }, view.relations.map((id) => button(relationName(page.relations[id]), null, () => give(id))))],
  touches: () => [button(say("back"), "back", () => go({ part: from }))],
  shows: (view) => [view.relations],
});

export const askRelation = (word, kind = "") => button(say(word), "people", () => go({ part: "relation" }), kind);
