// Which language is spoken, and its words.
import * as wordsEn from "./words/words.en.js";
import * as wordsZh from "./words/words.zh.js";
import * as troublesEn from "./words/troubles.en.js";
import * as troublesZh from "./words/troubles.zh.js";
import * as documentsEn from "./words/documents.en.js";
import * as documentsZh from "./words/documents.zh.js";
import * as fingerEn from "./words/finger.en.js";
import * as fingerZh from "./words/finger.zh.js";

// Files give some of a table's words each.
function joined(...files) {
  const made = {};
  for (const file of files) for (const [name, words] of Object.entries(file)) made[name] = { ...made[name], ...words };
  return made;
}

const tables = { zh: joined(wordsZh, troublesZh, documentsZh, fingerZh), en: joined(wordsEn, troublesEn, documentsEn, fingerEn) };
let chosen = "zh";

export const language = () => chosen;
export const speakChinese = () => { chosen = "zh"; };
export const switchLanguage = () => { chosen = chosen === "zh" ? "en" : "zh"; };
const table = (name) => tables[chosen][name];

const filled = (text, details) => text.replace(/\{(\d)\}/g, (_, place) => details[place]);

// A word of the screen; {0}, {1} become the details.
export const say = (key, ...details) => filled(table("words")[key] ?? key, details);

const YEAR = 365; // days; what lasts longer nobody has to plan for

// The room that is left, as the unit's view has it.
export const storageText = ({ state, days_left: days }) => say(`storage_${state}`, days > YEAR ? say("for_years") : say("for_days", days));
export const reasonsFor = (outcome) => table("reasons")[outcome] ?? [];
export const testName = (name) => table("tests")[name] ?? name;
export const testFault = (name) => table("faults")[name] ?? say("to_mend");
export const relationName = (titles) => titles[chosen];

// What stands in the way, in words: "name", "name:detail" or "name:detail:detail".
export function explain(cause) {
  if (!cause) return "";
  const [name, ...details] = cause.split(":");
  if (name === "no_card") return say(details[0]);
  const known = filled(table("troubles")[name] ?? cause, details);
  if (name === "liveness") return [known, table("living")[details.at(-1)]].filter(Boolean).reduce((one, more) => join(one, more));
  return name === "device_lost" ? join(known, testName(details[0])) : known;
}

// What is wrong with a device, for staff.
export const deviceTrouble = (trouble) => join(...trouble.split(":").map((part) => table("devices")[part] ?? part));

// A moment, as it is read on a wall's clock: China has one time (CHINA of evidence/instants.py), whatever the unit's system has.
const WALL = { timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
export const clock = (at) => new Date(at).toLocaleString(chosen === "zh" ? "zh-CN" : "en-GB", WALL);

const join = (...parts) => parts.join(chosen === "zh" ? "：" : ": ");
