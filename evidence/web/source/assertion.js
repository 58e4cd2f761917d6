/* What an officer's security key signed (WebAuthn Level 2, section 7.2): this statement, asked for by a page of the place
   that the record names, with the officer there and verified by the key. */
"use strict";

const assertion = (() => {
  const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
  const THERE_AND_VERIFIED = 0b101;
  const ATTESTED_OR_EXTENDED = 0b11000000;
  const PLACE = "localhost"; // a unit's screen is nowhere else
  const PAGE = /^https?:\/\/(?:[a-z0-9-]+\.)*localhost(?::([0-9]{1,5}))?$/;
  const LAST_PORT = 65535;
  const ID_LENGTH = 32;
  const LENGTH = 37; // of authenticator data: hash, flags, counter

  function isPage(origin) {
    const found = typeof origin === "string" ? PAGE.exec(origin) : null;
    return found !== null && Number(found[1] ?? 0) <= LAST_PORT;
  }

  function saysSo(said, digest) {
    if (said.type !== "webauthn.get" || ("crossOrigin" in said && said.crossOrigin !== false)) return false;
    return said.challenge === bytes.toBase64url(bytes.fromHex(digest)) && isPage(said.origin);
  }

  async function wasThere(data, place) {
    if (data.length !== LENGTH || data[ID_LENGTH] & ATTESTED_OR_EXTENDED || place !== PLACE) return false;
    if ((data[ID_LENGTH] & THERE_AND_VERIFIED) !== THERE_AND_VERIFIED) return false;
    return bytes.toHex(data.subarray(0, ID_LENGTH)) === (await bytes.sha256Hex(new TextEncoder().encode(place)));
  }

  async function isSigned({ client_data, authenticator_data, signature, key }) {
    bytes.fromBase64url(key.x); // importKey takes other spellings of a number too
    bytes.fromBase64url(key.y);
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
      const said = strictJson.object(bytes.fromBase64url(made.client_data));
      const named = bytes.fromBase64url(made.credential_id).length > 0;
      const there = await wasThere(bytes.fromBase64url(made.authenticator_data), made.rp_id);
      holds = named && there && saysSo(said, digest) && (await isSigned(made));
    } catch {
      holds = false; // whatever these bytes are, they are no assertion
    }
    if (!holds) throw new Fault("decision.key");
  }

  return { check };
})();
