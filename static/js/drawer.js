/* [data-drawer="id"]: on a phone the button opens and closes the side navigation over the page. */

const button = document.querySelector("[data-drawer]");

function set(open) {
  document.body.classList.toggle("drawer-open", open);
  button.setAttribute("aria-expanded", String(open));
  document.querySelector(".drawer-backdrop")?.remove();
  if (!open) return;
  const backdrop = document.createElement("div");
  backdrop.className = "drawer-backdrop";
  backdrop.addEventListener("click", () => set(false));
  document.body.append(backdrop);
  document.getElementById(button.dataset.drawer).querySelector("a")?.focus();
}

if (button) {
  button.addEventListener("click", () => set(button.getAttribute("aria-expanded") !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || button.getAttribute("aria-expanded") !== "true") return;
    set(false);
    button.focus();
  });
}
