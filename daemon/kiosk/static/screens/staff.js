// The staff's screens: one touch beside the check, only while nobody is being checked.
import { byId, button, el, field } from "../dom.js";
import { icon, signOf } from "../icons.js";
import { keysFor } from "../keys.js";
import { ask, touch } from "../page.js";
import { documentName, placeName } from "../places.js";
import { go, now } from "../state.js";
import { clock, deviceTrouble, explain, say, storageText, testFault, testName } from "../words.js";
import { officerForm } from "../officer_form.js";
import { act, complain } from "../act.js";
import { charts } from "../charts.js";
import { prepare } from "../security_key.js";
import { amend } from "./amend.js";
import { securityKey } from "./key.js";

const TABS = { queue: "list", duty: "people", key: "lock", charts: "chart", devices: "plug", engineer: "tool", training: "mask" };

// `said`: what has just been done, in a line.
export async function open(staff, said = "") {
  go({ staff, said, amending: null });
  if (staff === "queue") await fetched("checks");
  if (staff === "charts") await fetched("charts");
}

// Without somebody on duty it stays closed, and what was asked is kept for who opens it.
async function fetched(name, values = {}) {
  const { answer, cause } = await ask(name, values);
  const closed = cause === "nobody_on_duty" ? { name, values } : null;
  if (answer || closed) go({ facts: { ...now.facts, [name]: answer, visit: values.visit, closed } });
  return closed ? null : cause ?? null;
}

// One badge or PIN away: who may decide comes on duty by it, who may only read is shown this and no more.
async function enter(officer) {
  const { name, values } = now.facts.closed;
  const cause = await touch("log_in", officer);
  if (cause && !cause.endsWith("_only")) return cause;
  return fetched(name, cause ? { ...values, ...officer } : values);
}

const openTo = (name, made) => {
  if (now.facts.closed) {
    return [el("p", {}, say("closed_hint")), officerForm({ title: say("duty"), ok: say("log_in"), challenge: () => prepare("log_in"), send: enter })];
  }
  return now.facts[name] ? made() : [];
};

function section(title, sign, rows) {
  return el("section", { className: "list" }, el("h2", {}, icon(sign), el("span", {}, `${title} (${rows.length})`)),
    rows.length ? el("ul", {}, rows) : el("p", {}, say("nothing")));
}

const line = (one, outcome, action) => el("li", {}, icon(signOf[outcome] ?? "wait"),
  el("span", {}, told(one, outcome).filter(Boolean).join(" · ")), action);

// A visit that is settled is kept nowhere: what is left of it is masked, and known in its shift only.
const told = (one, outcome) => [
  one.drill ? say("drill") : "", placeName(one.checkpoint), one.claimant ? say("role_claimant") : "", outcome ? say(outcome) : "",
  one.provisional ? say("visit_unknown") : one.visit, one.document ? documentName(one.document) : "", one.at ? clock(one.at) : "", one.seq ? say("record_number", one.seq) : "",
  one.decision ? say("confirm_until", clock(one.decision.expires)) : "",
];

const amendTouch = (one) => {
  const made = button(say("amend"), "plus", () => go({ amending: { ...one, what: null } }));
  made.setAttribute("aria-label", `${say("amend")} ${one.visit || say("record_number", one.seq)}`);
  return made;
};

// The view brings every emergency to explain and the newest debts; older ones are asked for.
const DEBTS = 50;
const debts = (view) => view.owed.filter((one) => !one.unaccounted);
const older = () => now.facts.older ?? [];

async function fetchOlder() {
  const known = [...debts(now.view), ...older()];
  const { answer } = await ask("debts", { before: known.at(-1).seq });
  if (answer) go({ facts: { ...now.facts, older: [...older(), ...answer], all: answer.length < DEBTS } });
}

function owed(view) {
  const shown = debts(view);
  const known = new Set(shown.map((one) => one.check));
  const rows = [...shown, ...older().filter((one) => !known.has(one.check))].map((one) => line(one, one.outcome, amendTouch(one)));
  const made = section(say("owed"), "warn", rows);
  if (shown.length >= DEBTS && !now.facts.all) made.append(button(say("older"), "list", fetchOlder));
  return made;
}

// --- a visit's checks, found by a scan of her wristband ----------------------------------------------------------------

async function find(visit) {
  complain(explain(await fetched("checks", { visit })));
}

export function visitScanned(text) {
  if (now.staff !== "queue" || now.amending) return false;
  find(text);
  return true;
}

function findForm() {
  const form = el("form", { id: "find", className: "inline", aria: { label: say("find") } },
    field("find-visit", say("find_hint"), { data: { keys: "all" }, maxLength: 128 }),
    el("button", { type: "submit" }, icon("list"), el("span", {}, say("find"))));
  form.append(keysFor(form).place);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    find(byId("find-visit").value);
  });
  return form;
}

function recent() {
  const { checks = [], visit } = now.facts;
  const made = section(say("recent") + (visit ? ` · ${visit}` : ""), "text", checks.map((one) => line(one, one.outcome, amendTouch(one))));
  made.querySelector("h2").after(findForm());
  if (visit) made.append(button(say("all_checks"), "back", () => find("")));
  return made;
}

const queue = {
  sign: () => "list",
  body: (view) => openTo("checks", () => [
    view.owed.some((one) => one.unaccounted)
      ? section(say("unexplained"), "care", view.owed.filter((one) => one.unaccounted).map((one) => line(one, one.outcome, amendTouch(one)))) : null,
    section(say("parked"), "wait", view.parked.map((one) => line(one, one.decision?.outcome, button(say("resume"), "begin", () => act("resume", { check: one.check }), "first")))),
    owed(view),
    recent(),
  ]),
  shows: (view) => [view.parked, view.owed, now.facts.closed, now.facts.checks, now.facts.older, now.facts.all, now.facts.visit],
};

const state = (good, label, text) => el("li", { className: good ? "" : "bad" }, icon(good ? "pass" : "warn"),
  el("span", {}, `${label} · ${text}`));

const devices = {
  sign: () => "plug",
  body: (view) => [el("ul", { className: "list" },
    view.devices.map((one) => state(false, deviceTrouble(one), say("to_mend"))),
    view.devices.length ? null : state(true, say("devices"), say("all_in_order")),
    state(view.online, say("line"), view.online ? say("online") : say("offline", view.waiting)),
    view.storage ? state(view.storage.state === "ok", say("storage"), storageText(view.storage)) : null)],
  shows: (view) => [view.devices, view.online, view.waiting, view.storage],
};

async function runTests(values) {
  const { answer, cause } = await ask("selftest", values);
  if (answer) go({ facts: { ...now.facts, findings: answer } });
  return cause ?? null;
}

// What was found, in the language of the screen; the unit's own words, in English, are behind it for whoever mends it.
function finding(one) {
  const words = one.troubles ? one.troubles.map(deviceTrouble).join(" · ") : say(one.ok ? "in_order" : "to_mend");
  const line = state(one.ok, testName(one.test), one.ok || one.troubles ? words : testFault(one.test));
  line.append(el("details", {}, el("summary", {}, say("details")), el("p", { className: "small", lang: "en" }, one.text)));
  return line;
}

const engineer = {
  sign: () => "tool",
  body: () => (now.facts.findings
    ? [el("ul", { className: "list" }, now.facts.findings.map(finding))]
    : [el("p", {}, say("selftest_hint")), officerForm({ title: say("engineer"), ok: say("run_selftest"), send: runTests })]),
  shows: () => [now.facts.findings],
};

const training = {
  sign: () => "mask",
  body: () => [el("p", { className: "large" }, say("training_hint")),
    button(say(now.training ? "training_off" : "training_on"), "mask", () => go({ training: !now.training, staff: null }), "first big")],
  shows: () => [now.training],
};

const chartsScreen = {
  sign: () => "chart",
  body: () => openTo("charts", () => charts(now.facts.charts, placeName)),
  shows: () => [now.facts.closed, now.facts.charts],
};

const duty = {
  sign: () => "people",
  body: (view) => [
    view.duty ? el("p", { className: "large" }, say("on_duty", view.duty.officer)) : null,
    officerForm({ title: say("duty"), ok: say("log_in"), challenge: () => prepare("log_in"), send: (values) => touch("log_in", values) }),
    view.duty ? button(say("log_out"), "leave", () => act("log_out")) : null,
  ],
  shows: (view) => [view.duty],
};

const SCREENS = { queue, duty, key: securityKey, charts: chartsScreen, devices, engineer, training };

const tabs = () => [
  button(say("back"), "back", () => go({ staff: null, amending: null }), "first"),
  ...Object.entries(TABS).map(([name, sign]) => {
    const made = button(say(name), sign, () => { now.facts = {}; return open(name); });
    if (name === now.staff) made.setAttribute("aria-current", "page");
    return made;
  }),
];

export const staffScreen = () => (now.amending ? amend : {
  ...SCREENS[now.staff], title: () => say(now.staff), hint: () => now.said, touches: tabs,
});
