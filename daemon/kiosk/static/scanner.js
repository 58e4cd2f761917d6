// A USB scanner is a keyboard that types faster than people and ends with Enter.
const FASTEST_HAND_MS = 40;
const SHORTEST = 4;

let typed = "";
let lastMs = 0;

// `scanned` gets the text of every scan; no key of a scan reaches a button, and what it left in a field is its own.
export function watchScanner(scanned) {
  document.addEventListener("keydown", (event) => {
    const fast = event.timeStamp - lastMs <= FASTEST_HAND_MS;
    lastMs = event.timeStamp;
    if (event.key === "Enter") {
      const text = fast ? typed : "";
      typed = "";
      if (text.length < SHORTEST) return;
      event.preventDefault();
      event.stopPropagation();
      scanned(text);
    } else if (event.key.length === 1) {
      typed = (fast ? typed : "") + event.key;
      if (fast && event.target instanceof HTMLButtonElement) event.preventDefault();
    } else if (event.key !== "Shift") {
      typed = "";
    }
  }, true);
}
