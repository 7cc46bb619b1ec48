// The drawing of the tree, with p on its edges, z on its nodes, and a bar for each logit.

import { patch, short, sketchSvg } from "./dom.js";

// The ends of the bars.
export const LOW = -10;
export const HIGH = 10;
const MARGIN = 16, BAR = 104, SHORT_BAR = 56, WIDE = 340;
const LONG_STEP = 185; // between two levels: a bar, its number and the p of the next node

export class TreeDrawing {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg.tree");
    this.range = 5;
  }

  // `options`: width, sliders (whether there are bars), targets (whether a leaf may be made the true class), looked (a
  // node or null), and dragging (whether a bar is held, which keeps the range of the bars).
  draw(tree, options) {
    Object.assign(this, options);
    const { place, children, folded, step, height } = this.layout(tree);
    if (!this.dragging) {
      const most = Math.max(5, ...tree.rows.map((i) => Math.abs(tree.logits[i])));
      this.range = most > 5 ? HIGH : 5;
    }
    const path = new Set(tree.path), edges = sketchSvg("g", { "aria-hidden": "true" }), nodes = sketchSvg("g");
    for (const i of tree.rows) {
      const { x, y } = place.get(i), parent = tree.parents[i], onPath = path.has(i);
      if (parent >= 0) {
        const up = place.get(parent);
        const d = folded
          ? `M${up.x},${up.y + 7}V${y}H${x - 7}`
          : `M${up.x},${up.y}C${up.x + step * 0.2},${y} ${up.x + step * 0.35},${y} ${x - 70},${y}H${x}`;
        edges.append(sketchSvg("path", { d, class: onPath ? "edge true" : "edge" }));
      }
      nodes.append(this.node(tree, i, x, y, onPath, !children.get(i).length, folded));
    }
    this.svg.setAttribute("height", height);
    this.svg.style.height = `${height}px`;
    this.svg.setAttribute("aria-label", `The tree of the example; the true class is ${tree.names[tree.target]}, with probability ${tree.z[tree.target]}`);
    patch(this.svg, [edges, nodes]);
    const note = this.root.querySelector(".hidden-nodes");
    note.hidden = !tree.hidden;
    note.textContent = tree.hidden ? `${tree.hidden} more nodes are not drawn: the tree is large.` : "";
  }

  layout(tree) {
    const rows = tree.rows, narrow = this.width < 520;
    const children = new Map(rows.map((i) => [i, []])), depth = new Map();
    for (const i of rows) {
      const parent = tree.parents[i];
      depth.set(i, parent < 0 ? 0 : depth.get(parent) + 1);
      if (parent >= 0) children.get(parent).push(i);
    }
    const levels = Math.max(...depth.values()), place = new Map();
    // Space to the right of the leaves; with many levels, or on a narrow board, it is smaller, as are the bars between
    // the levels, to leave room for labels there.
    const near = levels === 2 && this.sliders && (this.width - WIDE) / levels < LONG_STEP;
    this.tight = levels > 2 || near;
    const room = !this.sliders ? 240 : this.tight ? 300 : WIDE;
    const high = this.sliders || Object.keys(tree.marks).length ? 44 : 34;
    if (narrow || (this.width - room) / Math.max(1, levels) < 110) {
      rows.forEach((i, row) => place.set(i, { x: MARGIN + depth.get(i) * 20, y: 24 + row * high }));
      return { place, children, folded: true, height: 14 + rows.length * high };
    }
    const step = Math.min(230, (this.width - room) / Math.max(1, levels));
    const apart = near ? 60 : 48;
    let row = 0;
    for (const i of rows) if (!children.get(i).length) place.set(i, { x: MARGIN + depth.get(i) * step, y: 28 + row++ * apart });
    for (const i of [...rows].reverse()) {
      const below = children.get(i);
      if (below.length) {
        place.set(i, { x: MARGIN + depth.get(i) * step, y: (place.get(below[0]).y + place.get(below[below.length - 1]).y) / 2 });
      }
    }
    return { place, children, folded: false, step, height: 14 + row * apart };
  }

  node(tree, i, x, y, onPath, leaf, folded) {
    const name = tree.names[i], mark = tree.marks[i];
    const g = sketchSvg("g", { transform: `translate(${x},${y})` });
    g.setAttribute("class", ["node", onPath && "true", mark && "predicted", this.looked === i && "looked"].filter(Boolean).join(" "));
    g.setAttribute("data-name", name);
    if (mark) g.append(sketchSvg("circle", { class: "ring", r: 10 }));
    g.append(sketchSvg("circle", { class: "dot", r: 5.5 }));
    const title = sketchSvg("text", { x: 13, y: -4, class: "title" }), z = sketchSvg("tspan", { class: "z", dx: 7 });
    title.append(short(name, folded ? 18 : 20), z);
    z.textContent = `z ${tree.z[i]}`;
    const hint = sketchSvg("title");
    hint.textContent = name + (leaf && this.targets ? ": click to make it the true class" : ": click for its formula");
    const label = sketchSvg("g", { class: "name", tabindex: 0, role: "button" }, title, hint);
    label.setAttribute("data-node", i);
    label.setAttribute("data-kind", "name");
    label.setAttribute("aria-label", `${name}, z ${tree.z[i]}${i ? `, p ${tree.p[i]}` : ""}${i === tree.target ? ", the true class" : onPath ? ", on the true path" : ""}${mark ? `, predicted by ${mark}` : ""}`);
    g.append(label);
    if (i === tree.target || mark) {
      const many = mark && mark.split(", ").length, most = this.width < 640 || this.tight ? 1 : 2;
      const by = many > most ? `${many} decoders` : mark;
      const said = [i === tree.target && "true", mark && `◂ ${by}`].filter(Boolean).join(" ");
      const beside = this.sliders && i, below = beside && !leaf && !folded;
      const own = sketchSvg("text", { class: "mark", x: beside && !below ? BAR + 74 : 13, y: below ? 28 : 13 });
      own.textContent = said;
      g.append(own);
    }
    if (i) {
      const p = sketchSvg("text", { class: "p", x: -12, y: -7, "text-anchor": "end" });
      p.textContent = `p ${tree.p[i]}`;
      if (folded) {
        const inLine = sketchSvg("tspan", { class: "p", dx: 8 });
        inLine.textContent = `p ${tree.p[i]}`;
        title.append(inLine);
      } else g.append(p);
      if (this.sliders) g.append(this.bar(tree, i, name, folded));
    }
    return g;
  }

  bar(tree, i, name, folded) {
    const value = tree.logits[i];
    const long = this.tight && !folded && tree.parents.includes(i) ? SHORT_BAR : BAR;
    const g = sketchSvg("g", { class: "bar", "data-long": long, role: "slider", tabindex: 0, transform: "translate(13,9)" });
    g.setAttribute("data-node", i);
    g.setAttribute("data-kind", "bar");
    const share = Math.min(1, Math.max(0, (value + this.range) / (2 * this.range))), x = share * long;
    g.append(
      sketchSvg("rect", { class: "hit", x: -8, y: -9, width: long + 16, height: 18 }),
      sketchSvg("rect", { class: "track", x: 0, y: -2.5, width: long, height: 5, rx: 2.5 }),
      sketchSvg("rect", { class: "fill", x: Math.min(x, long / 2), y: -2.5, width: Math.abs(x - long / 2), height: 5 }),
      sketchSvg("circle", { class: "handle", cx: x, r: 6.5 }),
      sketchSvg("text", { class: "x", x: long + 9, y: 4 }, `x ${tree.logit[i]}`),
    );
    g.setAttribute("aria-label", `logit of ${name}`);
    g.setAttribute("aria-valuemin", LOW);
    g.setAttribute("aria-valuemax", HIGH);
    g.setAttribute("aria-valuenow", +value.toFixed(2));
    g.setAttribute("aria-valuetext", tree.logit[i]);
    return g;
  }
}
