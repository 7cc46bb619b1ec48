// The tree editor: draws a label tree and requests edits. Python applies them and sends the new tree; display state
// (zoom, folds, selection) stays here. An edit that Python has not confirmed is sent again with the next one.

const SVG = "http://www.w3.org/2000/svg";
const ROW = 26, LEVEL = 170, MARGIN = 30;

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let editor = parentElement.hierapp;
  if (!editor) {
    editor = parentElement.hierapp = new Editor(parentElement.querySelector(".editor"));
  }
  editor.send = (edits) => setStateValue("edits", edits);
  editor.show(data);
}

class Editor {
  constructor(root) {
    this.root = root;
    // Names this editor, because several windows may edit one draft and number their edits independently.
    this.name = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.selected = new Set();
    this.folded = new Set();
    this.pending = [];
    this.view = { x: 0, y: 0, k: 1 };
    this.cut = [];
    this.svg = root.querySelector("svg");
    this.status = root.querySelector(".status");
    this.filter = root.querySelector("input.filter");
    this.menu = root.querySelector(".bar");
    this.listen();
  }

  // From Python

  show(data) {
    const fresh = data.draft !== this.draft, done = data.done[this.name] ?? 0;
    if (fresh) {
      this.draft = data.draft;
      this.last = done;
      this.pending = [];
      this.selected = new Set();
      this.folded = new Set();
    }
    const confirmed = this.pending.filter((edit) => edit.id <= done);
    this.pending = this.pending.filter((edit) => edit.id > done);
    this.data = data;
    this.index = new Map(data.names.map((name, i) => [name, i]));
    for (const edit of confirmed) if (!data.refused.includes(edit.id)) this.follow(edit);
    this.children = data.names.map(() => []);
    data.parents.forEach((parent, i) => parent >= 0 && this.children[parent].push(i));
    for (const set of [this.selected, this.folded]) {
      for (const name of set) if (!this.index.has(name)) set.delete(name);
    }
    this.cut = this.cut.filter((name) => this.index.has(name));
    if (fresh && this.count(0) > 120) this.foldLarge();
    this.root.dataset.done = done;
    this.say(data.message || "");
    if (fresh) this.layout(), this.fit(true);
    if (confirmed.length && this.current) this.reveal(this.current);
    else this.draw();
  }

  follow(edit) {
    // Select the node that was created or renamed; a folded node stays folded under its new name.
    if (!["add", "rename", "group"].includes(edit.op) || !this.index.has(edit.name)) return;
    if (edit.op === "rename" && this.folded.delete(edit.node)) this.folded.add(edit.name);
    this.selected = new Set([edit.name]);
    this.focused = edit.name;
  }

  foldLarge() {
    // Unfold levels from the root down, up to about 60 rows.
    let rows = 1, level = [0];
    for (let i0 = 0; level.length; i0++) {
      const next = level.flatMap((i) => this.children[i]);
      if (rows + next.length > 60 && i0 !== 0) {
        level.filter((i) => this.children[i].length).forEach((i) => this.folded.add(this.data.names[i]));
        break;
      }
      rows += next.length;
      level = next;
    }
  }

  // To Python

  ask(op, args) {
    this.last += 1;
    this.pending.push({ id: this.last, editor: this.name, op, ...args });
    this.send(this.pending.slice());
    this.say("…");
  }

  // Layout

  layout() {
    const { parents } = this.data;
    const place = new Map();
    const depth = [0];
    for (let i = 1; i < parents.length; i++) depth[i] = depth[parents[i]] + 1;
    let row = 0;
    const walk = [[0, false]];
    while (walk.length) {
      const [i, back] = walk.pop();
      const below = this.folded.has(this.data.names[i]) ? [] : this.children[i];
      if (back) {
        const first = place.get(below[0]), last = place.get(below[below.length - 1]);
        place.set(i, { x: MARGIN + depth[i] * LEVEL, y: (first.y + last.y) / 2 });
      } else if (!below.length) {
        place.set(i, { x: MARGIN + depth[i] * LEVEL, y: MARGIN + row++ * ROW });
      } else {
        walk.push([i, true]);
        for (let c = below.length - 1; c >= 0; c--) walk.push([below[c], false]);
      }
    }
    this.place = place;
    this.visible = [...place.keys()].sort((a, b) => a - b);
    this.size = { w: MARGIN + (Math.max(...depth) + 1.3) * LEVEL, h: 2 * MARGIN + row * ROW };
  }

  draw() {
    this.layout();
    this.paint();
    this.tell();
  }

  // For large trees, draw only the visible part and one screen above and below it.
  paint(whole) {
    const height = this.svg.clientHeight || 560, { y: top, k } = this.view;
    const all = whole || this.place.size <= 400;
    const from = all ? -Infinity : (-top - height) / k, to = all ? Infinity : (2 * height - top) / k;
    this.painted = { from: (-top) / k, to: (height - top) / k, k };
    const wanted = this.filter.value.trim().toLowerCase();
    const lines = document.createElementNS(SVG, "g");
    const nodes = document.createElementNS(SVG, "g");
    lines.setAttribute("class", "lines");
    lines.setAttribute("aria-hidden", "true");
    let path = "";
    this.drawn = new Map();
    for (const i of this.visible) {
      const { x, y } = this.place.get(i);
      const parent = this.data.parents[i];
      if (parent >= 0) {
        const above = this.place.get(parent), middle = (above.x + x) / 2;
        if (Math.max(above.y, y) >= from && Math.min(above.y, y) <= to)
          path += `M${above.x},${above.y}C${middle},${above.y} ${middle},${y} ${x},${y}`;
      }
      if (y >= from && y <= to) nodes.append(this.node(i, x, y, wanted));
    }
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    lines.append(line);
    this.group = this.group || this.svg.appendChild(document.createElementNS(SVG, "g"));
    this.group.replaceChildren(lines, nodes);
    this.move();
  }

  node(i, x, y, wanted) {
    const name = this.data.names[i], leaf = !this.children[i].length, folded = this.folded.has(name);
    const g = document.createElementNS(SVG, "g");
    const selected = this.selected.has(name);
    const unknown = leaf && this.data.unknown.includes(name);
    g.setAttribute("transform", `translate(${x},${y})`);
    g.setAttribute("role", "treeitem");
    g.setAttribute("aria-level", 1 + Math.round((x - MARGIN) / LEVEL));
    g.setAttribute("aria-selected", selected);
    if (!leaf) g.setAttribute("aria-expanded", !folded);
    g.setAttribute("aria-label", name + (unknown ? ", not a class of the data set" : ""));
    g.setAttribute("class", [
      "node", leaf ? "leaf" : "inner", selected && "selected", unknown && "unknown", folded && "folded",
      this.cut.includes(name) && "cut", wanted && (name.toLowerCase().includes(wanted) ? "found" : "faded"),
    ].filter(Boolean).join(" "));
    g.dataset.name = name;
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("r", leaf ? 5 : 7);
    dot.style.fill = this.data.colors[i];
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", 11);
    text.setAttribute("dy", leaf || folded ? "0.32em" : "-0.5em");
    const below = folded ? ` (${this.count(i)})` : "";
    text.textContent = (name.length > 22 ? name.slice(0, 21) + "…" : name) + below;
    const title = document.createElementNS(SVG, "title");
    title.textContent = name;
    const hit = document.createElementNS(SVG, "rect");
    hit.setAttribute("class", "hit");
    hit.setAttribute("x", -10);
    hit.setAttribute("y", leaf || folded ? -12 : -20);
    hit.setAttribute("width", 24 + 7.2 * text.textContent.length);
    hit.setAttribute("height", leaf || folded ? 24 : 32);
    hit.setAttribute("rx", 6);
    g.append(hit, dot, text, title);
    this.drawn.set(name, g);
    return g;
  }

  count(i) {
    let leaves = 0;
    const ahead = [i];
    while (ahead.length) {
      const below = this.children[ahead.pop()];
      if (below.length) ahead.push(...below); else leaves++;
    }
    return leaves;
  }

  tell() {
    const chosen = [...this.selected];
    this.root.dataset.selected = chosen.join("|");
    const can = {
      undo: this.data.undo, redo: this.data.redo, add: chosen.length === 1, rename: chosen.length === 1,
      group: chosen.length > 0, promote: chosen.length > 0, remove: chosen.length > 0, "remove-all": chosen.length > 0,
      collapse: chosen.length === 1, fold: chosen.length > 0 || this.folded.size > 0,
    };
    this.root.querySelector("button[data-do=fold]").textContent = chosen.length || !this.folded.size ? "Fold" : "Unfold all";
    this.root.querySelectorAll("button[data-do]").forEach((b) => {
      if (b.dataset.do in can) b.disabled = !can[b.dataset.do];
    });
    const tray = this.root.querySelector(".tray");
    tray.hidden = !this.data.missing.length;
    tray.querySelector(".names").replaceChildren(...this.data.missing.slice(0, 200).map((name) => {
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.tabIndex = 0;
      chip.textContent = name;
      chip.dataset.missing = name;
      chip.setAttribute("role", "button");
      chip.setAttribute("aria-label", `add the class ${name} under the selected node`);
      return chip;
    }));
  }

  say(text) {
    this.status.textContent = text;
    this.status.classList.toggle("error", Boolean(this.data && this.data.failed && text === this.data.message));
  }

  move() {
    const { x, y, k } = this.view;
    this.group.setAttribute("transform", `translate(${x},${y}) scale(${k})`);
  }

  pan() {
    this.move();
    if (this.place.size <= 400 || this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const height = this.svg.clientHeight, { y, k } = this.view, { painted } = this;
      const off = Math.abs(-y / k - painted.from) * k;
      if (off > height / 2 || painted.k !== k) this.paint();
    });
  }

  fit(only) {
    const box = this.svg.getBoundingClientRect();
    if (!box.width) return void requestAnimationFrame(() => this.svg.isConnected && (this.fit(only), this.paint()));
    // The initial view stays readable; fitting the complete tree may zoom out further.
    const least = only ? 0.75 : 0.05;
    const k = Math.min(1.1, Math.max(least, Math.min(box.width / this.size.w, box.height / this.size.h)));
    this.view = { x: 8, y: Math.max(0, (box.height - k * this.size.h) / 2), k };
    if (only && k * this.size.h > box.height) this.view.y = Math.min(0, box.height / 2 - k * this.place.get(0).y);
    if (!only) this.paint();
  }

  png() {
    const { w, h } = this.size, view = this.view, look = getComputedStyle(this.root);
    this.view = { x: 0, y: 0, k: 1 };
    this.paint(true);
    const copy = document.createElementNS(SVG, "svg"), style = document.createElementNS(SVG, "style");
    copy.setAttribute("width", w);
    copy.setAttribute("height", h);
    style.textContent = `text{font:13px sans-serif;fill:${look.color}}.inner text{font-weight:600}.hit{fill:none}` +
      "path{fill:none;stroke:#9aa0a6;stroke-width:1.3}";
    copy.append(style, this.group.cloneNode(true));
    this.view = view;
    this.paint();
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas"), scale = Math.min(2, 16000 / Math.max(w, h));
      canvas.width = w * scale;
      canvas.height = h * scale;
      const pen = canvas.getContext("2d");
      pen.fillStyle = getComputedStyle(this.svg).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = "tree.png";
        link.click();
        URL.revokeObjectURL(link.href);
      });
    };
    image.src = "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
  }

  zoom(factor, cx, cy) {
    const box = this.svg.getBoundingClientRect();
    const px = cx ?? box.width / 2, py = cy ?? box.height / 2, { x, y, k } = this.view;
    const to = Math.min(4, Math.max(0.05, k * factor));
    this.view = { x: px - (px - x) * to / k, y: py - (py - y) * to / k, k: to };
    this.pan();
  }

  reveal(name) {
    const i = this.index.get(name);
    for (let up = this.data.parents[i]; up >= 0; up = this.data.parents[up]) this.folded.delete(this.data.names[up]);
    this.draw();
    const { x, y } = this.place.get(i), box = this.svg.getBoundingClientRect(), { k } = this.view;
    const sx = this.view.x + k * x, sy = this.view.y + k * y;
    if (sx < 20 || sx > box.width - 120) this.view.x = box.width / 3 - k * x;
    if (sy < 20 || sy > box.height - 20) this.view.y = box.height / 2 - k * y;
    this.paint();
  }

  // Selection

  choose(name, more) {
    if (!more) this.selected = new Set([name]);
    else if (!this.selected.delete(name)) this.selected.add(name);
    this.focused = name;
    this.draw();
  }

  get current() {
    return this.selected.has(this.focused) ? this.focused : [...this.selected].pop();
  }

  walk(key) {
    const name = this.current;
    if (!name) return this.choose(this.data.names[0]);
    const i = this.index.get(name), at = this.visible.indexOf(i), here = this.place.get(i);
    let next;
    if (key === "ArrowLeft") next = this.data.parents[i];
    if (key === "ArrowRight") {
      if (this.folded.has(name)) this.folded.delete(name);
      next = this.children[i][0] ?? i;
    }
    if (key === "ArrowUp" || key === "ArrowDown") {
      // The nearest node of the same level, or else the next node in the tree's order.
      const step = key === "ArrowUp" ? -1 : 1;
      const level = this.visible.filter((j) => this.place.get(j).x === here.x);
      next = level[level.indexOf(i) + step] ?? this.visible[at + step];
    }
    if (next >= 0 && this.data.names[next] !== undefined) {
      this.choose(this.data.names[next]);
      this.reveal(this.data.names[next]);
    }
  }

  // Edits

  do(what) {
    const chosen = [...this.selected], one = this.current;
    if (what === "undo" && this.data.undo) this.ask("undo", {});
    if (what === "redo" && this.data.redo) this.ask("redo", {});
    if (what === "fit") this.fit();
    if (what === "png") this.png();
    if (what === "in") this.zoom(1.25);
    if (what === "out") this.zoom(0.8);
    if (what === "fold") {
      for (const name of chosen) {
        if (!this.children[this.index.get(name)].length) continue;
        if (!this.folded.delete(name)) this.folded.add(name);
      }
      if (!chosen.length) this.folded.clear();
      this.draw();
    }
    if (!chosen.length) return;
    if (what === "add") this.type("", (name) => this.ask("add", { parent: one, name }), one);
    if (what === "rename") this.type(one, (name) => name !== one && this.ask("rename", { node: one, name }), one);
    if (what === "group") this.type("group", (name) => this.ask("group", { nodes: chosen, name }), one);
    if (what === "promote") this.ask("promote", { nodes: chosen });
    if (what === "collapse") this.ask("collapse", { node: one });
    if (what === "remove") this.ask("remove", { nodes: chosen });
    if (what === "remove-all") this.ask("remove", { nodes: chosen, with_subtree: true });
  }

  type(value, done, beside) {
    this.root.querySelector("input.name")?.remove();
    const input = document.createElement("input");
    const at = this.place.get(this.index.get(beside)), { x, y, k } = this.view;
    input.className = "name";
    input.value = value;
    input.setAttribute("aria-label", "name");
    input.style.left = `${Math.max(4, x + k * at.x + 6)}px`;
    input.style.top = `${this.svg.offsetTop + y + k * at.y - 16}px`;
    let ended = false;
    const end = (keep) => {
      if (ended) return;
      ended = true;
      input.remove();
      this.svg.focus({ preventScroll: true });
      if (keep && input.value.trim()) done(input.value.trim());
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
    });
    input.addEventListener("blur", () => end(value !== "" && input.value !== value));
    this.root.querySelector(".canvas").append(input);
    input.focus();
    input.select();
  }

  key(event) {
    const meta = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let used = true;
    if (meta && key === "z") this.do(event.shiftKey ? "redo" : "undo");
    else if (meta && key === "y") this.do("redo");
    else if (meta && key === "x") this.cut = [...this.selected], this.draw(), this.say(`${this.cut.length} cut; select a node and paste`);
    else if (meta && key === "v") this.paste();
    else if (meta || event.altKey) {
      if (event.altKey && (key === "ArrowUp" || key === "ArrowDown") && this.current)
        this.ask("shift", { node: this.current, by: key === "ArrowUp" ? -1 : 1 });
      else used = false;
    } else if (key.startsWith("Arrow")) this.walk(key);
    else if (key === "F2" || key === "Enter") this.do("rename");
    else if (key === "Insert" || key === "a") this.do("add");
    else if (key === "Delete" || key === "Backspace") this.do(event.shiftKey ? "remove-all" : "remove");
    else if (key === "g") this.do("group");
    else if (key === "p") this.do("promote");
    else if (key === "c") this.do("collapse");
    else if (key === " ") this.do("fold");
    else if (key === "Escape") this.selected.clear(), this.cut = [], this.draw();
    else if (key === "+") this.zoom(1.25);
    else if (key === "-") this.zoom(0.8);
    else if (key === "0") this.fit();
    else if (key === "/") this.filter.focus();
    else used = false;
    if (used) event.preventDefault(), event.stopPropagation();
  }

  paste() {
    if (!this.cut.length || !this.current) return;
    this.ask("move", { nodes: this.cut, parent: this.current });
    this.cut = [];
  }

  // Mouse and touch

  listen() {
    const { svg } = this;
    svg.addEventListener("keydown", (event) => this.key(event));
    this.menu.addEventListener("click", (event) => {
      const what = event.target.closest("button")?.dataset.do;
      if (what) this.do(what), what !== "add" && what !== "rename" && what !== "group" && svg.focus({ preventScroll: true });
    });
    this.filter.addEventListener("input", () => {
      this.draw();
      const wanted = this.filter.value.trim().toLowerCase();
      const hit = wanted && this.data.names.find((name) => name.toLowerCase().includes(wanted));
      if (hit) this.reveal(hit);
    });
    this.filter.addEventListener("keydown", (event) => {
      event.stopPropagation();
      const wanted = this.filter.value.trim().toLowerCase();
      const hits = this.data.names.filter((name) => name.toLowerCase().includes(wanted));
      if (event.key === "Enter" && wanted && hits.length) {
        const next = hits[(hits.indexOf(this.current) + 1) % hits.length];
        this.choose(next);
        this.reveal(next);
      }
    });
    const tray = this.root.querySelector(".tray");
    const adopt = (name) => this.ask("add", { parent: this.current ?? this.data.names[0], name });
    tray.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.dataset.missing) adopt(event.target.dataset.missing);
    });
    this.root.addEventListener("pointerdown", (event) => this.down(event, adopt));
    svg.addEventListener("dblclick", (event) => {
      const name = event.target.closest?.(".node")?.dataset.name;
      if (name) this.choose(name), this.do("rename");
    });
    svg.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
      else this.view.x -= event.deltaX, this.view.y -= event.deltaY, this.pan();
    }, { passive: false });
  }

  down(event, adopt) {
    if (event.button !== 0 || event.target.closest("button, input")) return;
    const name = event.target.closest(".node")?.dataset.name, missing = event.target.dataset.missing;
    if (!missing && !event.target.closest("svg")) return;
    const start = { x: event.clientX, y: event.clientY, view: { ...this.view } };
    let dragging = false, target = null, ghost = null;
    this.svg.focus({ preventScroll: true });
    const moved = (move) => {
      const dx = move.clientX - start.x, dy = move.clientY - start.y;
      if (!dragging && Math.hypot(dx, dy) < 5) return;
      dragging = true;
      if (!name && !missing) {
        this.view = { ...this.view, x: start.view.x + dx, y: start.view.y + dy };
        return this.pan();
      }
      if (!ghost) {
        if (name && !this.selected.has(name)) this.choose(name, move.shiftKey);
        ghost = this.root.appendChild(document.createElement("div"));
        ghost.className = "ghost";
        ghost.textContent = missing ?? (this.selected.size > 1 ? `${this.selected.size} nodes` : name);
      }
      const box = this.root.getBoundingClientRect();
      ghost.style.transform = `translate(${move.clientX - box.left + 12}px,${move.clientY - box.top + 8}px)`;
      target = this.under(move.clientX, move.clientY, missing ? [] : [...this.selected]);
      for (const g of this.drawn.values()) g.classList.remove("target", "refused");
      if (target) this.drawn.get(target.name)?.classList.add(target.allowed ? "target" : "refused");
    };
    const up = (end) => {
      window.removeEventListener("pointermove", moved);
      window.removeEventListener("pointerup", up);
      window.removeEventListener("pointercancel", up);
      ghost?.remove();
      if (end.type === "pointercancel") return this.draw();
      if (!dragging) {
        if (name) this.choose(name, end.shiftKey || end.ctrlKey || end.metaKey);
        else if (missing) adopt(missing);
        else this.selected.clear(), this.draw();
      } else if (target?.allowed) {
        if (missing) this.ask("add", { parent: target.name, name: missing });
        else this.ask("move", { nodes: [...this.selected], parent: target.name });
      } else if (target) {
        this.draw();
        this.say("A node cannot be moved below itself or to its current position.");
      } else if (name || missing) this.draw();
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", up);
    window.addEventListener("pointercancel", up);
  }

  under(x, y, moving) {
    const root = this.root.getRootNode();
    const name = root.elementFromPoint(x, y)?.closest?.(".node")?.dataset.name;
    if (name === undefined) return null;
    let allowed = true;
    for (let i = this.index.get(name); i >= 0; i = this.data.parents[i]) {
      if (moving.includes(this.data.names[i])) allowed = false;
    }
    return { name, allowed };
  }
}
