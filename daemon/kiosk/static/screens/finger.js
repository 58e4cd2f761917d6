// The finger: its own consent, her slip, one instruction at the sensor; and, after a pass at a registration, enrolling.
import { act, complain } from "../act.js";
import { button, el } from "../dom.js";
import { icon } from "../icons.js";
import { ask, page } from "../page.js";
import { go, now } from "../state.js";
import { explain, language, say } from "../words.js";
import { askRelation, relationScreen } from "./relation.js";
import { isChild, leave, otherWay, refuse, staffDecides } from "./ways.js";

const LIGHT = "#ffffff";
const DARK = "#000000";
const HEIGHT = 0.6; // of the screen

const text = (purpose) => el("p", { className: "large" }, page.finger_consents[purpose][language()]);
const shows = (view) => [view.finger, view.trouble];

// Whoever stands for her: the relation is asked first.
const stands = (purpose) => relationScreen(async (relation) => {
  if (!await act("finger_consent", { purpose, by: "delegate", relation })) go({ part: null });
});

// Who may agree: of a child only her guardian.
function agreeing(view, purpose, own, kind = "") {
  if (isChild(view)) return [askRelation("guardian_agrees", kind)];
  return [button(say(own), "finger", () => act("finger_consent", { purpose, by: "subject" }), kind), askRelation("agree_delegate")];
}

const ways = () => [otherWay(), refuse(), staffDecides(), leave()];

// A touch that is only there where a finger counts and can be read.
export const useFinger = () => (now.view.finger?.open && !now.view.finger.wished
  ? button(say("use_finger"), "finger", () => act("finger")) : null);

const consent = {
  sign: () => "hand",
  asks: (view) => (isChild(view) ? "finger_consent_guardian" : "finger_consent"),
  hint: () => "",
  body: () => [text("compare")],
  touches: (view) => [...agreeing(view, "compare", "finger_agree", "first"), ...ways()],
  shows,
};

const slipNeeded = {
  sign: () => null,
  asks: () => "slip_scan",
  hint: () => say("slip_scan_hint"),
  body: () => [el("div", { className: "figure" }, icon("slip"))],
  touches: ways,
  shows,
};

const reading = {
  sign: () => null,
  asks: () => "finger",
  hint: () => say("finger_hint"),
  body: () => [el("div", { className: "figure" }, icon("finger"))],
  touches: ways,
  shows,
};

export function fingerScreen() {
  const { consented, ready } = now.view.finger;
  if (!consented) return now.part === "relation" ? stands("compare") : consent;
  return ready ? reading : slipNeeded;
}

// --- enrolling -------------------------------------------------------------------------------------------------------

const goOn = (word, kind) => button(say(word), "begin", () => act("enrol_end"), kind);

const offer = {
  sign: () => "pass",
  asks: (view) => (isChild(view) ? "enrol_guardian" : "enrol"),
  hint: () => say("enrol_hint"),
  body: () => [text("enrol")],
  touches: (view) => [goOn("enrol_not", "first"), ...agreeing(view, "enrol", "enrol_agree")],
  shows,
};

const capturing = { ...reading, touches: () => [goOn("enrol_not")] };

// Every module is the same whole number of pixels, so that a scanner or a telephone reads it from the screen.
function draw(canvas, rows) {
  const scale = Math.max(2, Math.floor((HEIGHT * Math.min(innerHeight, innerWidth)) / rows.length));
  canvas.width = canvas.height = rows.length * scale;
  const brush = canvas.getContext("2d");
  brush.fillStyle = LIGHT;
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.fillStyle = DARK;
  rows.forEach((row, y) => [...row].forEach((module, x) => module === "1" && brush.fillRect(x * scale, y * scale, scale, scale)));
  canvas.dataset.drawn = "yes";
}

function code() {
  const canvas = el("canvas", { id: "slip", aria: { role: "img", label: say("slip") } });
  ask("slip").then(({ answer, cause }) => (answer ? draw(canvas, answer.rows) : complain(explain(cause))));
  return canvas;
}

const written = {
  sign: () => "pass",
  asks: () => "slip_written",
  hint: () => "",
  body: (view) => [el("div", { className: "slip" }, code(), el("p", { className: "large" }, say("slip_keep", view.finger.until)))],
  touches: () => [goOn("slip_taken", "first")],
  shows,
};

const without = {
  sign: () => "finger",
  asks: () => "not_enrolled",
  hint: () => say("not_enrolled_hint"),
  body: () => [],
  touches: () => [goOn("next", "first big")],
  shows,
};

export function enrolScreen() {
  const { enrolling, enrolment } = now.view.finger;
  if (enrolment) return enrolment === "enrolled" ? written : without;
  if (enrolling) return capturing;
  return now.part === "relation" ? stands("enrol") : offer;
}
