// A touch, and what the screen says when the unit does not take it.
import { byId } from "./dom.js";
import { icon } from "./icons.js";
import { touch } from "./page.js";
import { explain } from "./words.js";

export const complain = (text) => byId("trouble").replaceChildren(...(text ? [icon("warn"), text] : []));

export async function act(name, values = {}) {
  const cause = await touch(name, values);
  complain(explain(cause));
  return cause;
}
