// A pad to sign on, and who signs. What is drawn leaves the page as a small PNG and stays nowhere.
import { page } from "./page.js";
import { byId, el } from "./dom.js";
import { relationName, say } from "./words.js";

let pad = null;

export function signaturePad() {
  if (!pad) pad = made();
  pad.setAttribute("aria-label", say("sign_pad"));
  return pad;
}

function made() {
  const canvas = el("canvas", { id: "pad", width: 720, height: 240, aria: { role: "img" } });
  const pen = canvas.getContext("2d");
  Object.assign(pen, { lineWidth: 5, lineCap: "round", lineJoin: "round", strokeStyle: "#10171d" });
  let drawing = false;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    pen.lineTo(...at(event));
    pen.stroke();
    canvas.dataset.drawn = "yes";
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drawing = false; });
  return canvas;
}

export function clearPad() {
  if (!pad) return;
  pad.getContext("2d").clearRect(0, 0, pad.width, pad.height);
  delete pad.dataset.drawn;
}

export function forgetPad() {
  clearPad();
  pad = null;
}

// Radio buttons, so that one touch with a glove does. Who could not be verified does not sign: then somebody is chosen.
// `allowed`: the relations that may sign here.
export function signerChoice(herself, allowed) {
  const own = herself ? [["self", say("self")]] : [];
  const kept = document.querySelector("input[name=signer]:checked")?.value ?? own[0]?.[0];
  const choices = [...own, ...allowed.map((id) => [id, relationName(page.relations[id])])];
  return el("fieldset", { id: "signer" }, el("legend", {}, say("signer")),
    choices.map(([id, title]) => el("label", { className: "chip" },
      el("input", { type: "radio", name: "signer", value: id, checked: id === kept }), el("span", {}, title))));
}

// The drawing as a PNG in base64, or null while nothing is drawn.
export const drawnName = () => (byId("pad")?.dataset.drawn ? pad.toDataURL("image/png").split(",")[1] : null);

// What the touch sends, or what is missing: { cause }.
export function signature() {
  const png = drawnName();
  if (!png) return { cause: "png_is_missing_or_too_large" };
  const relation = document.querySelector("input[name=signer]:checked")?.value;
  if (!relation) return { cause: "signer_missing" };
  const who = relation === "self" ? { by: "subject" } : { by: "delegate", relation };
  return { ...who, png };
}
