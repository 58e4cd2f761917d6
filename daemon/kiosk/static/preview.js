// The mirror: her own picture while her face is compared. Drawn on a canvas, one frame at a time, kept nowhere.
import { look } from "./page.js";
import { el } from "./dom.js";

const AGAIN_MS = 150;
let running = null;

export function mirror(label) {
  const canvas = el("canvas", { id: "mirror", width: 320, height: 240, aria: { role: "img", label } });
  start(canvas);
  return canvas;
}

async function start(canvas) {
  const own = Symbol("mirror");
  running = own;
  let after = -1;
  while (running === own) {
    const answer = await look(after).catch(() => null);
    if (running !== own) return;
    if (answer?.ok) {
      after = Number(answer.headers.get("X-Vernix-Frame"));
      const picture = await createImageBitmap(await answer.blob());
      if (running === own) draw(canvas, picture);
      picture.close();
    } else {
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  }
}

function draw(canvas, picture) {
  if (canvas.height !== picture.height) canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  canvas.dataset.live = "yes";
}

// Nothing of her stays on the page.
export function endMirror() {
  running = null;
  const canvas = document.getElementById("mirror");
  canvas?.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}
