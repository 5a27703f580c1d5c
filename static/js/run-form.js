/* #run-advanced stays as it was opened when the form of a new run is looked at again. */

let wasOpen = false;

document.addEventListener("htmx:beforeSwap", () => (wasOpen = Boolean(document.getElementById("run-advanced")?.open)));
document.addEventListener("htmx:afterSettle", () => {
  const advanced = document.getElementById("run-advanced");
  if (advanced && wasOpen) advanced.open = true;
});
