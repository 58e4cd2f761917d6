// Nobody is there: the public notice, the visit, and one big button.
import { answering, complain } from "../act.js";
import { byId, button, el, field } from "../dom.js";
import { icon } from "../icons.js";
import { keysFor } from "../keys.js";
import { page, touch } from "../page.js";
import { placeName } from "../places.js";
import { go, now } from "../state.js";
import { language, say } from "../words.js";
import { back } from "./ways.js";

const PUBLIC = ["purpose", "processing", "other_way", "care_first"];
const SIGNS = { purpose: "people", processing: "face", retention: "delete", picture: "face", other_way: "hand", liability: "warn", reporting: "phone", care_first: "heart", rights: "text" };

export const notice = (topics) => el("ul", { className: "notice" },
  page.notice.parts.filter((part) => !topics || topics.includes(part.about))
    .map((part) => el("li", {}, icon(SIGNS[part.about] ?? "text"), el("span", {}, part[language()]))));

// Radio buttons, so that one touch with a glove does; the usual one is chosen.
function subjectChoice() {
  const roles = page.subjects[page.checkpoint] ?? [];
  if (roles.length < 2) return null;
  const kept = chosenRole() ?? roles[0];
  return el("fieldset", { id: "role" }, el("legend", {}, say("role")),
    roles.map((role) => el("label", { className: "chip large" },
      el("input", { type: "radio", name: "role", value: role, checked: role === kept }), el("span", {}, say(`role_${role}`)))));
}

const chosenRole = () => document.querySelector("input[name=role]:checked")?.value;

// What was said on this screen about whoever comes; a visit of the worklist is not begun here.
// A week that is no number goes as it is: the unit says what it expects.
const said = () => ({
  ...(chosenRole() ? { role: chosenRole() } : {}),
  ...(byId("week")?.value.trim() ? { gestation_week: week(byId("week").value.trim()) } : {}),
});

const week = (text) => (/^[0-9]{1,2}$/.test(text) ? Number(text) : text);

// A visit that a scanner typed says so; anything else was typed.
// On the worklist stands where the check is due, perhaps elsewhere than where this unit is.
export async function begin(visit, source, checkpoint = null) {
  const answer = answering();
  const cause = await touch("begin", { visit, ...(visit ? { source } : {}), ...(checkpoint ? { checkpoint } : said()), drill: now.training });
  if (cause !== "screen_changed") return answer(cause);
  // Somebody has begun another check elsewhere: it is shown, and must not be taken for this one.
  return complain(say("another_began", visit || say("visit_unknown")), ["idle", "done"].includes(now.view.step));
}

const weekField = () => (page.weeks.includes(page.checkpoint)
  ? field("week", say("week"), { data: { keys: "digits" }, inputMode: "numeric", maxLength: 2 }) : null);

function visitForm() {
  const form = el("form", { id: "visit-form", aria: { label: say("visit") } },
    field("visit", `${say("visit")} · ${say("visit_hint")}`, { data: { keys: "all" }, maxLength: 128 }), weekField());
  const keys = keysFor(form);
  form.append(keys.place);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin(byId("visit").value, "typed");
  });
  return form;
}

const expected = {
  sign: () => "list",
  title: () => say("worklist"),
  hint: () => "",
  body: (view) => [el("div", { className: "choices" }, view.worklist.map((one) => button(
    [one.visit, placeName(one.checkpoint), one.owed.length ? say("owed") : null].filter(Boolean).join(" · "),
    one.owed.length ? "warn" : "begin", () => begin(one.visit, "worklist", one.checkpoint))))],
  touches: () => [back()],
  shows: (view) => [view.worklist],
};

const nobody = {
  sign: () => "heart",
  title: () => say("idle"),
  hint: () => say("welcome"),
  body: () => [subjectChoice(), visitForm(), notice(PUBLIC)],
  touches: (view) => [
    button(say("begin"), "begin", () => begin(byId("visit").value, "typed"), "first big"),
    view.worklist.length ? button(`${say("worklist")} ${view.worklist.length}`, "list", () => go({ part: "worklist" })) : null,
  ],
  shows: (view) => [now.training, view.worklist.length],
};

export const idleScreen = () => (now.part === "worklist" ? expected : nobody);
