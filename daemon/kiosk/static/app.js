// The page knows nothing of the check: it shows the view that it is sent, and sends touches back.
import { act, complain, inTheWay } from "./act.js";
import { badgeScanned } from "./officer_form.js";
import { byId, button, el } from "./dom.js";
import { emergency, emergencySent, goOnTelling } from "./emergency.js";
import { icon } from "./icons.js";
import { listen } from "./line.js";
import { isNight, showLight, switchNight } from "./night.js";
import { watchMore } from "./more.js";
import { loadAnew, onStale, page } from "./page.js";
import { paperTrouble } from "./paper.js";
import { placeName, visitOf } from "./places.js";
import { watchPresence } from "./presence.js";
import { pressable, pressed, watchPresses } from "./press.js";
import { endMirror } from "./preview.js";
import { forgetPad } from "./pad.js";
import { watchScanner } from "./scanner.js";
import { canSpeak, silence, speak, nextVoice, voice, voicesOf } from "./sounds.js";
import { go, now, onChange } from "./state.js";
import { tell } from "./tell.js";
import { deviceTrouble, explain, language, say, speakChinese, storageText, switchLanguage } from "./words.js";
import { confirm, decisionScreen } from "./screens/deciding.js";
import { zoneScanned } from "./screens/document.js";
import { doneScreen, sealing, signScreen } from "./screens/ending.js";
import { begin, idleScreen } from "./screens/idle.js";
import { noticeScreen } from "./screens/notice.js";
import { enrolScreen, fingerScreen } from "./screens/finger.js";
import { cardScreen, face } from "./screens/reading.js";
import { open, staffScreen, visitScanned } from "./screens/staff.js";

const SCREENS = {
  idle: idleScreen, notice: noticeScreen, card: cardScreen, face: () => face, finger: fingerScreen, enrol: enrolScreen, decision: decisionScreen,
  confirm: () => confirm, sign: signScreen, sealing: () => sealing, noting: () => sealing, done: doneScreen,
};
const BESIDE = ["notice", "card", "face", "finger"]; // steps in which officers may step in before they are asked
const HINTED = ["card", "face", "finger", "enrol"]; // a trouble here is what to do next, and takes the hint's place

function screen() {
  if (now.staff) return staffScreen();
  const stepsIn = BESIDE.includes(now.view.step) && now.part && !["consent", "relation", "ways"].includes(now.part);
  return stepsIn ? decisionScreen() : SCREENS[now.view.step]();
}

// Everything of a view that a check's screen shows, unless the screen says what it shows.
const shown = (view) => [view.trouble, view.asked, view.finger, view.document, view.findings, view.attack, view.channel, view.decision, view.outcome, view.seq, view.may_pass, view.may_read_again, view.online, view.waiting, view.printing];

let lost = false; // the unit does not answer
let drawn = "";
let place = "";

function draw() {
  const view = now.view;
  if (!view || lost) return;
  header(view);
  const one = asked(screen());
  const here = JSON.stringify([view.step, view.check, now.staff, now.part, now.amending?.check, now.amending?.what, now.amending?.second, now.entering, view.decision?.statement, now.rounds]);
  const content = JSON.stringify([here, language(), view.trouble, one.shows ? one.shows(view) : shown(view)]);
  if (content === drawn) return; // nothing that she sees has changed: a field keeps what is being typed
  const elsewhere = here !== place;
  if (pressed() && !elsewhere) return; // drawn when the finger has gone
  [drawn, place] = [content, here];
  fill(one, view, elsewhere);
  pressable([here, ...[...document.querySelectorAll("#body button:not(.key), #touches button")].map(wordsOf)].join());
  announce(one, view, elsewhere);
}

// Another figure on a button makes no other button of it.
const wordsOf = (one) => one.textContent.replace(/\d+/g, "");

// A screen that asks somebody for something has it as its title: what is heard is what is seen.
const asked = (one) => ({ asks: () => null, title: (view) => say(one.asks(view)), ...one });

function fill(one, view, elsewhere) {
  const had = document.activeElement?.id;
  const kept = elsewhere ? [] : [...byId("body").querySelectorAll("input:not([type=radio])")].map((input) => [input.id, input.value]);
  endMirror();
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  byId("main").dataset.step = now.staff ?? view.step;
  byId("main").dataset.part = now.part ?? "";
  const picture = one.sign(view);
  byId("sign").replaceChildren(...(picture ? [icon(picture)] : []));
  byId("sign").className = now.staff ? "" : view.outcome ?? "";
  byId("title").textContent = one.title(view);
  const trouble = now.staff || now.entering ? "" : explain(view.trouble); // an officer who types knows it
  const hinted = HINTED.includes(view.step) && trouble && !now.part;
  byId("hint").textContent = hinted ? "" : one.hint(view);
  byId("body").replaceChildren(...one.body(view).filter(Boolean));
  byId("touches").replaceChildren(...one.touches(view).filter(Boolean));
  inTheWay(trouble, elsewhere);
  for (const [id, value] of kept) if (byId(id)) byId(id).value = value;
  if (elsewhere) {
    byId("main").scrollTop = 0;
    byId("title").focus({ preventScroll: true });
    tell([one.title(view), one.hint(view), trouble].filter(Boolean).join("。"));
  } else if (had && byId(had)) {
    byId(had).focus({ preventScroll: true });
  }
}

// --- what stays on top and at the bottom -------------------------------------------------------------------------

function lineOf(view) {
  const troubles = view.devices.length > 1 ? say("troubles_many", view.devices.length) : view.devices.map(deviceTrouble).join("");
  const storage = view.storage && view.storage.state !== "ok" ? storageText(view.storage) : "";
  const line = view.online ? say("online") + (view.waiting ? ` · ${say("waiting", view.waiting)}` : "") : say("offline", view.waiting);
  return [[view.online ? "pass" : "wait", line], ...[troubles, storage, paperTrouble(view)].filter(Boolean).map((text) => ["warn", text])];
}

// Said where it might be another.
const roleOf = (view) => (page.subjects[view.checkpoint]?.length > 1 ? say(`role_${view.role}`) : null);

let tools = "";

function header(view) {
  const drill = view.drill || (now.training && view.step === "idle");
  byId("drill").hidden = !drill;
  byId("drill").textContent = say("drill");
  byId("place").textContent = [placeName(view.checkpoint ?? page.checkpoint), roleOf(view), page.unit, view.check ? visitOf(view) : null, view.duty ? say("on_duty", view.duty.officer) : say("off_duty")].filter(Boolean).join(" · ");
  byId("line").replaceChildren(...lineOf(view).map(([sign, text]) => el("span", {}, icon(sign), text)));
  const many = view.parked.length + view.owed.length;
  const wanted = JSON.stringify([language(), isNight(), view.step === "idle" && !now.staff, many, voice()]);
  if (wanted === tools) return;
  const had = document.activeElement?.id;
  tools = wanted;
  byId("tools").replaceChildren(...toolsOf(view, many));
  byId("touches").setAttribute("aria-label", say("next"));
  byId("emergency").replaceChildren(icon("care"), say("emergency_touch"));
  if (had) byId(had)?.focus({ preventScroll: true });
}

function toolsOf(view, many) {
  const made = [
    view.step === "idle" && !now.staff ? named("staff", button(say("staff") + (many ? ` ${many}` : ""), "people", () => open("queue"))) : null,
    voicesOf(language()).length > 1 ? named("voice", button(`${say("voice")} ${voice()}`, "sound", () => { nextVoice(); go(); })) : null,
    named("light", button(say(isNight() ? "day" : "night"), isNight() ? "sun" : "moon", nightTouched)),
    named("language", button(say("language"), "globe", () => { switchLanguage(); silence(); go(); })),
  ];
  return made.filter(Boolean);
}

function named(id, made) {
  made.id = id;
  return made;
}

function nightTouched() {
  switchNight();
  if (isNight()) silence();
  tell(say(isNight() ? "night_on" : "night_off"));
  go();
}

// A press is enough: a glove that slides off the button still meant it. A keyboard's or a screen reader's click has no press.
byId("emergency").addEventListener("pointerdown", emergency);
byId("emergency").addEventListener("click", (event) => { if (event.detail === 0) emergency(); });
goOnTelling();

// --- the views ---------------------------------------------------------------------------------------------------

const GUARDIAN = "guardian_"; // a trouble that is a guardian's to hear, wherever it comes up
let heard = {}; // of the screen that is shown: what it began with, what it asked last, what stood in the way

function announce(one, view, elsewhere) {
  const [word, hint] = [now.staff ? null : one.asks(view), view.trouble?.split(":")[0]];
  const before = heard;
  heard = { first: elsewhere ? word : before.first, word, hint };
  if (elsewhere) askFirst(word, hint);
  else if (hint && hint !== before.hint && canSpeak(hint)) speak(hint);
  else if (word && word !== before.word && word !== before.first) askNext(word);
}

// An emergency is heard at night too.
function askFirst(word, hint) {
  if (!word) return silence();
  const more = hint?.startsWith(GUARDIAN) ? () => speak(hint) : undefined;
  return speak(word, { asked: word === "emergency", ended: more });
}

function askNext(word) {
  speak(word);
  tell(say(word));
}

function show(view) {
  const before = now.view;
  now.view = view;
  showLight(view.night);
  if (view.step === "idle" && before && before.step !== "idle") begunAnew();
  if (OUTSIDE.includes(view.step) && before?.attended && !view.attended) leftAlone();
  if (before?.step !== view.step || before?.check !== view.check) {
    Object.assign(now, { staff: null, part: null, amending: null, entering: null, facts: {} });
    endMirror();
    forgetPad();
  }
  draw();
}

const OUTSIDE = ["idle", "done"]; // steps in which no time of the check's own brings back what anybody may see

// Nobody is at the glass any more: what staff opened, what was typed, what one of two officers has given.
function leftAlone() {
  Object.assign(now, { staff: null, part: null, amending: null, entering: null, facts: {}, said: "", rounds: now.rounds + 1 });
  forgetPad();
  begunAnew();
}

// The next woman is met in Chinese, and in earnest.
function begunAnew() {
  speakChinese();
  now.training = false;
}

const SLIP = "VXF"; // how every fingerprint slip begins

function scanned(text, field) {
  if (text.toUpperCase().startsWith(SLIP)) return act("slip", { text });
  if (badgeScanned(text) || zoneScanned(text) || visitScanned(text)) return null;
  const visit = byId("visit");
  if (visit) visit.value = text;
  if (OUTSIDE.includes(now.view.step) && !now.staff) return begin(text, "scanned");
  return field ? null : complain(say("scan_not_here"));
}

// The unit is gone: nothing that is shown is true any more, and nobody would take what is personal away again.
function forgetScreen() {
  lost = true;
  endMirror();
  forgetPad();
  byId("main").dataset.step = "lost";
  for (const id of ["sign", "title", "hint", "body", "touches"]) byId(id).replaceChildren();
  byId("sign").className = "";
  byId("title").textContent = say("lost_title");
  inTheWay(say("lost"), true);
}

// Perhaps it started anew, and this page's token is of before. An emergency goes first.
onStale(() => emergencySent().then(loadAnew));

onChange(draw);
watchPresses(draw);
watchPresence(OUTSIDE);
watchMore();
watchScanner(scanned, () => complain(say("scan_again")));
listen(show, forgetScreen, () => emergencySent().then(() => location.reload()));
