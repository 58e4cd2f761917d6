// A security key (WebAuthn) confirms the statement on the screen: its challenge is the statement's hash.
import { ask } from "./page.js";

const WAIT_MS = 60_000;

// Keys belong to the name localhost; a page opened under another name has none.
export const canAskKey = () => location.hostname === "localhost" && Boolean(navigator.credentials);

function bytes(text) {
  const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

// What the touch sends, or what was wrong. `who`: { officer } or { badge }.
export async function askKey(who, challenge) {
  const { answer, cause } = await ask("keys", who);
  if (cause) return { cause };
  if (!answer.credentials.length) return { cause: "no_key" };
  const publicKey = {
    challenge: bytes(challenge), rpId: answer.rp_id, userVerification: "required", timeout: WAIT_MS,
    allowCredentials: answer.credentials.map((id) => ({ type: "public-key", id: bytes(id) })),
  };
  try {
    const { id, response } = (await navigator.credentials.get({ publicKey })).toJSON();
    const { authenticatorData, clientDataJSON, signature } = response;
    return { assertion: { credential_id: id, authenticator_data: authenticatorData, client_data: clientDataJSON, signature } };
  } catch {
    return { cause: "key_not_used" }; // not touched in time, taken away, or another key
  }
}
