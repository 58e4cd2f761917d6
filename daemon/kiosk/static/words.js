// Which language is spoken, and its words.
import * as wordsEn from "./words/words.en.js";
import * as wordsZh from "./words/words.zh.js";
import * as troublesEn from "./words/troubles.en.js";
import * as troublesZh from "./words/troubles.zh.js";

const tables = { zh: { ...wordsZh, ...troublesZh }, en: { ...wordsEn, ...troublesEn } };
let chosen = "zh";

export const language = () => chosen;
export const switchLanguage = () => { chosen = chosen === "zh" ? "en" : "zh"; };
const table = (name) => tables[chosen][name];

// A word of the screen; {0}, {1} become the details.
export const say = (key, ...details) => (table("words")[key] ?? key).replace(/\{(\d)\}/g, (_, place) => details[place]);
export const reasonsFor = (outcome) => table("reasons")[outcome] ?? [];
export const testName = (name) => table("tests")[name] ?? name;
export const relationName = (titles) => titles[chosen];

// What stands in the way, in words: "name" or "name:detail".
export function explain(cause) {
  if (!cause) return "";
  const [name, detail] = cause.split(":");
  if (name === "no_card") return say(detail);
  const known = table("troubles")[name] ?? cause;
  return name === "device_lost" ? join(known, testName(detail)) : known;
}

// What is wrong with a device, for staff.
export const deviceTrouble = (trouble) => join(...trouble.split(":").map((part) => table("devices")[part] ?? part));

const join = (...parts) => parts.join(chosen === "zh" ? "：" : ": ");
