const SCALES = {{ scales | tojson }};
const dark = matchMedia("(prefers-color-scheme: dark)");
const plots = [...document.querySelectorAll("figure > div[data-spec]")];
const look = (layout, isDark) => ({
  "font.color": isDark ? "#e8edf3" : "#1b2430",
  ...(layout.coloraxis ? {"coloraxis.colorscale": isDark ? SCALES.dark : SCALES.light} : {}),
});
for (const plot of plots) {
  const {data, layout} = JSON.parse(document.getElementById(plot.dataset.spec).textContent);
  const name = plot.dataset.spec;
  const save = (format, icon) => ({
    name: `Download as ${format.toUpperCase()}`, icon,
    click: shown => Plotly.downloadImage(shown, {format, filename: name, width: shown.offsetWidth,
      height: shown.offsetHeight, scale: format === "png" ? 3 : 1}),
  });
  Plotly.newPlot(plot, data, layout, {
    displaylogo: false,
    showSendToCloud: false,  // by default Plotly offers to upload the plot
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
    modeBarButtonsToAdd: [save("png", Plotly.Icons.camera), save("svg", Plotly.Icons.disk)],
  }).then(() => Plotly.relayout(plot, look(layout, dark.matches)));
}
const paint = isDark => plots.forEach(plot => plot.layout && Plotly.relayout(plot, look(plot.layout, isDark)));
dark.addEventListener("change", () => paint(dark.matches));
addEventListener("beforeprint", () => paint(false));
addEventListener("afterprint", () => paint(dark.matches));
