/* Bytes and text: base64url, hexadecimal, UTF-8, hashes. Everything that reads what others wrote refuses by throwing a
   Fault; a Fault has a code (texts.js has the words for it) and never a value out of a record. */
"use strict";

class Fault extends Error {
  constructor(code, ...details) {
    super(code);
    this.code = code;
    this.details = details;
  }
}

const bytes = (() => {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const VALUE = new Int16Array(128).fill(-1);
  for (let index = 0; index < 64; index++) VALUE[ALPHABET.charCodeAt(index)] = index;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  function toBase64url(data) {
    let text = "";
    for (let at = 0; at < data.length; at += 3) {
      const left = Math.min(3, data.length - at);
      const group = (data[at] << 16) | ((data[at + 1] ?? 0) << 8) | (data[at + 2] ?? 0);
      for (let place = 0; place <= left; place++) text += ALPHABET[(group >> (18 - 6 * place)) & 63];
    }
    return text;
  }

  /* Unpadded base64url (RFC 7515 section 2) in its one spelling: the unused bits of the last letter are zero. */
  function fromBase64url(text) {
    if (text.length % 4 === 1) throw new Fault("base64url");
    const data = new Uint8Array(Math.floor((text.length * 3) / 4));
    let held = 0;
    let bits = 0;
    let at = 0;
    for (let place = 0; place < text.length; place++) {
      const code = text.charCodeAt(place);
      const value = code < 128 ? VALUE[code] : -1;
      if (value < 0) throw new Fault("base64url");
      held = ((held << 6) | value) & 0xffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        data[at++] = held >> bits;
      }
    }
    if (held & ((1 << bits) - 1)) throw new Fault("base64url");
    return data;
  }

  function toHex(data) {
    return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

  function fromUtf8(data) {
    try {
      return utf8.decode(data);
    } catch {
      throw new Fault("utf8");
    }
  }

  function ascii(text) {
    const data = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) data[at] = text.charCodeAt(at);
    return data;
  }

  async function sha256(data) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  }

  const sha256Hex = async (data) => toHex(await sha256(data));

  const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

  return { toBase64url, fromBase64url, toHex, fromHex, fromUtf8, ascii, sha256, sha256Hex, equal };
})();
