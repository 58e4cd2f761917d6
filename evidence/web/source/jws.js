/* Signed messages: compact JWS with ES256 only (RFC 7515, RFC 7518 section 3.4), in one spelling.

   The header has exactly alg, kid and typ. Of the two signatures that ECDSA lets anyone make out of one, (r, s) and
   (r, n - s), only the one with s <= n/2 counts: a record is named by the hash of its JWS. */
"use strict";

const jws = (() => {
  const MAX_LENGTH = 2 * strictJson.MAX_BYTES;
  const KID = /^[A-Za-z0-9_-]{43}$/;
  const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n; // of P-256: SEC 2, 2.4.2

  /* Taken apart, not believed. */
  function parse(token, typ) {
    if (token.length > MAX_LENGTH) throw new Fault("jws.long", token.length);
    const parts = token.split(".");
    if (parts.length !== 3) throw new Fault("jws.parts");
    const header = strictJson.object(bytes.fromBase64url(parts[0]));
    const names = Object.keys(header).sort().join(" ");
    if (names !== "alg kid typ" || !Object.values(header).every((value) => typeof value === "string")) {
      throw new Fault("jws.header");
    }
    if (header.alg !== "ES256") throw new Fault("jws.alg");
    if (header.typ !== typ) throw new Fault("jws.typ", typ);
    if (!KID.test(header.kid)) throw new Fault("jws.kid");
    const signature = bytes.fromBase64url(parts[2]);
    const signedLength = token.length - parts[2].length - 1;
    return { kid: header.kid, payload: bytes.fromBase64url(parts[1]), signature, signedLength };
  }

  async function holds(signed, data, key) {
    const { signature } = signed;
    if (signature.length !== 64) return false;
    return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, data.subarray(0, signed.signedLength));
  }

  /* Throws a Fault unless the bytes of the token were signed by key; data is the token as bytes. */
  async function verify(signed, data, key) {
    if (!(await holds(signed, data, key))) throw new Fault("signature.fails", signed.kid);
    if (BigInt(`0x${bytes.toHex(signed.signature.subarray(32))}`) > HALF_ORDER) throw new Fault("signature.twin", signed.kid);
  }

  return { parse, verify };
})();
