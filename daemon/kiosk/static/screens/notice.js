// The notice, told in full; and, apart from it, consent. Nothing is read before.
import { act } from "../act.js";
import { button, el } from "../dom.js";
import { page } from "../page.js";
import { canSpeak, isSpeaking, silence, speak } from "../sounds.js";
import { go, now } from "../state.js";
import { language, say } from "../words.js";
import { askRelation, relationScreen } from "./relation.js";
import { leave, otherWay, refuse, staffDecides } from "./ways.js";
import { notice as parts } from "./idle.js";

function aloud(word) {
  if (!canSpeak(word)) return null;
  return button(say(isSpeaking(word) ? "stop_reading" : "read_aloud"), "sound", () => {
    if (isSpeaking(word)) silence();
    else speak(word, { asked: true, ended: go });
    go();
  });
}

// She may be checked all the same: the way on stays open.
const notDue = ({ not_due: weeks }) => {
  if (!weeks) return "";
  return weeks.before ? say("not_due_before", weeks.before) : say("not_due_after", weeks.after);
};

export const notice = {
  sign: () => "text",
  asks: () => "notice",
  hint: (view) => notDue(view),
  body: () => [parts()],
  touches: () => [
    button(say("read_notice"), "begin", () => { silence(); go({ part: "consent" }); }, "first"),
    aloud(page.notice.id), otherWay(), refuse(), staffDecides(), leave(),
  ],
  shows: (view) => [isSpeaking(page.notice.id), view.not_due],
};

export const consent = {
  sign: () => "hand",
  asks: () => "consent",
  hint: () => "",
  body: () => [el("p", { className: "large" }, page.consent[language()])],
  touches: () => [
    button(say("agree"), "pass", () => { silence(); return act("consent"); }, "first"),
    askRelation("agree_delegate"),
    aloud(page.consent.id), otherWay(), refuse(),
    button(say("back"), "back", () => { silence(); go({ part: null }); }),
  ],
  shows: () => [isSpeaking(page.consent.id)],
};

const stands = relationScreen((relation) => { silence(); return act("consent", { by: "delegate", relation }); }, "consent");

export const noticeScreen = () => ({ consent, relation: stands })[now.part] ?? notice;
