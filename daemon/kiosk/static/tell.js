// Told to those who listen instead of looking.
import { byId } from "./dom.js";

export const tell = (text) => { byId("told").textContent = text; };
