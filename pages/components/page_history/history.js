// Streamlit adds an entry to the browser's history whenever a page writes its state into the address. Back would then
// go through each change of a widget; with one entry for each page, it goes to the page before.
const add = Symbol.for("hierapp.add");

export default function () {
  if (history[add]) return;
  history[add] = history.pushState;
  history.pushState = function (state, title, url) {
    const isSamePage = url != null && new URL(url, location.href).pathname === location.pathname;
    return isSamePage ? this.replaceState(state, title, url) : this[add](state, title, url);
  };
}
