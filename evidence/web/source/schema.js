/* The form of a record's payload, version 1, and of a bundle's first line, rule by rule.

   A rule is a function (value, path) that throws a Fault with the path. Unknown names are accepted, as later versions may
   add some; the values of known ones are held against their rule even where the kind of record does not need them. */
"use strict";

const schema = (() => {
  const refuse = (path, rule) => {
    throw new Fault("schema", path || "payload", rule);
  };
  const length = (text) => [...text].length; // characters, not UTF-16 units

  const text = ({ min = 0, max = Infinity, pattern = null } = {}) => (value, path) => {
    if (typeof value !== "string") refuse(path, "type");
    if (length(value) < min || length(value) > max) refuse(path, "length");
    if (pattern !== null && !pattern.test(value)) refuse(path, "pattern");
  };
  const integer = (min, max = Number.MAX_SAFE_INTEGER) => (value, path) => {
    if (typeof value !== "number") refuse(path, "type");
    if (value < min || value > max) refuse(path, "range");
  };
  const number = (min = -Infinity, max = Infinity) => (value, path) => {
    const plain = value instanceof Float ? value.value : value;
    if (typeof plain !== "number") refuse(path, "type");
    if (plain < min || plain > max) refuse(path, "range");
  };
  const orNull = (rule) => (value, path) => value === null || rule(value, path);
  const oneOf = (...words) => (value, path) => words.includes(value) || refuse(path, "enum");
  const boolean = (value, path) => typeof value === "boolean" || refuse(path, "type");
  const list = (rule) => (value, path) => {
    if (!Array.isArray(value)) refuse(path, "type");
    value.forEach((item, place) => rule(item, `${path}.${place}`));
  };
  const object = (required, rules = {}) => (value, path) => {
    if (!strictJson.isObject(value)) refuse(path, "type");
    const below = (name) => (path ? `${path}.${name}` : name);
    for (const name of required) if (!(name in value)) refuse(below(name), "required");
    for (const [name, rule] of Object.entries(rules)) if (name in value) rule(value[name], below(name));
  };

  const closed = (required, rules) => (value, path) => {
    object(required, rules)(value, path);
    if (!Object.keys(value).every((one) => Object.hasOwn(rules, one))) refuse(path, "names");
  };

  const name = text({ pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/ });
  const hash = text({ pattern: /^[0-9a-f]{64}$/ });
  const uuid7 = text({ pattern: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/ });
  const kid = text({ pattern: /^[A-Za-z0-9_-]{43}$/ });
  const instant = (value, path) => {
    if (typeof value !== "string") refuse(path, "type");
    if (instants.read(value) === null) refuse(path, "date-time");
  };

  const MODEL = /^[a-z][a-z0-9_]{0,31}$/;
  const models = (value, path) => {
    object(["detector", "embedding"])(value, path);
    for (const [model, digest] of Object.entries(value)) {
      if (!MODEL.test(model)) refuse(path, "names");
      hash(digest, path);
    }
  };

  const base64url = text({ pattern: /^[A-Za-z0-9_-]{1,4096}$/ });
  const JWK = { crv: oneOf("P-256"), kty: oneOf("EC"), x: kid, y: kid };
  const jwk = closed(Object.keys(JWK), JWK);
  const SIGNED = {
    credential_id: base64url,
    authenticator_data: base64url,
    client_data: base64url,
    signature: base64url,
    rp_id: text({ min: 1, max: 253 }),
    key: jwk,
  };
  const assertion = (value, path) => {
    object(["method", "statement_sha256"], {
      method: oneOf("pin", "webauthn"),
      attested_by: oneOf("unit"),
      statement_sha256: hash,
      findings: list(text()),
      ...SIGNED,
    })(value, path);
    if (value.method === "webauthn") object(Object.keys(SIGNED))(value, path);
  };

  const outcome = oneOf("passed", "failed", "refused", "unable", "manual", "emergency", "device_fault", "interrupted");
  const STATEMENT = { check: uuid7, document_sha256: orNull(hash), outcome, reason: text(), expires: instant };
  const decision = closed(Object.keys(STATEMENT), STATEMENT);

  const CONSENT = { id: uuid7, text_id: text(), sha256: hash, at: instant, by: oneOf("subject", "delegate") };
  const fingerConsent = closed(Object.keys(CONSENT), { ...CONSENT, relation: text() });
  const SLIP = { consent: uuid7, unit: name, issued: instant, expires: instant };
  const finger = closed(["decision"], {
    decision: oneOf("match", "no_match", "not_performed"),
    method: oneOf("slip", "id_card"),
    score: number(),
    threshold: number(),
    attempts: integer(0, Infinity),
    cause: text(),
    consent: fingerConsent,
    slip: closed(Object.keys(SLIP), SLIP),
    slip_refused: text(),
    enrolment: closed(["decision"], {
      decision: oneOf("enrolled", "not_enrolled"),
      cause: text(),
      expires: instant,
      consent: fingerConsent,
    }),
  });

  const FIELDS = {
    v: integer(1, 1),
    kind: oneOf("birth", "check", "addendum", "key", "event", "retire"),
    unit: name,
    site: name,
    seq: integer(1),
    prev: hash,
    boot: integer(0),
    salt: text({ pattern: /^[A-Za-z0-9_-]{22}$/ }),
    time: object(["earliest", "latest", "source"], {
      earliest: instant,
      latest: instant,
      source: oneOf("network", "clock", "floor"),
    }),
    check: uuid7,
    refers_to: object(["seq", "sha256"], { seq: integer(1), sha256: hash }),
    accounts: oneOf(true),
    settled_by: object(["check", "seq", "sha256"], { check: uuid7, seq: integer(1), sha256: hash }),
    drill: boolean,
    checkpoint: text({ min: 1, max: 64 }),
    outcome,
    policy: object(["id", "version"], { id: text(), version: text() }),
    visit: object(["ref", "source"], { ref: text({ min: 1, max: 128 }), source: text() }),
    gestation_week: integer(0, 45),
    alerts: list(object(["to", "within_s"], { to: text({ min: 1, max: 64 }), within_s: integer(0) })),
    subject: object([], { role: text(), relation: text() }),
    contact: object([], { phone: text({ max: 32 }) }),
    document: object(["type", "findings"], {
      type: text(),
      method: text(),
      number: text(),
      name: text(),
      sex: text(),
      birth: text(),
      findings: list(text()),
    }),
    consent: object(["text_id", "sha256", "at", "by"], {
      text_id: text(),
      sha256: hash,
      at: instant,
      by: text(),
      relation: text(),
      notice: object(["text_id", "sha256"], { text_id: text(), sha256: hash }),
    }),
    face: object(["score", "threshold", "decision", "frames", "model"], {
      score: orNull(number(-1, 1)),
      threshold: number(-1, 1),
      decision: oneOf("match", "no_match", "not_comparable"),
      frames: integer(0, Infinity),
      cause: text(),
      model: models,
    }),
    liveness: object(["decision", "checks"], {
      decision: oneOf("live", "attack", "unsure", "not_performed"),
      cause: text(),
      checks: list(object(["name", "decision"], {
        name: text(),
        decision: oneOf("live", "attack", "unsure", "not_performed"),
        reasons: list(text()),
        evidence: object([]),
        model: hash,
      })),
      skipped: list(object(["challenge", "officer", "role", "reason", "attested_by"], {
        challenge: oneOf("light", "motion", "thermal"),
        officer: name,
        role: text(),
        reason: text({ max: 500 }),
        attested_by: oneOf("unit"),
      })),
    }),
    finger,
    officers: list(object(["id", "role", "assertion"], { id: name, role: text(), assertion })),
    pressed: object(["claimed_at", "claimed_by"], { claimed_at: instant, claimed_by: oneOf("screen") }),
    on_duty: object(["id", "role", "since", "attested_by"], {
      id: name,
      role: text(),
      since: instant,
      login: oneOf("pin", "badge_pin", "webauthn"),
      attested_by: oneOf("unit"),
    }),
    decision,
    subject_sign: object(["by", "relation", "sha256"], { by: text(), relation: text(), sha256: hash }),
    reason: text({ max: 500 }),
    step_reached: text(),
    channel: text(),
    channel_reference: text({ min: 1, max: 64 }),
    officer_signs: list(object(["id", "name", "sha256"], { id: name, name: text(), sha256: hash })),
    software: object(["version"], { version: text() }),
    key: object(["kid", "protection", "certificate"], { kid, protection: text(), certificate: text(), proof: text() }),
    replaces: object(["unit", "seq", "sha256"], { unit: name, seq: integer(1), sha256: hash }),
    event: object(["type"], { type: text() }),
    attachments: list(object(["name", "sha256"], { name: text(), sha256: hash })),
  };

  const ALWAYS = ["v", "kind", "unit", "site", "seq", "prev", "boot", "salt", "time", "software"];
  const BY_KIND = {
    birth: ["key"],
    check: ["check", "drill", "checkpoint", "outcome", "policy", "visit", "subject", "officers", "channel"],
    addendum: ["check", "refers_to", "reason"],
    key: ["key", "reason"],
    event: ["event"],
    retire: ["reason"],
  };
  const BY_OUTCOME = { passed: ["document", "consent"], interrupted: ["step_reached"] };

  const fields = object(ALWAYS, FIELDS);

  function record(payload) {
    fields(payload, "");
    object(BY_KIND[payload.kind])(payload, "");
    if (payload.kind === "key") object(["proof"])(payload.key, "key");
    if ((payload.kind === "birth") !== (payload.seq === 1)) refuse("seq", "range");
    if (payload.kind !== "check") return;
    object(BY_OUTCOME[payload.outcome] ?? [])(payload, "");
    if (payload.outcome === "interrupted" && "document" in payload) refuse("document", "not");
  }

  const firstLine = object(["format", "v", "unit", "site", "head"], {
    format: oneOf("vernix-bundle"),
    v: integer(1, 1),
    unit: name,
    site: name,
    head: object(["seq", "sha256"], { seq: integer(0), sha256: hash }),
  });

  /* Of a health message, what step 8 needs of it. */
  const healthMessage = object(["v", "unit", "site", "at", "seq", "head"], {
    v: integer(1, 1),
    unit: name,
    site: name,
    at: instant,
    seq: integer(1),
    head: hash,
    waiting: integer(0),
    refused: integer(0),
    roster: integer(0),
    revocations: integer(0),
    boot: integer(1),
    number: integer(1),
    counters: (value, path) => {
      object([])(value, path);
      for (const [channel, count] of Object.entries(value)) integer(0)(count, `${path}.${channel}`);
    },
    overwritten: (value, path) => {
      list((range, place) => {
        list(integer(1))(range, place);
        if (range.length !== 2) refuse(place, "length");
      })(value, path);
      if (value.length > 10000) refuse(path, "length");
    },
    storage: object([], {}),
    troubles: list(text()),
  });

  const last = (value, path) => {
    object(["seq", "sha256"], { seq: integer(1), sha256: hash })(value, path);
    if (Object.keys(value).length !== 2) refuse(path, "names");
  };
  const revocations = object(["v", "site", "number", "issued", "revoked"], {
    v: integer(1, 1),
    site: name,
    number: integer(1),
    issued: instant,
    revoked: list(
      object(["kid", "serial", "since", "reason"], {
        kid,
        serial: text({ pattern: /^[0-9a-f]{1,40}$/ }),
        since: instant,
        reason: oneOf("compromised", "lost", "replaced", "retired"),
        last,
      }),
    ),
  });

  return {
    health: (value) => healthMessage(value, ""),
    revocations: (value) => revocations(value, ""),
    bundle: (value) => firstLine(value, ""),
    record,
  };
})();
