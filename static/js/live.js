/* While a socket of the page is down a thin banner says so and the data stay. Once it is back, the body gets the event
   "studio:reconnected": parts with hx-trigger="studio:reconnected from:body" fetch themselves again. */

const banner = document.getElementById("live-banner");
const down = new Set();
let leaving = false;

function show() {
  if (banner) banner.hidden = down.size === 0;
}

window.addEventListener("pagehide", () => (leaving = true));
document.addEventListener("htmx:wsClose", (event) => {
  // 4403 and 4404: the door is shut, which trying again does not open.
  if (leaving || event.detail.event?.code >= 4400) return;
  down.add(event.target);
  show();
});
document.addEventListener("htmx:wsOpen", (event) => {
  if (!down.delete(event.target)) return;
  show();
  window.htmx.trigger(document.body, "studio:reconnected");
});
