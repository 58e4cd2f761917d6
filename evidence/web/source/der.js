/* Reading DER (ITU-T X.690): definite lengths in their shortest form, nothing left over. */
"use strict";

const der = (() => {
  const TAG = {
    BOOLEAN: 0x01,
    INTEGER: 0x02,
    BIT_STRING: 0x03,
    OCTET_STRING: 0x04,
    OBJECT_IDENTIFIER: 0x06,
    UTF8_STRING: 0x0c,
    PRINTABLE_STRING: 0x13,
    IA5_STRING: 0x16,
    UTC_TIME: 0x17,
    GENERALIZED_TIME: 0x18,
    SEQUENCE: 0x30,
    SET: 0x31,
  };

  const refuse = () => {
    throw new Fault("certificate.form");
  };

  class Reader {
    constructor(data) {
      this.data = data;
      this.at = 0;
    }

    get done() {
      return this.at === this.data.length;
    }

    peek() {
      return this.data[this.at];
    }

    byte() {
      return this.done ? refuse() : this.data[this.at++];
    }

    length() {
      const first = this.byte();
      if (first < 0x80) return first;
      const count = first & 0x7f;
      if (count === 0 || count > 3) refuse();
      let length = 0;
      for (let left = count; left > 0; left--) length = length * 256 + this.byte();
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) refuse();
      return length;
    }

    /* The next element, which must have this tag: its content, and all of it (whole). */
    element(tag) {
      const start = this.at;
      if (this.byte() !== tag) refuse();
      const length = this.length();
      const end = this.at + length;
      if (end > this.data.length) refuse();
      const content = this.data.subarray(this.at, end);
      this.at = end;
      return { content, whole: this.data.subarray(start, end) };
    }

    content(tag) {
      return this.element(tag).content;
    }

    open(tag) {
      return new Reader(this.content(tag));
    }

    optional(tag) {
      return this.peek() === tag ? this.content(tag) : null;
    }

    finish() {
      if (!this.done) refuse();
    }

    skip() {
      this.element(this.peek() ?? refuse());
    }

    oid() {
      return oidOf(this.content(TAG.OBJECT_IDENTIFIER));
    }
  }

  function oidOf(content) {
    if (content.length === 0 || content.at(-1) & 0x80) refuse();
    const numbers = [];
    let number = 0n;
    let fresh = true;
    for (const byte of content) {
      if (fresh && byte === 0x80) refuse();
      number = number * 128n + BigInt(byte & 0x7f);
      fresh = byte < 0x80;
      if (fresh) {
        numbers.push(number);
        number = 0n;
      }
    }
    const top = numbers[0] < 80n ? numbers[0] / 40n : 2n;
    return [top, numbers[0] - top * 40n, ...numbers.slice(1)].join(".");
  }

  /* An INTEGER in its shortest form: its first nine bits are neither all zero nor all one. */
  function checkInteger(content) {
    if (content.length === 0) refuse();
    if (content.length > 1 && content[0] === (content[1] & 0x80 ? 0xff : 0)) refuse();
  }

  /* An INTEGER of at most `size` bytes that is not negative, padded to `size`. */
  function unsigned(content, size) {
    checkInteger(content);
    if (content[0] & 0x80) refuse();
    const digits = content[0] === 0 ? content.subarray(1) : content;
    if (digits.length > size) refuse();
    const padded = new Uint8Array(size);
    padded.set(digits, size - digits.length);
    return padded;
  }

  return { Reader, TAG, checkInteger, oidOf, unsigned, refuse };
})();
