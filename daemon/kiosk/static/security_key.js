// Security keys (WebAuthn): one signs what the unit asks - its challenge is that statement's hash - and one is registered.
import { ask, touch } from "./page.js";

const WAIT_MS = 60_000;

// Keys belong to the name localhost; a page opened under another name has none.
export const canAskKey = () => location.hostname === "localhost" && Boolean(navigator.credentials);

function bytes(text) {
  const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

const keysOf = (ids) => ids.map((id) => ({ type: "public-key", id: bytes(id) }));

// What the unit wants signed before the touch `name`: { challenge, statement }, or what was wrong.
export async function prepare(name, values = {}) {
  const { answer, cause } = await ask("statement", { touch: name, ...values });
  return answer ?? { cause };
}

// What the touch sends, or what was wrong. `who`: { officer } or { badge }.
export async function askKey(who, challenge) {
  const { answer, cause } = await ask("keys", who);
  if (cause) return { cause };
  if (!answer.credentials.length) return { cause: "no_key" };
  const publicKey = {
    challenge: bytes(challenge), rpId: answer.rp_id, userVerification: "required", timeout: WAIT_MS,
    allowCredentials: keysOf(answer.credentials),
  };
  try {
    const { id, response } = (await navigator.credentials.get({ publicKey })).toJSON();
    const { authenticatorData, clientDataJSON, signature } = response;
    return { assertion: { credential_id: id, authenticator_data: authenticatorData, client_data: clientDataJSON, signature } };
  } catch {
    return { cause: "key_not_used" }; // not touched in time, taken away, or another key
  }
}

// As evidence/webauthn.py makes it.
async function codeOf(id) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)));
  const letters = [...digest.slice(0, 4)].map((one) => one.toString(16).padStart(2, "0")).join("").toUpperCase();
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

// Registers the key that is plugged in for an officer's id: the code to tell, or what was wrong.
export async function registerKey(officer) {
  const { answer, cause } = await ask("registration", { officer });
  if (cause) return { cause };
  const publicKey = {
    challenge: bytes(answer.challenge), rp: { id: answer.rp_id, name: "Vernix" }, timeout: WAIT_MS, attestation: "none",
    user: { id: new TextEncoder().encode(answer.officer), name: answer.officer, displayName: answer.officer },
    pubKeyCredParams: [{ type: "public-key", alg: -7 }], authenticatorSelection: { userVerification: "required" },
    excludeCredentials: keysOf(answer.exclude),
  };
  let made;
  try {
    made = (await navigator.credentials.create({ publicKey })).toJSON();
  } catch (error) {
    return { cause: error.name === "InvalidStateError" ? "key_known" : "key_not_used" };
  }
  const { id, rawId, type, response: { clientDataJSON, attestationObject } } = made;
  const registration = { id, rawId, type, response: { clientDataJSON, attestationObject } };
  const refused = await touch("offer_key", { officer: answer.officer, registration });
  return refused ? { cause: refused } : { code: await codeOf(id) };
}
