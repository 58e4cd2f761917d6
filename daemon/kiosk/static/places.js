// Checkpoints by name, as the policy calls them.
import { page } from "./page.js";
import { language } from "./words.js";

export const placeName = (id) => page.checkpoints[id]?.[language()] ?? id;
