// The line from the unit: its views, and between them a sign every two seconds that it is alive (ALIVE_S of server.py).
const SILENT_MS = 8000;
const AGAIN_MS = 3000;

// `show` gets every view; `gone` is called when the line is cut or silent, and then `back` once it speaks again.
export function listen(show, gone, back) {
  let [stream, lost, silence] = [null, false, null];
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
  const open = () => {
    stream = new EventSource("/views");
    stream.onopen = heard;
    stream.onerror = () => {
      lose();
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, AGAIN_MS); // a browser tries none again that was refused
    };
    stream.addEventListener("alive", heard);
    stream.onmessage = (message) => {
      const before = lost;
      heard();
      if (!before) show(JSON.parse(message.data));
    };
  };
  open();
  silence = setTimeout(lose, SILENT_MS);
}
