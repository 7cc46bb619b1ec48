// The border between two pictures follows the range field that lies over them; the server is not asked.

export default function (component) {
  const { data, parentElement } = component;
  const pair = parentElement.querySelector(".pair");
  const range = pair.querySelector("input");
  pair.querySelector(".first").src = data.images[0];
  pair.querySelector(".second").src = data.images[1];
  pair.querySelector(".left").textContent = data.titles[0];
  pair.querySelector(".right").textContent = data.titles[1];
  range.ariaLabel = data.alt;
  const move = () => {
    pair.style.setProperty("--at", `${range.value}%`);
    range.ariaValueText = `${Math.round(range.value)} % ${data.titles[0]}`;
  };
  range.oninput = move;
  move();
}
