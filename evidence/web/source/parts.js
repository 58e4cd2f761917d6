/* Small pieces of the page: elements, and a table that shows a hundred rows at a time. */
"use strict";

const parts = (() => {
  const PAGE = 100;

  /* An element with a class, attributes and children (elements or texts). Text only ever becomes text, never markup. */
  function element(name, { class: className = "", on = null, ...attributes } = {}, ...children) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (on !== null) made.addEventListener("click", on);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const row = (cells, cell = "td") => element("tr", {}, ...cells.map((one) => {
    if (one instanceof HTMLTableCellElement) return one;
    return element(cell, cell === "th" ? { scope: "col" } : {}, one);
  }));

  /* A table of `items` under the name `kind`, as many as there may be; `cells(item)` is made only for the rows in sight. */
  function table(kind, heads, items, cells) {
    const body = element("tbody");
    const where = element("span", { "aria-live": "polite" });
    const back = element("button", { type: "button", on: () => show(first - PAGE) }, texts.say("earlier"));
    const on = element("button", { type: "button", on: () => show(first + PAGE) }, texts.say("later"));
    const turn = element("div", { class: "turn" }, back, where, on);
    let first = 0;
    function show(from) {
      first = from;
      const last = Math.min(first + PAGE, items.length);
      body.replaceChildren(...items.slice(first, last).map((item) => row(cells(item))));
      where.textContent = texts.say("pages", first + 1, last, items.length);
      back.disabled = first === 0;
      on.disabled = last === items.length;
      turn.hidden = items.length <= PAGE;
    }
    show(0);
    const whole = element("table", { class: kind, "aria-label": texts.say(kind) }, element("thead", {}, row(heads, "th")), body);
    return [element("div", { class: "scroll" }, whole), turn];
  }

  const pairs = (list) =>
    element("dl", {}, ...list.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));

  const hash = (text) => element("span", { class: "hash" }, text);

  const label = (name) => {
    const words = fields.say(name);
    return words === null ? name : element("span", {}, `${words} `, element("code", {}, name));
  };

  /* What JSON holds, as nested lists of names and values. */
  function tree(value) {
    if (Array.isArray(value)) {
      return value.length ? pairs(value.map((item, at) => [String(at + 1), tree(item)])) : "[]";
    }
    if (strictJson.isObject(value)) return pairs(Object.keys(value).map((name) => [label(name), tree(value[name])]));
    return String(value instanceof Float ? value.value : value);
  }

  const UNITS = [
    [1e7, 1048576, "MB"],
    [1e4, 1024, "KB"],
    [0, 1, "B"],
  ];

  /* A file as people name it: its name and size. */
  function named(file) {
    const [, scale, unit] = UNITS.find(([from]) => file.size >= from);
    return texts.say("chosen", file.name, `${Math.round(file.size / scale)} ${unit}`);
  }

  return { named, element, table, pairs, hash, tree };
})();
