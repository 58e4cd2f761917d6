// Spoken prompts: files of /static/voice/<voice>/<word>.ogg. A word without a file is silent, and so is the night.
import { page } from "./page.js";
import { isNight } from "./night.js";
import { language } from "./words.js";

let playing = null;
const chosen = {}; // language -> voice, where somebody chose another than the language's own

// A language's voices: its own folder, and those of its dialects, as zh-yue.
export const voicesOf = (spoken) => Object.keys(page.voices).filter((voice) => voice === spoken || voice.startsWith(`${spoken}-`));
export const voice = () => chosen[language()] ?? language();

export function nextVoice() {
  const all = voicesOf(language());
  chosen[language()] = all[(all.indexOf(voice()) + 1) % all.length];
}

// A dialect that lacks a word speaks it in the language.
function file(word) {
  const found = [voice(), language()].find((one) => page.voices[one]?.includes(word));
  return found ? `/static/voice/${found}/${word}.ogg` : null;
}

export const canSpeak = (word) => file(word) !== null;

export function silence() {
  playing?.pause();
  playing = null;
}

// Speaks `word`, or by night nothing unless it was `asked` for; `ended` is called when it is over.
export function speak(word, { asked = false, ended = () => {} } = {}) {
  silence();
  const path = file(word);
  if (!path || (isNight() && !asked)) return;
  const sound = new Audio(path);
  sound.dataset.word = word;
  playing = sound;
  sound.addEventListener("ended", () => { if (playing === sound) { playing = null; ended(); } });
  sound.play().catch(() => {}); // a browser may want a touch first; the words are on the screen
}
export const isSpeaking = (word) => playing?.dataset.word === word;
