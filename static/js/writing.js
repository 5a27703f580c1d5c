/* A text from the server as it is written: `write` calls `onText` with each piece and resolves to what the last one says.
   Ending it (by the signal) closes the connection, and then the model writes no further. */

export async function write(url, inputs, parameters, { signal, onText }) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...JSON.parse(document.body.getAttribute("hx-headers")) },
    body: JSON.stringify({ inputs, parameters }),
    signal,
  });
  if (!answer.ok) throw await refusal(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return last;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      last = JSON.parse(line);
      if (last.error) throw said(last.error);
      onText(last.text, last);
    }
  }
}

/* The parameters that a form's fields hold; empty ones are left to the server. */
export function parametersOf(form) {
  const values = {};
  for (const field of form.querySelectorAll("input")) {
    if (field.name === "stop" && field.value) values.stop = [field.value];
    else if (field.type === "number" && field.value !== "") values[field.name] = Number(field.value);
  }
  return values;
}

async function refusal(answer) {
  try {
    return said((await answer.json()).error);
  } catch {
    return new Error(`HTTP ${answer.status}`);
  }
}

function said(error) {
  const words = new Error([error.message, error.hint].filter(Boolean).join(" "));
  words.isForPeople = true;
  return words;
}
