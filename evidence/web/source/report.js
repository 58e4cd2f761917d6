/* What is shown of one verification: a verdict in words, sign and colour; facts; findings; and the checks of a sound bundle. */
"use strict";

const report = (() => {
  const { element, table, pairs, hash } = parts;
  const { say } = texts;
  const SIGNS = { sound: "✓", unsound: "✗", failed: "!", stopped: "■" };

  const verdict = (state, text) =>
    element(
      "div",
      { class: `verdict ${state}` },
      element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state]),
      element("h2", { id: "verdict", tabindex: "-1" }, say(state)),
      element("p", {}, text),
    );

  const when = (text) => text.replace("T", " ").replace(/\.\d+Z$/, " UTC");

  function facts(outcome) {
    const { result, period } = outcome;
    const list = [
      [say("unit"), result.unit || say("none")],
      [say("site"), result.site || say("none")],
      [say("records"), String(result.count)],
    ];
    if (period !== null) list.push([say("period"), say("timeRange", when(period.from), when(period.to))]);
    if (result.head !== null) list.push([say("head"), element("span", {}, `${say("headText", result.head.seq)} `, hash(result.head.sha256))]);
    for (const { since, kid, protection } of result.keys) {
      list.push([say("keys"), element("span", {}, `${say("keyText", since, protection)} `, hash(kid))]);
    }
    const hint = element("span", { class: "hint" }, ` ${say("issuerHint")}`);
    list.push([say("issuer"), element("span", {}, hash(outcome.fingerprint), hint)]);
    if (outcome.revocations !== null) {
      const { number: count, issued, entries } = outcome.revocations;
      list.push([say("revocations"), say("revokedText", count, when(issued), entries.size)]);
    }
    list.push([say("file"), parts.named(outcome.file)], [say("when"), when(outcome.when)]);
    return pairs(list);
  }

  function kinds({ result }) {
    const items = Object.entries(result.kinds).map(([kind, count]) =>
      element("li", { "data-kind": kind }, element("b", {}, String(count)), ` ${say(`kind.${kind}`)}`),
    );
    return [element("h2", {}, say("kinds")), element("ul", { class: "kinds" }, ...items)];
  }

  const number = (...children) => element("td", { class: "number" }, ...children);

  function findings({ result }) {
    const cells = ({ step, place, code, details }) => [
      number(`${step} ${say(`step.${step}`)}`),
      number(place ? say("placeOf", place, place + 1) : say("placeWhole")),
      say(code, ...details),
    ];
    const heads = [say("step"), say("place"), say("text")];
    return [element("h2", {}, say("findings")), ...table("findings", heads, result.findings, cells)];
  }

  function time({ time: { earliest, latest, source } }) {
    const shown = earliest === latest ? when(earliest) : say("timeRange", when(earliest), when(latest));
    return `${shown} ${say(`source.${source}`)}`;
  }

  const opener = (item, open) => {
    const attributes = { type: "button", class: "link", "aria-label": say("open", item.seq), on: () => open(item) };
    return element("button", attributes, String(item.seq));
  };

  function checks({ checks: items }, open) {
    const cells = (item) => [
      number(opener(item, open)),
      number(time(item)),
      item.checkpoint,
      element("td", { class: `outcome-${item.outcome}` }, `${say(`outcome.${item.outcome}`)}${item.drill ? say("drill") : ""}`),
      item.officers.join(", ") || say("none"),
      item.addenda.length ? number(...item.addenda.flatMap((one) => [opener(one, open), " "])) : say("none"),
    ];
    const heads = ["seq", "time", "checkpoint", "outcome", "officers", "addenda"].map((name) => say(name));
    const hint = element("p", { class: "hint" }, say("checksHint"));
    return [element("h2", {}, say("checks")), hint, ...table("checks", heads, items, cells)];
  }

  function tail({ signed, result }) {
    if (signed === null) return element("p", { class: "note" }, say("unsignedHead"));
    const absent = result.absent.map(([first, last]) => say("absent", first, last));
    return element("p", { class: "note signed" }, [say("signedHead", signed.seq, when(signed.at)), ...absent].join(" "));
  }

  /* The whole report of an outcome as elements; `open` shows one record. */
  function build(outcome, open) {
    const { result } = outcome;
    if (outcome.state === "failed") return [verdict("failed", say(outcome.where, say(outcome.code, ...outcome.details)))];
    if (outcome.state === "stopped") return [verdict("stopped", say("stoppedText"))];
    if (!result.sound) {
      return [verdict("unsound", say(result.more ? "unsoundMore" : "unsoundText", result.findings.length)), facts(outcome), ...findings(outcome), ...kinds(outcome)];
    }
    const list = outcome.checks.length ? checks(outcome, open) : [];
    return [verdict("sound", say("soundText", result.count)), tail(outcome), facts(outcome), ...kinds(outcome), ...list];
  }

  return { build };
})();
