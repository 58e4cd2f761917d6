// The page's own end of the line: what it was served with, the touches it sends, the questions it asks.
export const page = JSON.parse(document.getElementById("page").textContent);

const request = (path, values) => fetch(path, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-Vernix-Token": page.token },
  body: JSON.stringify(values),
});

// What was wrong, as a short name; null when the touch was taken.
export async function touch(name, values = {}) {
  try {
    const answer = await request(`/touch/${name}`, values);
    return answer.ok ? null : (await answer.json()).cause;
  } catch {
    return "no_answer";
  }
}

// The answer, or what was wrong.
export async function ask(name, values = {}) {
  try {
    const answer = await request(`/ask/${name}`, values);
    const content = await answer.json();
    return answer.ok ? { answer: content } : { cause: content.cause };
  } catch {
    return { cause: "no_answer" };
  }
}

// Somebody has touched the glass; { night } where that was for another light.
export const tellRoom = (values = {}) => request("/room", values).catch(() => {}); // the next touch tells it again

export const look = (after) => request("/mirror", { after });
