// Checkpoints, channels and documents by name, as the policy calls them.
import { page } from "./page.js";
import { language, say } from "./words.js";

export const placeName = (id) => page.checkpoints[id]?.[language()] ?? id;
export const channelName = (id) => page.channels[id]?.[language()] ?? id;
export const recipientName = (id) => page.recipients[id]?.[language()] ?? id;
export const documentName = (kind) => page.documents[kind]?.[language()] ?? kind;

// A check's visit as it was scanned or typed, so that whoever decides sees another woman's wristband.
export const visitOf = (view) => (view.visit ? say("visit_is", view.visit) : say("visit_unknown"));

const inTime = (seconds) => {
  if (seconds === 0) return say("at_once");
  return seconds < 3600 ? say("within_minutes", Math.ceil(seconds / 60)) : say("within_hours", Math.floor(seconds / 3600));
};

// Whom staff are to tell of a result, and how fast.
export const toTell = (alerts) => alerts.map((one) => say("recipient_in_time", recipientName(one.to), inTime(one.within_s)));
