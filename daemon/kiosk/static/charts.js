// Four charts as SVG. Every bar has its figure beside it in text: colour tells nothing alone.
import { el } from "./dom.js";
import { channelName } from "./places.js";
import { explain, say } from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 520;
const ROW = 50;
const SHOWN = 8;

function svg(tag, attributes, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// items: [label, count]; the label stands above its bar, so that it may be long.
function bars(items) {
  const most = Math.max(...items.map(([, count]) => count));
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${items.length * ROW}`, role: "img" });
  items.forEach(([label, count], index) => {
    const y = index * ROW;
    const long = most ? Math.round((WIDTH - 60) * count / most) : 0;
    drawn.append(svg("text", { x: 0, y: y + 18 }, label),
      svg("rect", { x: 0, y: y + 25, width: Math.max(long, 2), height: 16 }),
      svg("text", { x: long + 10, y: y + 39 }, count));
  });
  return drawn;
}

function columns(items) {
  const [high, wide] = [180, WIDTH / items.length];
  const most = Math.max(1, ...items.map(([, count]) => count));
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${high + 50}`, role: "img" });
  items.forEach(([label, count], index) => {
    const tall = Math.round((high - 30) * count / most);
    const middle = index * wide + wide / 2;
    drawn.append(svg("rect", { x: index * wide + 3, y: high - tall, width: wide - 6, height: tall }));
    if (count) drawn.append(svg("text", { x: middle, y: high - tall - 6, "text-anchor": "middle" }, count));
    drawn.append(svg("text", { x: middle, y: high + 22, "text-anchor": "middle", class: "day" }, label));
  });
  return drawn;
}

// The same figures for who reads no drawing: opened by a touch, and found by a screen reader as a table.
function figures(title, items) {
  const row = ([label, count]) => el("tr", {}, el("th", { scope: "row" }, label), el("td", {}, String(count)));
  return el("details", {}, el("summary", {}, say("chart_table")),
    el("table", {}, el("caption", {}, title), el("tbody", {}, items.map(row))));
}

function figure(title, items, drawing) {
  const any = items.some(([, count]) => count);
  drawing.setAttribute("aria-label", title);
  return el("figure", {}, el("figcaption", {}, el("h2", {}, title)),
    any ? [drawing, figures(title, items)] : el("p", {}, say("chart_empty")));
}

function byDay(facts) {
  const sums = new Map();
  for (let back = facts.days - 1; back >= 0; back -= 1) sums.set(new Date(Date.parse(facts.today) - back * 86_400_000).toISOString().slice(0, 10), 0);
  for (const one of facts.counts) if (sums.has(one.day)) sums.set(one.day, sums.get(one.day) + one.count);
  return [...sums].map(([day, count]) => [day.slice(8), count]);
}

function byPlace(facts, placeName) {
  const sums = new Map();
  for (const one of facts.counts) {
    const where = one.channel === "unit" ? [] : [channelName(one.channel)]; // not checked here, and never counted as if
    const label = [placeName(one.checkpoint), say(one.outcome), ...where].join(" · ");
    sums.set(label, (sums.get(label) ?? 0) + one.count);
  }
  return [...sums].sort((one, other) => other[1] - one[1]).slice(0, SHOWN);
}

const byTime = (facts) => facts.times.map(([end, count]) => [end === null ? say("chart_over") : say("chart_up_to", end), count]);
const byCause = (facts) => facts.causes.slice(0, SHOWN).map(([cause, count]) => [say(cause) === cause ? explain(cause) : say(cause), count]);

export function charts(facts, placeName) {
  const [days, places, times, causes] = [byDay(facts), byPlace(facts, placeName), byTime(facts), byCause(facts)];
  return [el("div", { className: "charts" },
    figure(say("chart_days", facts.days), days, columns(days)),
    figure(say("chart_places", facts.days), places, bars(places)),
    figure(say("chart_times", facts.days), times, bars(times)),
    figure(say("chart_causes", facts.days), causes, bars(causes)))];
}
