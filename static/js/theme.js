/* The theme menu changes the page at once and tells the server; without this module its form does both.
   `colour(name)` gives a token as canvas understands it; "studio:theme" is sent to the document when colours change. */

/** The computed colour of a token, such as colour("--tone-0"). */
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function tell() {
  document.dispatchEvent(new CustomEvent("studio:theme"));
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-theme-form]") || !event.submitter) return;
  event.preventDefault();
  const theme = event.submitter.value;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of event.target.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button === event.submitter));
  }
  fetch(event.target.action, {
    method: "POST",
    body: new FormData(event.target, event.submitter),
    redirect: "manual",
  });
  tell();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
