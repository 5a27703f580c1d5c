/* form[data-upload] sent by htmx: [data-upload-progress] inside it shows bytes and share while the file travels.
   [data-drop] around a file input takes dropped files; [data-drop-name] shows the file's name and size. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

function size(bytes) {
  let unit = 0;
  for (; bytes >= 999.5 && unit < UNITS.length - 1; unit += 1) bytes /= 1000;
  return `${bytes.toFixed(unit === 0 || bytes >= 99.95 ? 0 : 1).replace(/\.0$/, "")} ${UNITS[unit]}`;
}

function progressOf(form) {
  return form.matches?.("form[data-upload]") ? form.querySelector("[data-upload-progress]") : null;
}

document.addEventListener("htmx:xhr:progress", (event) => {
  const box = progressOf(event.target);
  const { loaded, total, lengthComputable } = event.detail;
  if (!box || !lengthComputable || !total) return;
  box.hidden = false;
  box.querySelector("progress").value = loaded / total;
  box.querySelector("[data-upload-words]").textContent = `${size(loaded)} / ${size(total)}`;
  box.querySelector("[data-upload-share]").textContent =
    loaded < total ? `${Math.floor((100 * loaded) / total)}%` : box.dataset.sent;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const box = progressOf(event.target);
  if (box && !event.detail.successful) box.hidden = true;
});

function showName(zone) {
  const file = zone.querySelector("input[type=file]").files[0];
  const name = zone.querySelector("[data-drop-name]");
  if (file && name) name.textContent = `${file.name} · ${size(file.size)}`;
}

document.addEventListener("change", (event) => {
  const zone = event.target.closest("[data-drop]");
  if (zone && event.target.type === "file") showName(zone);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("is-over", kind === "dragover");
    if (kind !== "drop" || event.dataTransfer.files.length === 0) return;
    const input = zone.querySelector("input[type=file]");
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
