// Elements. What is shown is always text, never markup.
import { icon } from "./icons.js";

export const byId = (id) => document.getElementById(id);

// el("p", { className: "x", aria: { label: "y" } }, child, "text", null): nulls are left out.
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  const { aria = {}, data = {}, ...rest } = props;
  for (const [name, value] of Object.entries(aria)) made.setAttribute(name === "role" ? name : `aria-${name}`, value);
  Object.assign(made.dataset, data);
  Object.assign(made, rest);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// A button with an icon and words. While its action is under way it takes no second touch.
export function button(label, sign, action, kind = "") {
  const made = el("button", { type: "button", className: kind }, sign ? icon(sign) : null, el("span", {}, label));
  made.addEventListener("click", async () => {
    if (made.getAttribute("aria-disabled") === "true") return;
    made.setAttribute("aria-disabled", "true");
    try {
      await action(made);
    } finally {
      made.removeAttribute("aria-disabled");
    }
  });
  return made;
}

export const field = (id, label, props = {}) => el("label", { className: "field", htmlFor: id },
  el("span", {}, label), el("input", { id, autocomplete: "off", spellcheck: false, ...props }));
