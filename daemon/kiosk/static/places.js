// Checkpoints, channels and documents by name, as the policy calls them.
import { page } from "./page.js";
import { language } from "./words.js";

export const placeName = (id) => page.checkpoints[id]?.[language()] ?? id;
export const channelName = (id) => page.channels[id]?.[language()] ?? id;
export const documentName = (kind) => page.documents[kind]?.[language()] ?? kind;
