/* The unit's keys, from record to record: certified by the authority, handed over by rotation, perhaps revoked. */
"use strict";

const keys = (() => {
  const PROOF_TYPE = "vernix-key-proof+jws";
  const REVOCATIONS_TYPE = "vernix-revocations+jws";

  /* The key that a birth or key record brings, as the authority's certificate in it says. */
  async function certified(payload, authority) {
    const certificate = certificates.read(bytes.fromBase64url(payload.key.certificate));
    const key = await certificates.check(certificate, authority, instants.read(payload.time.latest));
    if (certificates.unitOf(certificate) !== payload.unit || certificates.siteOf(certificate) !== payload.site) {
      throw new Fault("origin.names");
    }
    const kid = await certificates.thumbprint(certificate);
    if (payload.key.kid !== kid) throw new Fault("origin.kid");
    const since = payload.kind === "birth" ? 1 : payload.seq + 1;
    return { kid, key, since, ends: certificate.ends, protection: payload.key.protection, der: certificate.der };
  }

  /* The new key has signed the place of this very record: exactly these bytes. */
  async function checkProof({ key: { proof }, prev, seq, site, unit, v }, { kid, key }) {
    const signed = jws.parse(proof, PROOF_TYPE);
    if (signed.kid !== kid) throw new Fault("signature.unknown", signed.kid);
    await jws.verify(signed, bytes.ascii(proof), key);
    if (bytes.fromUtf8(signed.payload) !== strictJson.canonical({ prev, seq, site, unit, v })) throw new Fault("key.place");
  }

  /* Step 2 for a birth record: whose chain it is, and its first key. */
  async function origin(payload, authority) {
    if (payload.kind !== "birth" || payload.seq !== 1) throw new Fault("origin.first");
    const first = await certified(payload, authority);
    const head = { seq: 0, sha256: await bytes.sha256Hex(first.der) };
    return { unit: payload.unit, site: payload.site, head, keys: [first], replaces: payload.replaces ?? null };
  }

  /* Step 2 for a key record: the key it brings into force. */
  async function next(payload, origin, authority) {
    const made = await certified(payload, authority);
    if (payload.unit !== origin.unit || payload.site !== origin.site) throw new Fault("identity");
    if (origin.keys.some(({ kid }) => kid === made.kid)) throw new Fault("key.again");
    if (payload.seq < origin.keys.at(-1).since) throw new Fault("key.earlier");
    await checkProof(payload, made);
    return made;
  }

  /* The key that signs the record seq. */
  const inForce = (origin, seq) => origin.keys.findLast(({ since }) => since <= seq) ?? origin.keys[0];

  /* The authority's list of revoked keys (evidence/revocation.py), by kid. */
  async function readRevocations(token, authority) {
    const signed = jws.parse(token, REVOCATIONS_TYPE);
    const key = await certificates.keyOf(authority);
    if (signed.kid !== (await certificates.thumbprint(authority))) throw new Fault("signature.unknown", signed.kid);
    await jws.verify(signed, bytes.ascii(token), key);
    const message = strictJson.object(signed.payload);
    schema.revocations(message);
    if (message.site !== certificates.siteOf(authority)) throw new Fault("revocations.site");
    const entries = new Map(message.revoked.map((entry) => [entry.kid, entry]));
    if (entries.size !== message.revoked.length) throw new Fault("revocations.twice");
    return { number: message.number, issued: message.issued, entries };
  }

  /* Step 3, revocation: the record was made before its key was revoked. The place in the chain decides where the list
     names the last record, otherwise the record's own time. */
  function checkRevocation(entry, { seq, time }, sha256) {
    const { last, since, reason } = entry;
    if (last === undefined) {
      if (instants.read(time.latest) >= instants.read(since)) throw new Fault("revoked.since", reason, since);
    } else if (seq > last.seq) throw new Fault("revoked.last", reason, last.seq);
    else if (seq === last.seq && sha256 !== last.sha256) throw new Fault("revoked.other", reason, last.seq);
  }

  return { origin, next, inForce, readRevocations, checkRevocation };
})();
