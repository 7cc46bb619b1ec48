// Streamlit draws an open popover at the end of the document, where Tab arrives only after all that follows its button.
// With this, one that is opened by keyboard takes the focus, and Tab at its ends goes back to its button.
const BODY = '[data-testid="stPopoverBody"]';
const BUTTON = '[data-testid="stPopoverButton"]';
const INSIDE = "a[href], button, input, select, textarea, summary, [tabindex]";
const installed = Symbol.for("hierapp.popover_focus");

const reachable = (body) =>
  [...body.querySelectorAll(INSIDE)].filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility());

export default function () {
  if (document[installed]) return;
  document[installed] = true;
  let opener = null;

  new MutationObserver(() => {
    const body = document.querySelector(BODY), active = document.activeElement;
    if (body && active?.matches(`${BUTTON}:focus-visible[aria-expanded="true"]`) && active !== opener) {
      const first = reachable(body)[0];
      if (!first) return;
      opener = active;
      first.focus();
    } else if (!body && opener) {
      if (active === document.body && opener.isConnected) opener.focus();
      opener = null;
    }
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-expanded"] });

  document.addEventListener("keydown", (event) => {
    const body = opener && event.key === "Tab" && event.target.closest?.(BODY);
    if (!body) return;
    const all = reachable(body), end = event.shiftKey ? all[0] : all.at(-1);
    if (event.target !== end) return;
    event.preventDefault();
    opener.focus();
  });
}
