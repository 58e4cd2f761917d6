// A document without a chip: its kind, then the lines of its machine-readable zone, scanned or typed, or its fields.
// And a check that was done elsewhere: through which channel, and its reference there.
import { answering, refusedLine } from "../act.js";
import { byId, button, el, field } from "../dom.js";
import { keysFor } from "../keys.js";
import { page, touch } from "../page.js";
import { channelName, documentName } from "../places.js";
import { go, now } from "../state.js";
import { say } from "../words.js";

const TYPED_ONLY = ["temporary_id_card", "resident_id_card"];
const OF_FOREIGNERS = ["passport", "foreigner_residence_permit"];
const WHOLE = [72, 88, 90]; // characters of a zone's lines
const SEXES = ["female", "male", "unspecified"];

const wayBack = () => button(say("back"), "back", () => go({
  entering: null, part: now.entering ? now.part : now.view.step === "decision" ? null : "staff",
}));

// Ways to show who she is when the card is not read here.
export function entries(view) {
  if (!["notice", "decision"].includes(view.step)) return null;
  const enter = button(say(view.document ? "document_again" : "document_enter"), "text", () => go({ part: "document", entering: null }));
  const elsewhere = Object.keys(page.channels).length
    ? button(say("channel_enter"), "phone", () => go({ part: "channel", entering: null })) : null;
  return el("div", { className: "choices" }, enter, elsewhere);
}

const value = (id) => byId(id)?.value ?? "";

// What was typed leaves the page with it: the unit answers with a masked document.
function formOf(title, name, fields, valuesOf) {
  const form = el("form", { id: "document", noValidate: true, aria: { label: title } },
    el("div", { className: "fields" }, fields, refusedLine()));
  form.append(keysFor(form).place);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = answering();
    answer(null);
    const cause = await touch(name, valuesOf());
    answer(cause);
    if (!cause) go({ part: null, entering: null });
  });
  return form;
}

// Of the form, and in sight however long it is.
function sent() {
  const made = el("button", { type: "submit", className: "first" }, say("next"));
  made.setAttribute("form", "document");
  return made;
}

// --- by its machine-readable zone --------------------------------------------------------------------------------

const zoneInputs = () => [...document.querySelectorAll("input.mrz")];

function zoneForm(kind) {
  const lines = Array.from({ length: kind === "passport" ? 2 : 3 }, (_, index) => field(`mrz-${index + 1}`,
    say("mrz_line", index + 1), { className: "mrz", maxLength: 100, data: { keys: "mrz" }, autocapitalize: "characters" }));
  const name = kind === "passport" ? null : field("document-name", say("own_name"), { maxLength: 120 });
  return formOf(documentName(kind), "document", [...lines, name],
    () => ({ type: kind, mrz: zoneInputs().map((one) => one.value), name: value("document-name") }));
}

// A scanner sends the lines one by one, or all in one; wherever its keys went, each line ends where it belongs.
export function zoneScanned(text) {
  const inputs = zoneInputs();
  if (!inputs.length) return false;
  const active = document.activeElement;
  const there = inputs.includes(active);
  if (active instanceof HTMLInputElement && !there && active.value.endsWith(text)) active.value = active.value.slice(0, -text.length);
  const line = there ? active : inputs.find((one) => !one.value) ?? inputs[0];
  line.value = text;
  inputs.find((one) => !one.value)?.focus();
  const size = inputs.reduce((sum, one) => sum + one.value.replace(/\s/g, "").length, 0);
  if (WHOLE.includes(size)) line.form.requestSubmit();
  return true;
}

// --- typed -------------------------------------------------------------------------------------------------------

const sexChoice = () => el("fieldset", {}, el("legend", {}, say("sex")), SEXES.map((one) => el("label", { className: "chip" },
  el("input", { type: "radio", name: "sex", value: one }), el("span", {}, say(one)))));

function typedForm(kind) {
  const endless = button(say("long_term"), null, () => { byId("valid-to").value = "长期"; }, "chip");
  const fields = [
    field("number", say("number"), { maxLength: 32, data: { keys: "all" } }),
    field("document-name", say("name"), { maxLength: 120, data: { keys: "all" } }),
    field("birth", say("birth"), { maxLength: 11, data: { keys: "digits" } }),
    field("valid-to", say("valid_to"), { maxLength: 11, data: { keys: "digits" } }), endless,
    OF_FOREIGNERS.includes(kind) ? field("nationality", say("nationality"), { maxLength: 3, data: { keys: "all" } }) : null,
    sexChoice(),
  ];
  return formOf(documentName(kind), "document", fields, () => ({
    type: kind, number: value("number"), name: value("document-name"), birth: value("birth"), valid_to: value("valid-to"),
    nationality: value("nationality"), sex: document.querySelector("input[name=sex]:checked")?.value ?? "",
  }));
}

// --- the screens -------------------------------------------------------------------------------------------------

const choice = (title, signs) => ({
  sign: () => "text",
  title: () => say(title),
  hint: () => "",
  body: () => [el("div", { className: "choices" }, signs())],
  touches: () => [wayBack()],
  shows: () => [],
});

const kinds = choice("document_kind", () => page.entered.map((kind) => button(documentName(kind), "card",
  () => go({ entering: { kind, typed: TYPED_ONLY.includes(kind) } }))));
const channels = choice("channel_which", () => Object.keys(page.channels).map((id) => button(channelName(id), "phone",
  () => go({ entering: { channel: id } }))));

const form = {
  sign: () => "text",
  title: () => documentName(now.entering.kind),
  hint: () => say(now.entering.typed ? "typed_hint" : "mrz_hint"),
  body: () => [now.entering.typed ? typedForm(now.entering.kind) : zoneForm(now.entering.kind)],
  touches: () => [sent(), wayBack(), TYPED_ONLY.includes(now.entering.kind) ? null
    : button(say(now.entering.typed ? "by_mrz" : "by_typing"), "list", () => go({ entering: { ...now.entering, typed: !now.entering.typed } }))],
  shows: () => [now.entering],
};

const reference = {
  sign: () => "phone",
  title: () => channelName(now.entering.channel),
  hint: () => say("channel_hint"),
  body: () => [formOf(channelName(now.entering.channel), "elsewhere",
    [field("reference", say("channel_reference"), { maxLength: 64, data: { keys: "all" } })],
    () => ({ channel: now.entering.channel, reference: value("reference") }))],
  touches: () => [sent(), wayBack()],
  shows: () => [now.entering],
};

export const entryScreens = {
  document: () => (now.entering?.kind ? form : kinds),
  channel: () => (now.entering?.channel ? reference : channels),
};
