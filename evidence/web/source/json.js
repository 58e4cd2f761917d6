/* Strict JSON (RFC 8259). JSON.parse keeps the last of two equal names, rounds large integers and takes half a surrogate
   pair; two readers of the same bytes could then see two things. Here all of that is refused.

   An integer becomes a number; anything written with a fraction or an exponent becomes a Float, so that 1.0 is not 1.
   An object has no prototype, so that no name in it means anything to the language. */
"use strict";

class Float {
  constructor(value) {
    this.value = value;
  }
}

const strictJson = (() => {
  const MAX_BYTES = 1 << 20;
  const MAX_DEPTH = 24;
  const MAX_DIGITS = 17;
  const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
  const PLAIN = /[^"\\\u0000-\u001f]*/y;
  const LONE_SURROGATE = /[\ud800-\udfff]/u; // written as an escape: no UTF-8 can carry it
  const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  const LITERALS = [["true", true], ["false", false], ["null", null]];

  class Reader {
    constructor(text) {
      this.text = text;
      this.at = 0;
    }

    fail() {
      throw new Fault("json", this.at);
    }

    space() {
      while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at++;
    }

    take(sign) {
      if (this.text[this.at] !== sign) return false;
      this.at++;
      return true;
    }

    match(pattern) {
      pattern.lastIndex = this.at;
      const found = pattern.exec(this.text);
      if (found === null) this.fail();
      this.at = pattern.lastIndex;
      return found;
    }

    value(depth) {
      if (depth > MAX_DEPTH) throw new Fault("json.deep", MAX_DEPTH);
      this.space();
      const sign = this.text[this.at];
      if (sign === "{") return this.object(depth);
      if (sign === "[") return this.array(depth);
      if (sign === '"') return this.string();
      for (const [word, value] of LITERALS) {
        if (this.text.startsWith(word, this.at)) {
          this.at += word.length;
          return value;
        }
      }
      return this.number();
    }

    object(depth) {
      const found = Object.create(null);
      this.at++;
      this.space();
      if (this.take("}")) return found;
      do {
        this.space();
        if (this.text[this.at] !== '"') this.fail();
        const name = this.string();
        if (name in found) throw new Fault("json.twice");
        this.space();
        if (!this.take(":")) this.fail();
        found[name] = this.value(depth + 1);
        this.space();
      } while (this.take(","));
      if (!this.take("}")) this.fail();
      return found;
    }

    array(depth) {
      const found = [];
      this.at++;
      this.space();
      if (this.take("]")) return found;
      do {
        found.push(this.value(depth + 1));
        this.space();
      } while (this.take(","));
      if (!this.take("]")) this.fail();
      return found;
    }

    string() {
      let text = "";
      this.at++;
      for (;;) {
        text += this.match(PLAIN)[0];
        if (this.take('"')) break;
        if (!this.take("\\")) this.fail();
        text += this.escape();
      }
      if (LONE_SURROGATE.test(text)) throw new Fault("json.surrogate");
      return text;
    }

    escape() {
      const letter = this.text[this.at++];
      if (letter !== "u") return ESCAPES[letter] ?? this.fail();
      const digits = this.text.slice(this.at, this.at + 4);
      if (!/^[0-9A-Fa-f]{4}$/.test(digits)) this.fail();
      this.at += 4;
      return String.fromCharCode(parseInt(digits, 16));
    }

    number() {
      const [digits, fraction, exponent] = this.match(NUMBER);
      const value = Number(digits);
      if (fraction === undefined && exponent === undefined) {
        if (digits.length > MAX_DIGITS || !Number.isSafeInteger(value)) throw new Fault("json.integer");
        return value + 0; // -0 is 0
      }
      if (!Number.isFinite(value)) throw new Fault("json.number");
      return new Float(value);
    }
  }

  const isObject = (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);

  /* One JSON object from UTF-8. */
  function object(data) {
    if (data.length > MAX_BYTES) throw new Fault("json.large", data.length, MAX_BYTES);
    const reader = new Reader(bytes.fromUtf8(data));
    const value = reader.value(0);
    reader.space();
    if (reader.at !== reader.text.length) reader.fail();
    if (!isObject(value)) throw new Fault("json.object");
    return value;
  }

  /* The canonical form of RFC 8785, for values without a Float: a value always gives the same text. */
  function canonical(value) {
    if (value instanceof Float) throw new Fault("json.float");
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (!isObject(value)) return JSON.stringify(value);
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }

  return { object, canonical, isObject, MAX_BYTES };
})();
