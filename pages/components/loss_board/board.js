// The loss board: draws the lab's example and requests moves. Python computes the numbers; before they arrive, only the
// bar under the pointer moves. One request is in flight at a time; of queued moves of the same kind and node, the last
// one wins.

const SVG = "http://www.w3.org/2000/svg";
const LOW = -10, HIGH = 10, MARGIN = 16, BAR = 104, SHORT_BAR = 56;
const FIELDS = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radio], [role=tab], .js-plotly-plot";

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let board = parentElement.hierapp;
  if (!board) board = parentElement.hierapp = new Board(parentElement.querySelector(".board"));
  board.send = (moves) => setStateValue("moves", moves);
  board.attach();
  board.show(data);
  return () => board.detach();
}

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function html(name, className, text, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function short(name, most) {
  return name.length > most ? name.slice(0, most - 1) + "…" : name;
}

class Board {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg.tree");
    this.held = new Map(); // bar positions that Python has not confirmed
    this.queue = [];
    this.inFlight = null;
    this.last = 0;
    this.onKey = (event) => this.globalKey(event);
    this.root.querySelector(".copy").addEventListener("click", () => this.copy());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("click", (event) => this.click(event));
  }

  attach() {
    if (this.attached) return;
    this.attached = true;
    document.addEventListener("keydown", this.onKey);
    this.watch = new ResizeObserver(() => {
      if (this.data && this.root.clientWidth !== this.width && !this.dragging) this.draw();
    });
    this.watch.observe(this.root);
  }

  detach() {
    this.attached = false;
    document.removeEventListener("keydown", this.onKey);
    this.watch?.disconnect();
    clearTimeout(this.player);
    clearTimeout(this.again);
  }

  // To Python

  ask(move) {
    const waiting = this.queue.findIndex((each) => each.op === move.op && each.node === move.node && move.op !== "go");
    if (waiting >= 0) this.queue.splice(waiting, 1);
    this.queue.push({ id: ++this.last, ...move });
    if (move.op === "logit") this.held.set(move.node, { value: move.value, id: this.last });
    this.flush();
  }

  flush() {
    if (this.inFlight !== null || !this.queue.length) return;
    this.sent = this.queue;
    this.queue = [];
    this.inFlight = this.sent[this.sent.length - 1].id;
    this.send(this.sent);
    // Resend requests that were lost, for example because the server restarted.
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      if (this.inFlight === null) return;
      this.queue = [...this.sent.map((move) => ({ ...move, id: ++this.last })), ...this.queue.map((move) => ({ ...move, id: ++this.last }))];
      this.inFlight = null;
      this.flush();
    }, 8000);
  }

  // From Python

  show(data) {
    if (data.session !== this.session) {
      this.session = data.session;
      this.inFlight = null;
      this.queue = [];
      this.held.clear();
      this.last = Math.max(this.last, data.done);
    }
    this.data = data;
    if (this.inFlight !== null && data.done >= this.inFlight) this.inFlight = null;
    for (const [node, { id }] of this.held) if (id <= data.done) this.held.delete(node);
    clearTimeout(this.player);
    this.last = Math.max(this.last, data.done);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (data.play && data.play.id !== this.played) {
      this.played = data.play.id;
      if (!still) return this.play(data.play.frames);
    }
    this.shown = data;
    this.draw();
    this.settle();
  }

  settle() {
    this.root.dataset.done = this.data.done;
    this.root.dataset.ready = this.data.waiting ? "" : "yes";
    this.flush();
  }

  play(frames, at = 0) {
    if (at >= frames.length) {
      this.shown = this.data;
      this.draw();
      return this.settle();
    }
    this.shown = { ...this.data, ...frames[at] };
    this.root.dataset.done = "playing";
    this.draw();
    this.player = setTimeout(() => this.play(frames, at + 1), 70);
  }

  // Drawing

  draw() {
    const data = this.shown;
    this.width = this.root.clientWidth;
    for (const part of this.root.querySelectorAll("[data-part]")) {
      const place = data.order.indexOf(part.dataset.part);
      part.style.order = place < 0 ? 9 : place;
      part.hidden = place < 0;
      part.style.display = place < 0 ? "none" : "";
    }
    this.root.querySelector(".top").style.order = -1;
    this.root.querySelector("input.link").style.order = -1;
    for (const name of [".waiting", ".status"]) this.root.querySelector(name).style.order = 10;
    if (data.order.includes("tree")) this.drawTree(data.tree);
    this.drawLook(data.look);
    this.drawLosses(data);
    this.drawDecoders(data);
    this.legend(data);
    const waiting = this.root.querySelector(".waiting"), status = this.root.querySelector(".status");
    waiting.hidden = !data.waiting;
    if (waiting.textContent !== data.waiting) waiting.textContent = data.waiting;
    if (status.textContent !== data.message) status.textContent = data.message;
    status.classList.toggle("error", Boolean(data.message));
  }

  legend(data) {
    const words = [["path", "true path"]];
    if (data.losses.some((card) => card.bars?.length)) {
      words.push(["up", "a step raises the logit"], ["down", "a step lowers it"]);
      if (data.losses.some((card) => card.bars?.some((bar) => bar.untouched))) words.push(["hollow", "no gradient"]);
    }
    const wanted = words.map((pair) => pair.join()).join();
    const legend = this.root.querySelector(".legend");
    if (legend.dataset.words === wanted) return;
    legend.dataset.words = wanted;
    legend.replaceChildren(...words.flatMap(([look, word]) => [html("i", look), document.createTextNode(word)]));
  }

  layout(tree) {
    const rows = tree.rows, narrow = this.width < 640;
    const children = new Map(rows.map((i) => [i, []])), depth = new Map();
    for (const i of rows) {
      const parent = tree.parents[i];
      depth.set(i, parent < 0 ? 0 : depth.get(parent) + 1);
      if (parent >= 0) children.get(parent).push(i);
    }
    const levels = Math.max(...depth.values()), place = new Map();
    // Space to the right of the leaves; with many levels it is smaller, to leave room for labels between the levels.
    this.tight = levels > 2;
    const room = !this.data.sliders ? 240 : this.tight ? 300 : 340;
    const high = this.data.sliders || Object.keys(tree.marks).length ? 44 : 34;
    if (narrow || (this.width - room) / Math.max(1, levels) < 110) {
      rows.forEach((i, row) => place.set(i, { x: MARGIN + depth.get(i) * 20, y: 24 + row * high }));
      return { place, children, folded: true, height: 14 + rows.length * high };
    }
    const step = Math.min(230, (this.width - room) / Math.max(1, levels));
    let row = 0;
    for (const i of rows) if (!children.get(i).length) place.set(i, { x: MARGIN + depth.get(i) * step, y: 28 + row++ * 48 });
    for (const i of [...rows].reverse()) {
      const below = children.get(i);
      if (below.length) {
        place.set(i, { x: MARGIN + depth.get(i) * step, y: (place.get(below[0]).y + place.get(below[below.length - 1]).y) / 2 });
      }
    }
    return { place, children, folded: false, step, height: 14 + row * 48 };
  }

  drawTree(tree) {
    const focused = this.root.getRootNode().activeElement?.dataset;
    const again = focused && focused.node !== undefined ? { node: focused.node, kind: focused.kind } : null;
    const { place, children, folded, step, height } = this.layout(tree);
    if (!this.dragging) {
      const most = Math.max(5, ...tree.rows.map((i) => Math.abs(tree.logits[i])));
      this.range = most > 5 ? HIGH : 5;
    }
    const path = new Set(tree.path), edges = svg("g", { "aria-hidden": "true" }), nodes = svg("g");
    for (const i of tree.rows) {
      const { x, y } = place.get(i), parent = tree.parents[i], onPath = path.has(i);
      if (parent >= 0) {
        const up = place.get(parent);
        const d = folded
          ? `M${up.x},${up.y + 7}V${y}H${x - 7}`
          : `M${up.x},${up.y}C${up.x + step * 0.2},${y} ${up.x + step * 0.35},${y} ${x - 70},${y}H${x}`;
        edges.append(svg("path", { d, class: onPath ? "edge true" : "edge" }));
      }
      nodes.append(this.node(tree, i, x, y, onPath, !children.get(i).length, folded));
    }
    this.svg.setAttribute("height", height);
    this.svg.style.height = `${height}px`;
    this.svg.setAttribute("aria-label", `The tree of the example; the true class is ${tree.names[tree.target]}, with probability ${tree.z[tree.target]}`);
    this.svg.replaceChildren(edges, nodes);
    const note = this.root.querySelector(".hidden-nodes");
    note.hidden = !tree.hidden;
    note.textContent = tree.hidden ? `${tree.hidden} more nodes are not drawn: the tree is large.` : "";
    if (again) {
      [...this.svg.querySelectorAll("[data-kind]")]
        .find((each) => each.dataset.node === again.node && each.dataset.kind === again.kind)?.focus({ preventScroll: true });
    }
  }

  node(tree, i, x, y, onPath, leaf, folded) {
    const name = tree.names[i], mark = tree.marks[i];
    const g = svg("g", { transform: `translate(${x},${y})` });
    g.setAttribute("class", ["node", onPath && "true", mark && "predicted", this.data.look?.node === i && "looked"].filter(Boolean).join(" "));
    g.dataset.name = name;
    if (mark) g.append(svg("circle", { class: "ring", r: 10 }));
    g.append(svg("circle", { class: "dot", r: 5.5 }));
    const title = svg("text", { x: 13, y: -4, class: "title" }), z = svg("tspan", { class: "z", dx: 7 });
    title.append(short(name, folded ? 18 : 20), z);
    z.textContent = `z ${tree.z[i]}`;
    const hint = svg("title");
    hint.textContent = name + (leaf && this.data.targets ? ": click to make it the true class" : ": click for its formula");
    const label = svg("g", { class: "name", tabindex: 0, role: "button" }, title, hint);
    label.dataset.node = i;
    label.dataset.kind = "name";
    label.setAttribute("aria-label", `${name}, z ${tree.z[i]}${i ? `, p ${tree.p[i]}` : ""}${i === tree.target ? ", the true class" : onPath ? ", on the true path" : ""}${mark ? `, predicted by ${mark}` : ""}`);
    g.append(label);
    if (i === tree.target || mark) {
      const many = mark && mark.split(", ").length, most = this.width < 640 || this.tight ? 1 : 2;
      const by = many > most ? `${many} decoders` : mark;
      const said = [i === tree.target && "true", mark && `◂ ${by}`].filter(Boolean).join(" ");
      const beside = this.data.sliders && i, below = beside && this.tight && !leaf && !folded;
      const own = svg("text", { class: "mark", x: beside && !below ? BAR + 66 : 13, y: below ? 28 : 13 });
      own.textContent = said;
      g.append(own);
    }
    if (i) {
      const p = svg("text", { class: "p", x: -12, y: -7, "text-anchor": "end" });
      p.textContent = `p ${tree.p[i]}`;
      if (folded) {
        const inLine = svg("tspan", { class: "p", dx: 8 });
        inLine.textContent = `p ${tree.p[i]}`;
        title.append(inLine);
      } else g.append(p);
      if (this.data.sliders) g.append(this.bar(tree, i, name, folded));
    }
    return g;
  }

  bar(tree, i, name, folded) {
    const held = this.held.get(i), value = held ? held.value : tree.logits[i];
    const long = this.tight && !folded && tree.parents.includes(i) ? SHORT_BAR : BAR;
    const g = svg("g", { class: "bar", "data-long": long, role: "slider", tabindex: 0, transform: "translate(13,9)" });
    g.dataset.node = i;
    g.dataset.kind = "bar";
    const number = svg("text", { class: "x", x: long + 9, y: 4 });
    g.append(
      svg("rect", { class: "hit", x: -8, y: -9, width: long + 16, height: 18 }),
      svg("rect", { class: "track", x: 0, y: -2.5, width: long, height: 5, rx: 2.5 }),
      svg("rect", { class: "fill", y: -2.5, height: 5 }),
      svg("circle", { class: "handle", r: 6.5 }), number,
    );
    g.setAttribute("aria-label", `logit of ${name}`);
    g.setAttribute("aria-valuemin", LOW);
    g.setAttribute("aria-valuemax", HIGH);
    this.place(g, value, held ? null : tree.logit[i]);
    return g;
  }

  place(g, value, text) {
    const share = Math.min(1, Math.max(0, (value + this.range) / (2 * this.range))), long = Number(g.dataset.long), x = share * long;
    g.querySelector(".handle").setAttribute("cx", x);
    g.querySelector(".fill").setAttribute("x", Math.min(x, long / 2));
    g.querySelector(".fill").setAttribute("width", Math.abs(x - long / 2));
    const said = text ?? String(+value.toFixed(2)).replace("-", "−");
    g.querySelector("text").textContent = `x ${said}`;
    g.setAttribute("aria-valuenow", +value.toFixed(2));
    g.setAttribute("aria-valuetext", said);
  }

  drawLook(look) {
    const section = this.root.querySelector(".look");
    section.hidden = !look;
    if (!look) return section.replaceChildren();
    section.setAttribute("aria-label", `Formulas of ${look.name}`);
    section.replaceChildren(html("strong", "", look.name), ...look.lines.map((line) => {
      const row = html("div");
      row.append(html("b", "", line.title), document.createTextNode(line.text));
      return row;
    }));
  }

  drawLosses(data) {
    this.root.querySelector("[data-part=losses]").replaceChildren(...data.losses.map((card) => {
      const box = html("article", "card loss");
      box.dataset.title = card.title;
      box.append(html("header", "", "", html("span", "", card.title), html("span", "value", card.value)));
      if (card.refused) return box.append(html("p", "terms", card.refused)), box;
      box.title = card.reason;
      const terms = card.terms.map((term) => `${term.title} ${term.value}${term.constant ? " (constant)" : ""}`);
      if (card.terms.length > 1 || card.terms[0]?.constant) box.append(html("p", "terms", terms.join(" + ")));
      if (card.parts.length) {
        box.append(html("ul", "parts", "", ...card.parts.map((part) => html("li", "", (part.name ? part.name + ": " : "") + part.text))));
      }
      if (card.bars.length) {
        box.append(this.smallTree(data, card), html("p", "reads", `reads ${card.reads}`));
      }
      return box;
    }));
  }

  // The tree as an indented list, with the gradient in each row: to the right if a gradient step raises the logit.
  smallTree(data, card) {
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

  drawDecoders(data) {
    this.root.querySelector("[data-part=decoders]").replaceChildren(...data.decoders.map((card) => {
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

  // Pointer and keyboard

  down(event) {
    const bar = event.target.closest(".bar");
    if (!bar || event.button !== 0) return;
    const node = Number(bar.dataset.node), track = bar.querySelector(".track").getBoundingClientRect();
    event.preventDefault();
    bar.focus({ preventScroll: true });
    this.dragging = node;
    const at = (move) => {
      const share = Math.min(1, Math.max(0, (move.clientX - track.left) / track.width));
      return Math.round((share * 2 - 1) * this.range * 10) / 10;
    };
    const moved = (move) => this.moveTo(node, at(move), false);
    const up = (end) => {
      window.removeEventListener("pointermove", moved);
      window.removeEventListener("pointerup", up);
      window.removeEventListener("pointercancel", up);
      this.dragging = null;
      this.moveTo(node, end.type === "pointercancel" ? this.value(node) : at(end), true);
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", up);
    window.addEventListener("pointercancel", up);
    moved(event);
  }

  value(node) {
    return this.held.get(node)?.value ?? this.data.tree.logits[node];
  }

  moveTo(node, value, final) {
    const kept = Math.round(Math.min(HIGH, Math.max(LOW, value)) * 100) / 100;
    if (!final && kept === this.value(node)) return;
    this.ask({ op: "logit", node, value: kept, final });
    const bar = [...this.svg.querySelectorAll(".bar")].find((each) => Number(each.dataset.node) === node);
    if (bar) this.place(bar, kept);
  }

  click(event) {
    const name = event.target.closest(".name");
    if (name) this.look(Number(name.dataset.node));
  }

  look(node) {
    const leaf = !this.data.tree.parents.includes(node);
    if (leaf && this.data.targets && node !== this.data.tree.target) this.ask({ op: "target", node });
    this.ask({ op: "look", node });
  }

  key(event) {
    const target = event.target.closest?.("[data-kind]");
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = Number(target.dataset.node);
    if (target.dataset.kind === "name") {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      return this.look(node);
    }
    const step = event.shiftKey ? 0.01 : 0.1;
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageUp: 1, PageDown: -1 }[event.key];
    const to = event.key === "Home" ? LOW : event.key === "End" ? HIGH : by && this.value(node) + by;
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(node, to, true);
  }

  globalKey(event) {
    if (!this.data?.story || !this.root.isConnected) return;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.composedPath().some((each) => each.matches?.(FIELDS))) return;
    const by = { ArrowRight: 1, n: 1, ArrowLeft: -1, b: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.ask({ op: "go", by });
  }

  async copy() {
    const field = this.root.querySelector("input.link"), button = this.root.querySelector(".copy");
    if (this.data.link === null) {
      this.root.querySelector(".status").textContent = "This view is too large for a link: save it, and copy the link "
      "of the saved view.";
      return;
    }
    const link = location.origin + location.pathname + (this.data.link && `?${this.data.link}`);
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy link"), 1500);
    } catch {
      // The browser denies access, for example without https: show the link so that you can copy it.
      field.hidden = false;
      field.value = link;
      field.select();
    }
  }
}
