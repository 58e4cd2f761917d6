// Signs beside the words: strokes on a field of 24 x 24. Colour never stands alone, and no font has to have them.
const strokes = {
  pass: "M4 13l5 5L20 6",
  fail: "M6 6l12 12M18 6L6 18",
  care: "M9 3h6v6h6v6h-6v6H9v-6H3V9h6z",
  warn: "M12 4L2.5 20h19L12 4zM12 10v5M12 17.5v.5",
  card: "M3 6h18v13H3zM6 10h5v5H6zM14 10h4M14 14h4",
  face: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-5 4-7 8-7s8 2 8 7",
  finger: "M7 20c1-2 1-5 1-8a4 4 0 0 1 8 0c0 4 0 6-1 9M12 12c0 4 0 6-1 9M4 15c.5-2 .5-3 .5-4A7.5 7.5 0 0 1 19.5 11",
  slip: "M5 3h14v18H5zM8 6h3v3H8zM13 6h3v3h-3zM8 11h3v3H8zM14 12h2v2M8 17h8",
  pen: "M4 20l1-5L16 4l4 4L9 19l-5 1zM14 6l4 4",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2 20c0-4 3-6 7-6s7 2 7 6M16 4a3.5 3.5 0 0 1 0 7M18 14c3 1 4 3 4 6",
  text: "M6 3h12v18H6zM9 8h6M9 12h6M9 16h4",
  begin: "M7 4l13 8-13 8z",
  back: "M11 5l-7 7 7 7M4 12h16",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  hand: "M8 12V5a1.5 1.5 0 0 1 3 0v6M11 10V4a1.5 1.5 0 0 1 3 0v7M14 11V6a1.5 1.5 0 0 1 3 0v8c0 4-2 7-6 7-3 0-5-2-7-7a1.5 1.5 0 0 1 3-1l1 2",
  wait: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l4 2",
  down: "M12 4v15M6 13l6 6 6-6",
  undo: "M8 5L3 10l5 5M3 10h11a6 6 0 0 1 0 12h-3",
  sound: "M4 9h4l5-4v14l-5-4H4zM17 8c2 2 2 6 0 8M19.5 5.5c4 4 4 9 0 13",
  moon: "M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c-5 5-5 13 0 18M12 3c5 5 5 13 0 18",
  list: "M8 6h13M8 12h13M8 18h13M3 6h1M3 12h1M3 18h1",
  chart: "M4 20V4M4 20h17M8 20v-7M13 20V8M18 20v-4",
  plug: "M9 3v6M15 3v6M6 9h12v3a6 6 0 0 1-12 0zM12 18v4",
  tool: "M14 7a4.5 4.5 0 0 1 6-4l-3 3 1 2 2 1 3-3a4.5 4.5 0 0 1-6 6L8 21a2 2 0 0 1-4-4z",
  mask: "M4 5h16v7c0 5-4 8-8 9-4-1-8-4-8-9zM8 10h3M13 10h3M9 15c2 1.5 4 1.5 6 0",
  plus: "M12 5v14M5 12h14",
  heart: "M12 20C5 15 3 11 3 8a4.5 4.5 0 0 1 9-1.5A4.5 4.5 0 0 1 21 8c0 3-2 7-9 12z",
  lock: "M6 11h12v10H6zM9 11V7a3 3 0 0 1 6 0v4",
  delete: "M9 5h12v14H9l-6-7zM12 9l6 6M18 9l-6 6",
  phone: "M7 2h10v20H7zM11 19h2",
  print: "M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", strokes[name]);
  svg.append(path);
  return svg;
}

export const signOf = {
  passed: "pass", manual: "pass", failed: "fail", refused: "hand", unable: "warn", emergency: "care", device_fault: "plug", interrupted: "leave",
};
