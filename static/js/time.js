/* time[data-ago]: keeps "3 minutes ago" true while the page is open. The server wrote the first words. */

const STEPS = [
  ["minute", 60, 45 * 60],
  ["hour", 3600, 22 * 3600],
  ["day", 86400, 30 * 86400],
];

function refresh() {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const seconds = (new Date(element.dateTime) - Date.now()) / 1000;
    const step = STEPS.find(([, , limit]) => Math.abs(seconds) < limit);
    if (step && Math.abs(seconds) >= 45) {
      const said = words.format(Math.sign(seconds) * Math.max(1, Math.round(Math.abs(seconds) / step[1])), step[0]);
      // As the server sets Chinese: a blank between a figure and the characters after it.
      element.textContent = said.replace(/(\d)(?=\p{Script=Han})/u, "$1 ");
    }
  }
}

setInterval(refresh, 30_000);
