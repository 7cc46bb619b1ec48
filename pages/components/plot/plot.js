// Draws a Plotly figure, and updates it when it changes. Streamlit calls the module again with each new figure.

// Between two updates the browser has this many times the duration of one for everything else.
const REST = 4;
const FULLSCREEN = {
  name: "fullscreen",
  title: "Fullscreen",
  icon: {
    width: 24,
    height: 24,
    path: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  },
  click: (plot) => (document.fullscreenElement ? document.exitFullscreen() : plot.requestFullscreen()),
};

let library = null;
let restsUntil = 0;
const waiting = new Set();
let isDrawing = false;

// Pages have one name in the address, below which the server is.
function plotly(script) {
  library ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = new URL(script, location.href);
    element.onload = () => resolve(window.Plotly);
    element.onerror = () => {
      library = null;
      element.remove();
      reject(new Error(`${script} cannot be loaded`));
    };
    document.head.append(element);
  });
  return library;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// One at a time: first those that show nothing yet.
async function drawAll() {
  if (isDrawing) return;
  isDrawing = true;
  while (waiting.size) {
    const next = [...waiting].find((one) => !one.isDrawn);
    if (!next) await pause(Math.max(0, restsUntil - performance.now()));
    const one = next ?? waiting.values().next().value;
    waiting.delete(one);
    await one?.draw().catch((error) => console.error(error));
    await pause(0);
  }
  isDrawing = false;
}

// What Streamlit's theme says of plots.
function look(style) {
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const faint = `${value("text-color")}26`;
  const axis = { gridcolor: faint, zerolinecolor: faint, tickcolor: faint, automargin: true, tickfont: { size: 12 } };
  return {
    layout: {
      font: { family: value("font"), size: 12 },
      paper_bgcolor: value("background-color"),
      plot_bgcolor: value("background-color"),
      colorway: value("chart-categorical-colors").split(","),
      legend: { font: { size: 12 } },
      margin: { pad: 8 },
      xaxis: { ...axis, showgrid: false, zeroline: false, title: { font: { size: 14 }, standoff: 20 } },
      yaxis: { ...axis, ticklabelposition: "outside", title: { font: { size: 14 }, standoff: 24 } },
      hoverlabel: {
        bgcolor: value("background-color"),
        bordercolor: value("border-color"),
        font: { family: value("font"), size: 12, color: value("text-color") },
      },
    },
    data: { scatter: [{ marker: { line: { width: 0 } } }] },
  };
}

// Zoom and hidden lines are those of a figure with these lines and axes.
function subject(alt, { data, layout }) {
  const lines = data.map((line) => [line.type, line.meta ?? line.name]);
  const axes = [layout.xaxis, layout.yaxis].map((axis) => [axis?.title?.text, axis?.ticktext]);
  return JSON.stringify([alt, layout.uirevision, lines, axes]);
}

class Plot {
  constructor(element) {
    this.element = element;
    this.isDrawn = false;
    this.sizes = new ResizeObserver(() => this.width() !== this.drawnWidth && this.plan());
    this.sizes.observe(element);
  }

  show(data) {
    const shown = JSON.stringify([data, getComputedStyle(this.element).getPropertyValue("--st-text-color")]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.data = data;
    this.element.setAttribute("aria-label", data.alt);
    this.plan();
  }

  width() {
    return this.element.clientWidth;
  }

  plan() {
    waiting.add(this);
    drawAll();
  }

  async draw() {
    const width = this.width();
    if (!width || !this.data) return; // in a closed part of the page
    const { alt, config, script } = this.data;
    const figure = JSON.parse(this.data.figure);
    const height = figure.layout.height ?? 450;
    if (!this.isDrawn) this.element.style.height = `${height}px`;
    const Plotly = await plotly(script);
    const isLarge = document.fullscreenElement === this.element;
    const layout = {
      ...figure.layout,
      template: look(getComputedStyle(this.element)),
      uirevision: subject(alt, figure),
      width,
      height: isLarge ? window.innerHeight : height,
    };
    this.drawnWidth = width;
    const begun = performance.now();
    await Plotly.react(this.element, figure.data, layout, { ...config, modeBarButtonsToAdd: [FULLSCREEN] });
    this.element.style.height = `${layout.height}px`;
    if (!this.isDrawn) this.element.on("plotly_click", (event) => this.click(event));
    this.isDrawn = true;
    const now = performance.now();
    restsUntil = now + REST * (now - begun);
  }

  click({ points }) {
    if (this.data.clicks && points.length) this.tell("point", { x: points[0].x, y: points[0].y });
  }

  end() {
    if (this.element.isConnected) return; // newer data came before this was drawn
    this.sizes.disconnect();
    waiting.delete(this);
    window.Plotly?.purge(this.element);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data.figure) {
    requestIdleCallback(() => plotly(data.script).catch((error) => console.error(error)), { timeout: 10_000 });
    return;
  }
  const element = parentElement.querySelector(".hierapp-plot");
  const plot = (element.hierapp ??= new Plot(element));
  plot.tell = setTriggerValue;
  plot.show(data);
  return () => setTimeout(() => plot.end());
}
