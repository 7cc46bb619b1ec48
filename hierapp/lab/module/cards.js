// The cards of the losses and decoders, and the formulas of a node.

import { patch, short, sketchHtml, sketchSvg } from "./dom.js";

export function drawLook(section, look) {
  section.hidden = !look;
  if (!look) return;
  section.setAttribute("aria-label", `Formulas of ${look.name}`);
  patch(section, [sketchHtml("strong", "", look.name), ...look.lines.map((line) => {
    const row = sketchHtml("div");
    row.append(sketchHtml("b", "", line.title), line.text);
    return row;
  })]);
}

export function drawLosses(section, data) {
  patch(section, data.losses.map((card) => {
    const box = sketchHtml("article", "card loss");
    box.setAttribute("data-title", card.title);
    box.append(sketchHtml("header", "", "", sketchHtml("span", "", card.title), sketchHtml("span", "value", card.value)));
    if (card.refused) return box.append(sketchHtml("p", "terms", card.refused)), box;
    if (card.waits) return box.append(sketchHtml("p", "terms", "Python computes this loss…")), box;
    box.setAttribute("title", card.reason);
    const terms = card.terms.map((term) => `${term.title} ${term.value}${term.constant ? " (constant)" : ""}`);
    if (card.terms.length > 1 || card.terms[0]?.constant) box.append(sketchHtml("p", "terms", terms.join(" + ")));
    if (card.parts.length) {
      box.append(sketchHtml("ul", "parts", "", ...card.parts.map((part) => sketchHtml("li", "", (part.name ? part.name + ": " : "") + part.text))));
    }
    if (card.bars.length) {
      box.append(smallTree(data, card), sketchHtml("p", "reads", `reads ${card.reads}`));
    }
    return box;
  }));
}

// The tree as an indented list, with the gradient in each row: to the right if a gradient step raises the logit.
function smallTree(data, card) {
  const { tree } = data, row = 19, path = new Set(tree.path);
  const depth = new Map([[0, 0]]), at = new Map([[0, 6]]);
  const width = 300, from = 128, zero = from + 62, most = 56;
  const figure = sketchSvg("svg", { viewBox: `0 0 ${width} ${14 + card.bars.length * row}`, role: "img" });
  const words = card.bars.filter((bar) => bar.text).map((bar) => `${tree.names[bar.node]} ${bar.untouched ? "never touched" : bar.text}`);
  figure.setAttribute("aria-label", `Gradient of ${card.title} on each logit: ${words.join(", ")}`);
  figure.append(sketchSvg("circle", { cx: 5, cy: 6, r: 2.5, fill: "currentColor" }), sketchSvg("line", { class: "axis", x1: zero, x2: zero, y1: 4, y2: 10 + card.bars.length * row }));
  card.bars.forEach((bar, n) => {
    const y = 20 + n * row, parent = tree.parents[bar.node], d = bar.node ? (depth.get(parent) ?? 0) + 1 : 0;
    depth.set(bar.node, d);
    at.set(bar.node, y);
    const x = 5 + d * 11;
    const line = bar.node ? `M${x - 11},${at.get(parent) + 3}V${y}H${x - 1}` : `M${x},9V${y - 6}`;
    const twig = sketchSvg("path", { d: line, class: path.has(bar.node) ? "twig true" : "twig" });
    const name = sketchSvg("text", { x: x + 2, y: y + 4, class: path.has(bar.node) ? "true" : "" });
    name.textContent = short(tree.names[bar.node], Math.max(6, 17 - 2 * d));
    const g = sketchSvg("g", { class: "slope" }, twig, name), hint = sketchSvg("title");
    g.setAttribute("data-name", tree.names[bar.node]);
    if (bar.untouched) {
      g.append(sketchSvg("rect", { class: "hollow", x: zero - 12, y: y - 5, width: 24, height: 10, rx: 3 }));
      hint.textContent = `${tree.names[bar.node]}: ${card.title} has no gradient on this logit for this true class`;
    } else if (bar.slope !== null) {
      const size = data.scale ? Math.max(1, most * Math.abs(bar.slope) / data.scale) : 0;
      const up = bar.slope < 0;
      if (bar.text !== "0") g.append(sketchSvg("rect", { class: up ? "up" : "down", x: up ? zero : zero - size, y: y - 6, width: size, height: 12, rx: 2 }));
      hint.textContent = `${tree.names[bar.node]}: gradient ${bar.text}: a gradient step ${up ? "raises" : "lowers"} this logit`;
    } else hint.textContent = `${tree.names[bar.node]}: this loss has no logit here`;
    const number = sketchSvg("text", { x: width - 2, y: y + 4, "text-anchor": "end" });
    number.textContent = bar.untouched ? "untouched" : bar.text || "·";
    g.append(number, hint);
    figure.append(g);
  });
  return figure;
}

export function drawDecoders(section, data) {
  patch(section, data.decoders.map((card) => {
    const box = sketchHtml("article", "card decoder");
    box.setAttribute("data-rule", card.rule);
    box.append(sketchHtml("header", "", "", sketchHtml("span", "", card.rule), sketchHtml("span", "value", short(card.name, 24))));
    box.append(sketchHtml("p", "verdict", card.verdict === "wrong" ? "✗ wrong" : `✓ ${card.verdict}`));
    box.append(sketchHtml("ul", "lines", "", ...card.lines.map((line) => sketchHtml("li", line.taken ? "taken" : "", line.text))));
    if (card.left_out) box.append(sketchHtml("p", "reads", `and ${card.left_out} more`));
    box.append(sketchHtml("p", "summary", card.summary));
    return box;
  }));
}
