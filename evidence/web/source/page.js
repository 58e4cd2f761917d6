/* The page: files in, one verification at a time, its report out. Records are read and verified one by one, with a pause
   whenever the screen has waited long enough; only what the tables show is kept of each. */
"use strict";

const page = (() => {
  const { say } = texts;
  const at = (id) => document.getElementById(id);
  const INPUTS = ["bundle", "authority", "health", "revocations", "predecessor"];
  const BREATH_MS = 40;
  const KEYS_FILE_LIMIT = 1 << 20; // a certificate or a health message is far smaller

  const files = Object.fromEntries(INPUTS.map((input) => [input, null]));
  let outcome = null;
  let running = null; // { cancelled } of the verification under way

  const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

  /* Why there is no verdict: which file, and what is wrong with it. */
  class Failure extends Error {
    constructor(where, code, details) {
      super(code);
      Object.assign(this, { where, code, details });
    }
  }

  /* Runs `work`; a Fault or an unreadable file becomes a Failure that says where. */
  async function within(where, work) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Fault) throw new Failure(where, error.code, error.details);
      if (error instanceof DOMException && ["NotReadableError", "NotFoundError"].includes(error.name)) {
        throw new Failure(where, "unreadable", []);
      }
      throw error;
    }
  }

  async function small(file) {
    if (file.size > KEYS_FILE_LIMIT) throw new Fault("json.large", file.size, KEYS_FILE_LIMIT);
    return new Uint8Array(await file.arrayBuffer());
  }

  /* Collects from the records what the tables show; nothing of a person. */
  class Collection {
    constructor() {
      this.checks = [];
      this.byCheck = new Map();
      this.period = null;
    }

    add({ start, length }, payload) {
      const { earliest, latest } = payload.time;
      this.period ??= { from: earliest, to: latest };
      if (latest > this.period.to) this.period.to = latest;
      const officers = (payload.officers ?? []).map((officer) => officer.id);
      const item = { seq: payload.seq, start, length, time: payload.time, officers };
      if (payload.kind === "check") {
        const { checkpoint, outcome: ended, drill } = payload;
        Object.assign(item, { checkpoint, outcome: ended, drill, addenda: [] });
        this.checks.push(item);
        this.byCheck.set(payload.check, item);
      } else if (payload.kind === "addendum") this.byCheck.get(payload.check)?.addenda.push(item);
    }
  }

  /* Every record of a bundle through the walk; false where it was stopped. */
  async function walkThrough(bundle, walk, token, size, each) {
    let breath = performance.now();
    for await (const record of bundle.records) {
      if (walk.enough()) break;
      each(record, await walk.take(record.place, record.token));
      if (performance.now() - breath > BREATH_MS) {
        progress(record.place, ((record.start + record.length) / size) * 100);
        await pause();
        breath = performance.now();
      }
      if (token.cancelled) return false;
    }
    return true;
  }

  const text = async (file) => bytes.fromUtf8(await small(file)).trim();

  async function revocationsFor(authority) {
    const { revocations } = files;
    return revocations === null ? null : within("where.revocations", async () => keys.readRevocations(await text(revocations), authority));
  }

  /* The verified records of the unit before, or null; they have to be sound, or nothing could be held against them. */
  async function predecessorFor(authority, revocations, token) {
    const { predecessor: file } = files;
    if (file === null) return null;
    return within("where.predecessor", async () => {
      const bundle = await bundles.open(file);
      const walk = new procedure.Walk(authority, revocations);
      const whole = await walkThrough(bundle, walk, token, file.size, () => undefined);
      const { result } = await walk.finish(bundle);
      if (whole && !result.sound) throw new Fault("predecessorUnsound");
      return result;
    });
  }

  async function verify(token) {
    const { bundle: file, authority: authorityFile, health } = files;
    const authority = await within("where.authority", async () => certificates.readFile(await small(authorityFile)));
    const revocations = await revocationsFor(authority);
    const predecessor = await predecessorFor(authority, revocations, token);
    const walk = new procedure.Walk(authority, revocations);
    const collection = new Collection();
    const said = await within("where.bundle", async () => {
      const bundle = await bundles.open(file);
      await walkThrough(bundle, walk, token, file.size, (record, payload) => {
        if (record.place === 1 && predecessor !== null) walk.predecessor(predecessor);
        if (payload !== null) collection.add(record, payload);
      });
      return { head: bundle.head, address: bundle.address };
    });
    if (token.cancelled) return { state: "stopped" };
    const { result, signed } = await walk.finish({ ...said, health: health === null ? null : await text(health) });
    const { checks, period } = collection;
    const fingerprint = await bytes.sha256Hex(authority.der);
    const state = result.sound ? "sound" : "unsound";
    return { state, result, signed, revocations, checks, period, fingerprint, file, hashes: walk.seen, when: new Date().toISOString() };
  }

  async function start() {
    if (files.bundle === null || files.authority === null) return;
    const token = { cancelled: false };
    running = token;
    outcome = null;
    update();
    progress(0, 0);
    let ended;
    try {
      ended = await verify(token);
    } catch (error) {
      const { where = "where.bundle", code = "ours", details = [error.name] } = error instanceof Failure ? error : {};
      ended = { state: "failed", where, code, details };
    }
    if (running !== token) return; // other files were chosen meanwhile
    running = null;
    outcome = ended;
    update();
    at("verdict").focus();
  }

  function progress(count, percent) {
    at("progress").value = percent;
    at("progress-text").textContent = say("running", count, Math.floor(percent));
  }

  function choose(input, file) {
    files[input] = file;
    if (running !== null) running.cancelled = true;
    running = null;
    outcome = null; // a verdict is never shown beside other files than its own
    update();
  }

  /* Files dropped onto the page are told apart by how they begin. */
  async function drop(list) {
    for (const file of list) {
      const begin = new Uint8Array(await file.slice(0, 64).arrayBuffer());
      const text = String.fromCharCode(...begin);
      const input = text.startsWith("{") ? "bundle" : text.startsWith("eyJ") ? await signedKind(file) : "authority";
      at(input).value = "";
      choose(input, file);
    }
  }

  async function signedKind(file) {
    const header = atob((await file.slice(0, 512).text()).split(".")[0].replaceAll("-", "+").replaceAll("_", "/"));
    return header.includes("vernix-revocations+jws") ? "revocations" : "health";
  }

  async function open(item) {
    const { file, hashes } = outcome;
    const box = at("opened");
    const close = parts.element("button", { type: "button", on: () => box.close() }, say("close"));
    const title = parts.element("h2", { id: "opened-title" }, say("record", item.seq));
    const head = parts.element("header", {}, title, close);
    let shown;
    try {
      const data = new Uint8Array(await file.slice(item.start, item.start + item.length).arrayBuffer());
      if ((await bytes.sha256Hex(data)) !== hashes.get(item.seq).sha256) throw new Fault("changedFile");
      const { payload } = procedure.readRecord(bytes.fromUtf8(data));
      shown = [parts.element("p", { class: "hint" }, say("recordWarning")), parts.tree(payload)];
    } catch (error) {
      if (!(error instanceof Fault || error instanceof DOMException)) throw error;
      shown = [parts.element("p", {}, say("changedFile"))];
    }
    box.replaceChildren(head, ...shown);
    box.showModal();
    close.focus();
  }

  function update() {
    document.documentElement.lang = texts.language;
    document.title = say("title");
    for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
    at("language").textContent = say("language");
    at("language").lang = texts.language === "en" ? "zh-CN" : "en";
    for (const input of INPUTS) {
      const file = files[input];
      at(`${input}-chosen`).textContent = file === null ? say("drop") : parts.named(file);
      at(input).closest(".file").classList.toggle("set", file !== null);
    }
    if (INPUTS.slice(2).some((input) => files[input] !== null)) at("more").open = true;
    at("verify").disabled = files.bundle === null || files.authority === null || running !== null;
    at("cancel").hidden = at("work").hidden = running === null;
    at("result").hidden = outcome === null;
    at("result").replaceChildren(...(outcome === null ? [] : report.build(outcome, open)));
    const steps = [1, 2, 3, 4, 5, 6, 7, 8].map((step) =>
      parts.element("li", {}, parts.element("b", {}, say(`step.${step}`)), ` ${say(`about.${step}`)}`),
    );
    at("steps").replaceChildren(...steps);
  }

  function listen() {
    for (const input of INPUTS) at(input).addEventListener("change", (event) => choose(input, event.target.files[0] ?? null));
    at("form").addEventListener("submit", (event) => {
      event.preventDefault();
      start();
    });
    at("cancel").addEventListener("click", () => {
      running.cancelled = true;
    });
    at("language").addEventListener("click", () => {
      texts.switch();
      update();
    });
    at("opened").addEventListener("close", () => at("opened").replaceChildren()); // a closed record is gone from the page
    for (const kind of ["dragover", "dragleave", "drop"]) {
      addEventListener(kind, (event) => {
        event.preventDefault();
        document.body.classList.toggle("over", kind === "dragover");
        if (kind === "drop") drop(event.dataTransfer.files);
      });
    }
  }

  listen();
  update();
  if (globalThis.crypto?.subtle === undefined) {
    outcome = { state: "failed", where: "where.bundle", code: "insecure", details: [] };
    update();
  }

  return { files };
})();
