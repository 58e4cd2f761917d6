/* The numbered procedure of evidence/verify.py, written again from its text: steps 1 to 7 for each record, 8 for the whole.
   A finding is { step, place, code, details }; place is the record's, counted from 1, or 0 for the bundle. */
"use strict";

const procedure = (() => {
  const TYPE = "vernix-record+jws";
  const HEALTH_TYPE = "vernix-health+jws";
  const MAX_FINDINGS = 1000; // nobody learns from one more

  /* Step 1 alone. */
  function readRecord(token) {
    const signed = jws.parse(token, TYPE);
    const payload = strictJson.object(signed.payload);
    schema.record(payload);
    return { signed, payload, data: bytes.ascii(token) };
  }

  /* Step 7, decisions: what officers signed is in the record, about this check and this outcome. */
  async function checkDecision({ decision = null, officers = [], check, outcome }) {
    if (decision === null) {
      if (officers.length > 0) throw new Fault("decision.missing");
      return;
    }
    const digest = await bytes.sha256Hex(new TextEncoder().encode(strictJson.canonical(decision)));
    if (officers.some(({ assertion }) => assertion.statement_sha256 !== digest)) throw new Fault("decision.signed");
    const keyed = officers.map((one) => one.assertion).filter(({ method }) => method === "webauthn");
    const keys = keyed.map(({ key: { x, y } }) => `${x} ${y}`);
    for (const some of [officers.map(({ id }) => id), keyed.map((one) => one.credential_id), keys]) {
      if (new Set(some).size !== some.length) throw new Fault("decision.twice");
    }
    for (const one of keyed) await assertion.check(one, digest);
    if (decision.check !== check) throw new Fault("decision.check");
    const decided = [undefined, "interrupted", decision.outcome];
    if (!decided.includes(outcome)) throw new Fault("decision.outcome");
  }

  class Walk {
    constructor(authority, revocations = null) {
      this.authority = authority;
      this.revocations = revocations;
      this.unbelieved = new Set(); // revoked keys of which a record was found
      this.origin = null;
      this.head = null;
      this.boot = 0;
      this.earliest = null;
      this.retired = false;
      this.checks = new Map(); // check id -> seq of its check record
      this.seen = new Map(); // seq -> what later records are held against
      this.missed = []; // findings that are some because the records first to last are not here
      this.result = { unit: "", site: "", count: 0, head: null, kinds: {}, keys: [], findings: [], absent: [], more: false, sound: false };
    }

    /* A finding for the lack of the records first to last. */
    miss(step, place, code, first, last, ...details) {
      this.find(step, place, code, ...details);
      this.missed.push({ finding: this.result.findings.at(-1), first, last });
    }

    /* What the unit says it overwrote after the gateway's receipts is absent, and no finding. */
    excuse(overwritten) {
      for (const { finding, first, last } of this.missed) {
        if (!overwritten.some(([begin, end]) => begin <= first && last <= end)) continue;
        this.result.findings.splice(this.result.findings.indexOf(finding), 1);
        if (finding.step === 4) this.result.absent.push([first, last]);
      }
    }

    find(step, place, code, ...details) {
      this.result.findings.push({ step, place, code, details });
    }

    /* Asked before every record: whether there have been findings enough. Then nothing is said about the whole. */
    enough() {
      this.result.more = this.result.findings.length >= MAX_FINDINGS;
      return this.result.more;
    }

    /* What `work` gives, or null and a finding of `step`. Only a Fault is a finding; anything else is an error of ours. */
    async attempt(step, place, work) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.find(step, place, error.code, ...error.details);
        return null;
      }
    }

    /* One record through steps 1 to 7: its payload, or null where nothing of it can be believed. */
    async take(place, token) {
      const item = await this.attempt(1, place, () => readRecord(token));
      if (item === null) return null;
      item.sha256 = await bytes.sha256Hex(item.data);
      if (this.origin === null && !(await this.begin(place, item))) return null;
      if (!(await this.signature(place, item))) return null;
      await this.rotation(place, item);
      this.identity(place, item);
      this.chain(place, item);
      this.order(place, item);
      await this.check(place, item);
      this.keep(item);
      return item.payload;
    }

    /* 2. Origin: the first key, with the birth record. */
    async begin(place, { payload }) {
      const origin = await this.attempt(2, place, () => keys.origin(payload, this.authority));
      if (origin === null) return false;
      this.origin = origin;
      this.head = origin.head;
      Object.assign(this.result, { unit: origin.unit, site: origin.site, keys: origin.keys });
      return true;
    }

    /* 3. Signature. */
    async signature(place, item) {
      const { payload } = item;
      const key = keys.inForce(this.origin, payload.seq);
      const believed = await this.attempt(3, place, async () => {
        await this.checkSigner(item, key);
        this.checkRevoked(item, key);
        return true;
      });
      if (believed === null) return false;
      if (instants.read(payload.time.earliest) > key.ends) this.find(3, place, "signature.expired", instants.day(key.ends));
      return true;
    }

    async checkSigner({ signed, data, payload }, { kid, key }) {
      if (signed.kid !== kid) {
        const known = this.origin.keys.some((one) => one.kid === signed.kid);
        throw known ? new Fault("signature.other", payload.seq, signed.kid) : new Fault("signature.unknown", signed.kid);
      }
      await jws.verify(signed, data, key);
    }

    checkRevoked({ payload, sha256 }, { kid }) {
      const entry = this.revocations?.entries.get(kid);
      if (entry === undefined || payload.kind === "key") return;
      if (this.unbelieved.has(kid)) throw new Fault("revoked.before", entry.reason);
      try {
        keys.checkRevocation(entry, payload, sha256);
      } catch (error) {
        this.unbelieved.add(kid);
        throw error;
      }
    }

    /* 2 again. Origin: every later key, with a key record. */
    async rotation(place, { payload }) {
      if (payload.kind !== "key") return;
      const key = await this.attempt(2, place, () => keys.next(payload, this.origin, this.authority));
      if (key !== null) this.origin.keys.push(key);
    }

    /* 5. Identity. */
    identity(place, { payload }) {
      if (payload.unit !== this.origin.unit || payload.site !== this.origin.site) this.find(5, place, "identity");
    }

    /* 4. Chain. After a break it goes on from the later record, so that one gap is one finding. */
    chain(place, { payload, sha256 }) {
      const { head } = this;
      const next = { seq: payload.seq, sha256 };
      if (payload.seq > head.seq + 1) this.miss(4, place, "chain.gap", head.seq + 1, payload.seq - 1, payload.seq, head.seq);
      else if (payload.seq !== head.seq + 1) this.find(4, place, "chain.gap", payload.seq, head.seq);
      else if (payload.prev !== head.sha256) this.find(4, place, "chain.link", payload.seq, head.seq);
      this.head = next.seq > head.seq ? next : head;
      this.result.head = this.head;
    }

    /* 6. Order. */
    order(place, { payload }) {
      if (this.retired) this.find(6, place, "order.retired");
      this.retired ||= payload.kind === "retire";
      if (payload.boot < this.boot) this.find(6, place, "order.boot", this.boot, payload.boot);
      this.boot = Math.max(this.boot, payload.boot);
      const [earliest, latest] = [instants.read(payload.time.earliest), instants.read(payload.time.latest)];
      if (latest < earliest || (this.earliest !== null && latest < this.earliest)) this.find(6, place, "order.time");
      this.earliest = Math.max(earliest, this.earliest ?? earliest);
    }

    /* 7. Checks. */
    async check(place, { payload }) {
      if (payload.kind === "check") {
        const before = this.checks.get(payload.check);
        if (before === undefined) this.checks.set(payload.check, payload.seq);
        else this.find(7, place, "check.twice", before);
      } else if (payload.kind === "addendum") {
        this.names(place, payload.refers_to, payload.check);
        if (payload.settled_by !== undefined) this.names(place, payload.settled_by, payload.settled_by.check);
      }
      await this.attempt(7, place, () => checkDecision(payload));
    }

    names(place, { seq, sha256 }, check) {
      const target = this.seen.get(seq);
      if (target === undefined) this.miss(7, place, "addendum.missing", seq, seq);
      else if (target.sha256 !== sha256) this.find(7, place, "addendum.missing");
      else if (target.check !== check) this.find(7, place, "addendum.other");
    }

    keep({ payload, sha256 }) {
      if (!this.seen.has(payload.seq)) this.seen.set(payload.seq, { sha256, check: payload.check ?? null });
      this.result.count++;
      this.result.kinds[payload.kind] = (this.result.kinds[payload.kind] ?? 0) + 1;
    }

    /* 2, where the verified records of the unit that this one replaces are at hand. */
    predecessor(before) {
      if (this.origin === null || this.result.count === 0) return; // found already
      const { replaces, site } = this.origin;
      if (replaces === null) this.find(2, 1, "replaces.nothing");
      else if (replaces.unit !== before.unit || site !== before.site) this.find(2, 1, "replaces.other");
      else if (before.head?.seq !== replaces.seq || before.head.sha256 !== replaces.sha256) {
        this.find(2, 1, "replaces.end", replaces.seq);
      }
    }

    /* 5. Identity, of a bundle's first line. */
    address({ unit, site }) {
      if (this.origin !== null && (unit !== this.origin.unit || site !== this.origin.site)) this.find(5, 0, "identity.first");
    }

    /* 8. Tail. */
    tail(head) {
      const reached = this.seen.get(head.seq);
      if (reached === undefined) this.find(8, 0, "tail.cut", head.seq);
      else if (reached.sha256 !== head.sha256) this.find(8, 0, "tail.other", head.seq);
      return reached?.sha256 === head.sha256;
    }

    /* A head that the unit signed, out of a health message; null and a finding of step 8 where it is none of this unit's. */
    signedHead(token) {
      return this.attempt(8, 0, async () => {
        const { origin } = this;
        try {
          const signed = jws.parse(token, HEALTH_TYPE);
          const message = strictJson.object(signed.payload);
          schema.health(message);
          const key = origin?.keys.find(({ kid }) => kid === signed.kid);
          if (key === undefined || message.unit !== origin.unit || message.site !== origin.site) throw new Fault("tail.form");
          await jws.verify(signed, bytes.ascii(token), key.key);
          const head = { seq: message.seq, sha256: message.head, at: message.at };
          if (this.tail(head)) this.excuse(message.overwritten ?? []);
          return head;
        } catch (error) {
          throw error instanceof Fault ? new Fault("tail.form") : error;
        }
      });
    }

    /* What is about the whole: nobody's records, the first line's address, and the heads; then the verdict. */
    async finish({ head = null, address = null, health = null }) {
      if (this.result.more) return { result: this.result, signed: null };
      if (this.result.count === 0 && this.result.findings.length === 0) this.find(1, 0, "nothing");
      if (address !== null) this.address(address);
      const signed = health === null ? null : await this.signedHead(health);
      if (head !== null) this.tail(head);
      this.result.sound = this.result.count > 0 && this.result.findings.length === 0;
      return { result: this.result, signed };
    }
  }

  /* All records at once; the page itself goes record by record, to stay alive. */
  async function verifyRecords(tokens, authority, { head = null, health = null, revocations = null, predecessor = null } = {}) {
    const walk = new Walk(authority, revocations);
    for (const [index, token] of tokens.entries()) {
      if (walk.enough()) break;
      await walk.take(index + 1, token);
      if (index === 0 && predecessor !== null) walk.predecessor(predecessor);
    }
    return (await walk.finish({ head, health })).result;
  }

  return { Walk, readRecord, verifyRecords };
})();
