/* The little of X.509 (RFC 5280) that a record certificate has: subject, validity, a P-256 key, what it is for, and the
   authority's signature. */
"use strict";

const certificates = (() => {
  const { TAG, refuse } = der;
  const OID = {
    ecdsaWithSha256: "1.2.840.10045.4.3.2",
    ecPublicKey: "1.2.840.10045.2.1",
    p256: "1.2.840.10045.3.1.7",
    commonName: "2.5.4.3",
    organization: "2.5.4.10",
    basicConstraints: "2.5.29.19",
    extendedKeyUsage: "2.5.29.37",
    keyUsage: "2.5.29.15",
    authorityKeyIdentifier: "2.5.29.35",
    subjectKeyIdentifier: "2.5.29.14",
    recordSigning: "2.25.149612328067469862173360328559946241460.1",
  };
  const [VERSION, EXTENSIONS] = [0xa0, 0xa3]; // context tags of TBSCertificate
  const STRINGS = [TAG.UTF8_STRING, TAG.PRINTABLE_STRING, TAG.IA5_STRING];
  const FORMS = new Map([ // of the extensions that a unit's certificate may have
    [OID.basicConstraints, TAG.SEQUENCE],
    [OID.extendedKeyUsage, TAG.SEQUENCE],
    [OID.keyUsage, TAG.BIT_STRING],
    [OID.authorityKeyIdentifier, TAG.SEQUENCE],
    [OID.subjectKeyIdentifier, TAG.OCTET_STRING],
  ]);
  const FOR_SIGNATURES = [7, 0x80]; // of the bits of a key's usage the first one alone (RFC 5280 section 4.2.1.3)
  const KEY_IDENTIFIER = 0x80; // context tag of AuthorityKeyIdentifier
  const LONGEST_SERIAL = 20; // RFC 5280 section 4.1.2.2
  const LONGEST_TYPE = 31; // bytes of an attribute's type
  const CLOCK_TOLERANCE_MS = 24 * 3600 * 1000; // a unit's clock may be a day behind when it is born
  const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };

  function moment(reader) {
    const short = reader.peek() === TAG.UTC_TIME;
    const digits = String.fromCharCode(...reader.content(short ? TAG.UTC_TIME : TAG.GENERALIZED_TIME));
    const found = (short ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(digits);
    if (found === null) refuse();
    const [year, ...rest] = found.slice(1);
    if (!short && Number(year) < 2050) refuse(); // RFC 5280 section 4.1.2.5
    const century = short ? (Number(year) < 50 ? "20" : "19") : "";
    const [month, day, hour, minute, second] = rest;
    return instants.read(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`) ?? refuse();
  }

  function period(reader) {
    const found = { begins: moment(reader), ends: moment(reader) };
    reader.finish();
    return found;
  }

  /* The text of an attribute, in the letters of its kind. */
  function text(tag, value) {
    if (!STRINGS.includes(tag)) refuse();
    if (tag !== TAG.UTF8_STRING && value.some((byte) => byte > 0x7f)) refuse();
    return bytes.fromUtf8(value);
  }

  /* The attributes of a distinguished name, as [OID, text]. */
  function attributes(content) {
    const found = [];
    const names = new der.Reader(content);
    while (!names.done) {
      const set = names.open(TAG.SET);
      const pair = set.open(TAG.SEQUENCE);
      set.finish(); // one in a set: several could stand in another order
      const type = pair.content(TAG.OBJECT_IDENTIFIER);
      if (type.length > LONGEST_TYPE) refuse();
      const tag = pair.peek();
      found.push([der.oidOf(type), text(tag, pair.content(tag ?? refuse()))]);
      pair.finish();
    }
    return found;
  }

  /* Algorithm OID; ECDSA with SHA-256 has no parameters (RFC 5758). */
  function signatureAlgorithm(content) {
    const reader = new der.Reader(content);
    const oid = reader.oid();
    if (oid === OID.ecdsaWithSha256) reader.finish();
    return oid;
  }

  function bits(content) {
    if (content.length === 0 || content[0] !== 0) refuse();
    return content.subarray(1);
  }

  /* The uncompressed point of a P-256 key; null for any other kind of key. */
  function point(reader) {
    const algorithm = reader.open(TAG.SEQUENCE);
    const data = bits(reader.content(TAG.BIT_STRING));
    reader.finish();
    if (algorithm.oid() !== OID.ecPublicKey || algorithm.peek() !== TAG.OBJECT_IDENTIFIER) return null;
    const fits = algorithm.oid() === OID.p256 && algorithm.done && data.length === 65 && data[0] === 4;
    return fits ? data : null;
  }

  /* An extension that says something in its one form only is held to that here. */
  function checkForm(oid, value) {
    if (!FORMS.has(oid)) throw new Fault("certificate.purpose");
    const reader = new der.Reader(value);
    const content = reader.content(FORMS.get(oid));
    reader.finish();
    if (oid === OID.keyUsage && !bytes.equal(content, FOR_SIGNATURES)) refuse();
    if (oid === OID.authorityKeyIdentifier) {
      const inside = new der.Reader(content);
      inside.content(KEY_IDENTIFIER);
      inside.finish();
    }
  }

  /* Whether an extension must be understood: FALSE is the default, and DER leaves a default out. */
  function checkCritical(flag) {
    if (flag !== null && !bytes.equal(flag, [0xff])) refuse();
  }

  function extensions(content) {
    const found = new Map();
    const outer = new der.Reader(content);
    const list = outer.open(TAG.SEQUENCE);
    outer.finish();
    while (!list.done) {
      const one = list.open(TAG.SEQUENCE);
      const oid = one.oid();
      checkCritical(one.optional(TAG.BOOLEAN));
      if (found.has(oid)) throw new Fault("certificate.purpose");
      found.set(oid, one.content(TAG.OCTET_STRING));
      one.finish();
      checkForm(oid, found.get(oid));
    }
    return found;
  }

  function checkSerial(content) {
    der.checkInteger(content);
    if (content.length > LONGEST_SERIAL || content[0] & 0x80 || content.every((byte) => byte === 0)) refuse();
  }

  function body(content) {
    const reader = new der.Reader(content);
    if (!bytes.equal(reader.content(VERSION), [TAG.INTEGER, 1, 2])) refuse(); // version 3: the others have no extensions
    checkSerial(reader.content(TAG.INTEGER));
    const algorithm = reader.content(TAG.SEQUENCE);
    const issuer = reader.content(TAG.SEQUENCE);
    const validity = period(reader.open(TAG.SEQUENCE));
    const subject = reader.content(TAG.SEQUENCE);
    const key = point(reader.open(TAG.SEQUENCE));
    const extra = reader.optional(EXTENSIONS);
    reader.finish();
    return { algorithm, issuer, ...validity, subject, attributes: attributes(subject), point: key, extra };
  }

  /* A certificate, its signature not yet checked. */
  function read(data) {
    const outer = new der.Reader(data);
    const reader = outer.open(TAG.SEQUENCE);
    outer.finish();
    const { content, whole } = reader.element(TAG.SEQUENCE);
    const algorithm = reader.content(TAG.SEQUENCE);
    const signature = bits(reader.content(TAG.BIT_STRING));
    reader.finish();
    return { ...body(content), der: data, signed: whole, outerAlgorithm: algorithm, signature };
  }

  /* One certificate in PEM (RFC 7468), or plain DER. */
  function readFile(data) {
    if (data[0] === TAG.SEQUENCE) return read(data);
    const found = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(bytes.fromUtf8(data));
    if (found === null) refuse();
    const plain = found[1].replace(/\s/g, "").replace(/=+$/, "");
    return read(bytes.fromBase64url(plain.replaceAll("+", "-").replaceAll("/", "_")));
  }

  /* The signature as WebCrypto wants it: r and s, 32 bytes each. */
  function rawSignature(data) {
    const outer = new der.Reader(data);
    const reader = outer.open(TAG.SEQUENCE);
    outer.finish();
    const [r, s] = [reader.content(TAG.INTEGER), reader.content(TAG.INTEGER)].map((part) => der.unsigned(part, 32));
    reader.finish();
    const raw = new Uint8Array(64);
    raw.set(r);
    raw.set(s, 32);
    return raw;
  }

  async function keyOf(certificate) {
    if (certificate.point === null) throw new Fault("certificate.key");
    try {
      return await crypto.subtle.importKey("raw", certificate.point, ALGORITHM, true, ["verify"]);
    } catch {
      throw new Fault("certificate.key");
    }
  }

  async function issuedBy(certificate, authority) {
    if (!bytes.equal(certificate.issuer, authority.subject)) return false;
    if (!bytes.equal(certificate.algorithm, certificate.outerAlgorithm)) return false;
    if (signatureAlgorithm(certificate.algorithm) !== OID.ecdsaWithSha256) return false;
    const key = await keyOf(authority);
    const how = { name: "ECDSA", hash: "SHA-256" };
    return crypto.subtle.verify(how, key, rawSignature(certificate.signature), certificate.signed);
  }

  async function checkIssuer(certificate, authority) {
    let issued = false;
    try {
      issued = await issuedBy(certificate, authority);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    if (!issued) throw new Fault("certificate.issuer");
  }

  function mayCertify(content) {
    const outer = new der.Reader(content);
    const reader = outer.open(TAG.SEQUENCE);
    outer.finish();
    const flag = reader.optional(TAG.BOOLEAN);
    checkCritical(flag);
    if (flag !== null) reader.optional(TAG.INTEGER); // how many below it: of an authority only
    reader.finish();
    return flag !== null;
  }

  function usages(content) {
    const outer = new der.Reader(content);
    const reader = outer.open(TAG.SEQUENCE);
    outer.finish();
    const found = [];
    while (!reader.done) found.push(reader.oid());
    return found;
  }

  function checkPurpose(certificate) {
    const found = certificate.extra === null ? new Map() : extensions(certificate.extra);
    const [constraints, usage] = [found.get(OID.basicConstraints), found.get(OID.extendedKeyUsage)];
    if (constraints === undefined || usage === undefined) throw new Fault("certificate.purpose");
    const named = usages(usage);
    if (named.length !== 1 || named[0] !== OID.recordSigning || mayCertify(constraints)) {
      throw new Fault("certificate.purpose");
    }
  }

  /* The key the authority vouches for, for records, at the moment `at`. */
  async function check(certificate, authority, at) {
    await checkIssuer(certificate, authority);
    checkPurpose(certificate);
    if (at < certificate.begins - CLOCK_TOLERANCE_MS || at > certificate.ends) {
      throw new Fault("certificate.period", instants.day(certificate.begins), instants.day(certificate.ends));
    }
    return keyOf(certificate);
  }

  function attribute(certificate, oid) {
    const found = certificate.attributes.filter(([name]) => name === oid);
    if (found.length !== 1 || found[0][1] === null) throw new Fault("certificate.subject");
    return found[0][1];
  }

  /* RFC 7638: the name a key goes by. */
  async function thumbprint(certificate) {
    if (certificate.point === null) throw new Fault("certificate.key");
    const [x, y] = [certificate.point.subarray(1, 33), certificate.point.subarray(33)].map(bytes.toBase64url);
    return bytes.toBase64url(await bytes.sha256(bytes.ascii(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)));
  }

  return {
    read,
    readFile,
    check,
    keyOf,
    thumbprint,
    rawSignature,
    unitOf: (certificate) => attribute(certificate, OID.commonName),
    siteOf: (certificate) => attribute(certificate, OID.organization),
  };
})();
