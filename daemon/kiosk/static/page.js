// The page's own end of the line: what it was served with, the touches it sends, the questions it asks.
import { now } from "./state.js";

const served = (shown) => JSON.parse(shown.getElementById("page").textContent);

export const page = served(document);

const request = (path, values, { headers = {}, keepalive = false } = {}) => fetch(path, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Vernix-Token": page.token, ...headers },
  body: JSON.stringify(values),
  keepalive,
});

// A unit that started anew serves the page with another token: loaded anew once, it has that. By its address it is known
// that this was tried; the page keeps nothing else.
const ANEW = "#anew";
let stale = () => {};
export const onStale = (then) => { stale = then; };

export function loadAnew() {
  history.replaceState(null, "", ANEW);
  location.reload();
}

async function causeOf(answer) {
  const { cause } = await answer.json();
  if (cause === "wrong_token" && location.hash !== ANEW) stale();
  return cause;
}

// What was wrong, as a short name; null when the touch was taken. It says what was shown when it was touched: the unit
// takes none for a step that is over.
// `beside`: headers, which the unit has before it reads anything; `keepalive`: it goes on when the page is gone.
export async function touch(name, values = {}, beside = {}) {
  const shown = { check: now.view?.check ?? null, step: now.view?.step ?? null };
  try {
    const answer = await request(`/touch/${name}`, { ...values, shown }, beside);
    if (!answer.ok) return await causeOf(answer);
    if (location.hash === ANEW) history.replaceState(null, "", "/");
    return null;
  } catch {
    return "no_answer";
  }
}

// The answer, or what was wrong.
export async function ask(name, values = {}) {
  try {
    const answer = await request(`/ask/${name}`, values);
    return answer.ok ? { answer: await answer.json() } : { cause: await causeOf(answer) };
  } catch {
    return { cause: "no_answer" };
  }
}

// A unit that started anew takes touches with another token; whether there is one by now. Never throws.
export async function renew() {
  const had = page.token;
  try {
    const answer = await fetch("/");
    if (answer.ok) page.token = served(new DOMParser().parseFromString(await answer.text(), "text/html")).token;
  } catch {
    return false; // still away, or on its way back: the next try tells
  }
  return page.token !== had;
}

// Somebody has touched the glass; with { night } the touch asked for another light.
export const tellRoom = (values = {}) => request("/room", values).catch(() => {}); // the next touch tells it again

export const look = (after) => request("/mirror", { after });
