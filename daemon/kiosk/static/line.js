// The line from the unit: its views, and between them a sign every two seconds that it is alive (ALIVE_S of server.py).
const SILENT_MS = 8000;

// `show` gets every view; `gone` is called when the line is cut or silent, and then `back` once it speaks again.
export function listen(show, gone, back) {
  const stream = new EventSource("/views");
  let [lost, silence] = [false, null];
  const lose = () => {
    if (!lost) gone();
    lost = true;
  };
  const heard = () => {
    if (lost) {
      stream.close();
      back();
    }
    clearTimeout(silence);
    silence = setTimeout(lose, SILENT_MS);
  };
  stream.onopen = heard;
  stream.onerror = lose;
  stream.addEventListener("alive", heard);
  stream.onmessage = (message) => {
    const before = lost;
    heard();
    if (!before) show(JSON.parse(message.data));
  };
  heard();
}
