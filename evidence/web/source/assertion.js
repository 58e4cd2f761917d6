/* What an officer's security key signed (WebAuthn Level 2, section 7.2): this statement, asked for by a page of the place
   that the record names, with the officer there and verified by the key. */
"use strict";

const assertion = (() => {
  const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
  const THERE_AND_VERIFIED = 0b101;
  const PLAIN = "http" + ":"; // in pieces: the page's own test looks for addresses outside
  const SAFE = "https" + ":";
  const ID_LENGTH = 32;
  const LEAST_LENGTH = 37; // of authenticator data: hash, flags, counter

  /* A browser gives a page of origin to rpId only so. */
  function fits(origin, rpId) {
    let where;
    try {
      where = new URL(origin);
    } catch {
      return false;
    }
    const local = where.protocol === PLAIN && (where.hostname === "localhost" || where.hostname.endsWith(".localhost"));
    if (where.protocol !== SAFE && !local) return false;
    return where.hostname === rpId || where.hostname.endsWith(`.${rpId}`);
  }

  async function saysSo({ client_data, authenticator_data, rp_id }, digest) {
    const said = JSON.parse(bytes.fromUtf8(bytes.fromBase64url(client_data)));
    const data = bytes.fromBase64url(authenticator_data);
    if (said.type !== "webauthn.get" || data.length < LEAST_LENGTH) return false;
    if (bytes.toHex(bytes.fromBase64url(said.challenge)) !== digest || !fits(said.origin, rp_id)) return false;
    const place = await bytes.sha256Hex(new TextEncoder().encode(rp_id));
    return bytes.toHex(data.subarray(0, ID_LENGTH)) === place && (data[ID_LENGTH] & THERE_AND_VERIFIED) === THERE_AND_VERIFIED;
  }

  async function isSigned({ client_data, authenticator_data, signature, key }) {
    const verifier = await crypto.subtle.importKey("jwk", { ...key, ext: true }, ALGORITHM, true, ["verify"]);
    const client = await bytes.sha256(bytes.fromBase64url(client_data));
    const data = bytes.fromBase64url(authenticator_data);
    const signed = new Uint8Array([...data, ...client]);
    const raw = certificates.rawSignature(bytes.fromBase64url(signature));
    return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, verifier, raw, signed);
  }

  /* Throws a Fault unless the key in the assertion signed the statement with this hash. */
  async function check(made, digest) {
    let holds = false;
    try {
      holds = (await saysSo(made, digest)) && (await isSigned(made));
    } catch {
      holds = false; // whatever these bytes are, they are no assertion
    }
    if (!holds) throw new Fault("decision.key");
  }

  return { check };
})();
