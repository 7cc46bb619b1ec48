// The cards of the losses and decoders, and the formulas of a node.

import { html, patch, short, svg } from "./dom.js";

export function drawLook(section, look) {
  section.hidden = !look;
  if (!look) return;
  section.setAttribute("aria-label", `Formulas of ${look.name}`);
  patch(section, [html("strong", "", look.name), ...look.lines.map((line) => {
    const row = html("div");
    row.append(html("b", "", line.title), document.createTextNode(line.text));
    return row;
  })]);
}

export function drawLosses(section, data) {
  patch(section, data.losses.map((card) => {
    const box = html("article", "card loss");
    box.dataset.title = card.title;
    box.append(html("header", "", "", html("span", "", card.title), html("span", "value", card.value)));
    if (card.refused) return box.append(html("p", "terms", card.refused)), box;
    if (card.waits) return box.append(html("p", "terms", "Python computes this loss…")), box;
    box.title = card.reason;
    const terms = card.terms.map((term) => `${term.title} ${term.value}${term.constant ? " (constant)" : ""}`);
    if (card.terms.length > 1 || card.terms[0]?.constant) box.append(html("p", "terms", terms.join(" + ")));
    if (card.parts.length) {
      box.append(html("ul", "parts", "", ...card.parts.map((part) => html("li", "", (part.name ? part.name + ": " : "") + part.text))));
    }
    if (card.bars.length) {
      box.append(smallTree(data, card), html("p", "reads", `reads ${card.reads}`));
    }
    return box;
  }));
}

// The tree as an indented list, with the gradient in each row: to the right if a gradient step raises the logit.
function smallTree(data, card) {
  const { tree } = data, row = 19, path = new Set(tree.path);
  const depth = new Map([[0, 0]]), at = new Map([[0, 6]]);
  const width = 300, from = 128, zero = from + 62, most = 56;
  const figure = svg("svg", { viewBox: `0 0 ${width} ${14 + card.bars.length * row}`, role: "img" });
  const words = card.bars.filter((bar) => bar.text).map((bar) => `${tree.names[bar.node]} ${bar.untouched ? "never touched" : bar.text}`);
  figure.setAttribute("aria-label", `Gradient of ${card.title} on each logit: ${words.join(", ")}`);
  figure.append(svg("circle", { cx: 5, cy: 6, r: 2.5 }), svg("line", { class: "axis", x1: zero, x2: zero, y1: 4, y2: 10 + card.bars.length * row }));
  figure.firstChild.setAttribute("fill", "currentColor");
  card.bars.forEach((bar, n) => {
    const y = 20 + n * row, parent = tree.parents[bar.node], d = bar.node ? (depth.get(parent) ?? 0) + 1 : 0;
    depth.set(bar.node, d);
    at.set(bar.node, y);
    const x = 5 + d * 11;
    const line = bar.node ? `M${x - 11},${at.get(parent) + 3}V${y}H${x - 1}` : `M${x},9V${y - 6}`;
    const twig = svg("path", { d: line, class: path.has(bar.node) ? "twig true" : "twig" });
    const name = svg("text", { x: x + 2, y: y + 4, class: path.has(bar.node) ? "true" : "" });
    name.textContent = short(tree.names[bar.node], Math.max(6, 17 - 2 * d));
    const g = svg("g", { class: "slope" }, twig, name), hint = svg("title");
    g.dataset.name = tree.names[bar.node];
    if (bar.untouched) {
      g.append(svg("rect", { class: "hollow", x: zero - 12, y: y - 5, width: 24, height: 10, rx: 3 }));
      hint.textContent = `${tree.names[bar.node]}: ${card.title} has no gradient on this logit for this true class`;
    } else if (bar.slope !== null) {
      const size = data.scale ? Math.max(1, most * Math.abs(bar.slope) / data.scale) : 0;
      const up = bar.slope < 0;
      if (bar.text !== "0") g.append(svg("rect", { class: up ? "up" : "down", x: up ? zero : zero - size, y: y - 6, width: size, height: 12, rx: 2 }));
      hint.textContent = `${tree.names[bar.node]}: gradient ${bar.text}: a gradient step ${up ? "raises" : "lowers"} this logit`;
    } else hint.textContent = `${tree.names[bar.node]}: this loss has no logit here`;
    const number = svg("text", { x: width - 2, y: y + 4, "text-anchor": "end" });
    number.textContent = bar.untouched ? "untouched" : bar.text || "·";
    g.append(number, hint);
    figure.append(g);
  });
  return figure;
}

export function drawDecoders(section, data) {
  patch(section, data.decoders.map((card) => {
    const box = html("article", "card decoder");
    box.dataset.rule = card.rule;
    box.append(html("header", "", "", html("span", "", card.rule), html("span", "value", short(card.name, 24))));
    box.append(html("p", "verdict", card.verdict === "wrong" ? "✗ wrong" : `✓ ${card.verdict}`));
    box.append(html("ul", "lines", "", ...card.lines.map((line) => html("li", line.taken ? "taken" : "", line.text))));
    if (card.left_out) box.append(html("p", "reads", `and ${card.left_out} more`));
    box.append(html("p", "summary", card.summary));
    return box;
  }));
}
