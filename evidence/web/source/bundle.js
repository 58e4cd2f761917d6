/* Bundles (evidence/bundle.py): JSON Lines; the first line says whose, the rest are JWS. Read piece by piece, so that a file
   of any size needs little memory. */
"use strict";

const bundles = (() => {
  const PIECE = 1 << 22;
  const LONGEST = 2 * strictJson.MAX_BYTES; // no record has a longer line, and no more of one is kept

  /* The lines of a file as { start, length, data }, without their line feeds. */
  async function* lines(file) {
    let start = 0;
    let held = [];
    let kept = 0;
    const keep = (part) => {
      const room = part.subarray(0, Math.max(0, LONGEST - kept));
      if (room.length > 0) held.push(room);
      kept += room.length;
    };
    for (let at = 0; at < file.size; at += PIECE) {
      const piece = new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
      let from = 0;
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
        keep(piece.subarray(from, end));
        yield { start, length: at + end - start, data: joined(held, kept) };
        [start, held, kept, from] = [at + end + 1, [], 0, end + 1];
      }
      keep(piece.subarray(from));
    }
    if (start < file.size) yield { start, length: file.size - start, data: joined(held, kept) };
  }

  function joined(parts, length) {
    if (parts.length === 1) return parts[0];
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /* The token of a line; `number` is the line's, from 1. */
  function token({ data, length }, number) {
    if (length > LONGEST) throw new Fault("bundle.long", number, LONGEST);
    if (data.some((byte) => byte >= 128)) throw new Fault("bundle.ascii", number);
    return bytes.fromUtf8(data);
  }

  function first({ data }) {
    const value = strictJson.object(data);
    if (value.format === "vernix-sealed-bundle") throw new Fault("bundle.sealed");
    schema.bundle(value);
    return value;
  }

  /* Open a bundle: whose it is by its first line, its head, and then its records as { place, token, start, length }. */
  async function open(file) {
    const all = lines(file);
    const { value, done } = await all.next();
    if (done) throw new Fault("bundle.empty");
    const { unit, site, head } = first(value);
    return { address: { unit, site }, head, records: records(all) };
  }

  async function* records(all) {
    let place = 0;
    for await (const line of all) {
      place++;
      yield { place, token: token(line, place + 1), start: line.start, length: line.length };
    }
  }

  return { open };
})();
