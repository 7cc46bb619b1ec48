// Streamlit follows the browser's color scheme at once, but the server hears of it only with the next rerun; until then
// plots would keep the color scales of the former theme.
const installed = Symbol.for("hierapp.theme_switch");
const PATIENCE = 60_000; // milliseconds for Streamlit to change its theme

const background = () => getComputedStyle(document.querySelector(".stApp")).backgroundColor;

export default function ({ setTriggerValue }) {
  const isFirst = !document[installed];
  document[installed] = () => setTriggerValue("switched", true); // of the page that is shown now
  if (!isFirst) return;
  let last = background();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    const began = performance.now();
    const look = () => {
      const now = background();
      if (now !== last) {
        last = now;
        document[installed]();
      } else if (performance.now() - began < PATIENCE) setTimeout(look, 100);
    };
    look();
  });
}
