// Where more stands below than fits, an arrow says so, and a touch brings it. Keys and screen readers need none.
import { byId } from "./dom.js";
import { icon } from "./icons.js";

const LEFT_PX = 12; // less than that is a margin
const PAGE = 0.8; // of what is in sight

function show() {
  const main = byId("main");
  byId("more").hidden = main.scrollHeight - main.clientHeight - main.scrollTop < LEFT_PX;
}

export function watchMore() {
  const main = byId("main");
  byId("more").append(icon("down"));
  byId("more").addEventListener("click", () => main.scrollBy({ top: PAGE * main.clientHeight }));
  main.addEventListener("scroll", show);
  const sizes = new ResizeObserver(show);
  for (const one of [main, ...main.children]) sizes.observe(one);
}
