// The loss board: draws the lab's example, computes everything that it shows, and tells its host what was moved.
//
// The host is the app or a page of one file. It passes data to `show`: a view (see contents.js) and, in addition,
//
// - `session`, `place` (what the view is a step of), `done` (the last move that the view has), `order` (of the parts);
// - `sliders`, `targets`, `descent`, `reset` (whether these can be used), `presents` (whether it is presented);
// - `story` (null, or whether there is a way back, and the label of the way on);
// - `link` (`query` and `base`, or why `refused`; undefined if there are no links), `message`, `waiting`;
// - `live` (whether the host needs every move of a drag), `stated` (the numbers that Python states, or null).
//
// It gets moves, each with an `id`; one request is in flight at a time, and of queued moves of the same kind and node the
// last one wins.

import { contents, descentOf, disagreements, exampleOfView } from "./contents.js";
import { drawDecoders, drawLook, drawLosses } from "./cards.js";
import { html } from "./dom.js";
import { Example } from "./example.js";
import { HIGH, LOW, TreeDrawing } from "./tree_drawing.js";

const FIELDS = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], [role=listbox], [role=radio], [role=tab], .js-plotly-plot";
const AGAIN = 8000; // milliseconds until a request counts as lost, for example because the server restarted
const EVERY = 4; // an animation shows one of this number of descent steps
const FRAME = 70; // milliseconds

export class Board {
  constructor(root) {
    this.root = root;
    this.drawing = new TreeDrawing(root);
    this.svg = this.drawing.svg;
    this.queue = [];
    this.inFlight = null;
    this.last = 0;
    this.drawn = 0;
    this.look = null;
    this.send = () => {};
    this.onKey = (event) => this.globalKey(event);
    root.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("click", (event) => this.click(event));
    const on = (name, act) => this.part(`button.${name}`).addEventListener("click", act);
    on("back", () => this.ask({ op: "go", by: -1 }));
    on("next", () => this.ask({ op: "go", by: 1 }));
    on("one", () => this.descend(1));
    on("hundred", () => this.descend(100));
    on("reset", () => this.ask({ op: "reset" }));
    on("present", () => this.ask({ op: "present" }));
    on("copy", () => this.copy());
  }

  part(selector) {
    return this.root.querySelector(selector);
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

  // To the host

  ask(move) {
    const waiting = this.queue.findIndex((each) => each.op === move.op && each.node === move.node && move.op !== "go");
    if (waiting >= 0) this.queue.splice(waiting, 1);
    this.queue.push({ id: ++this.last, ...move });
    this.flush();
  }

  flush() {
    if (this.inFlight !== null || !this.queue.length) return;
    this.sent = this.queue;
    this.queue = [];
    this.inFlight = this.sent[this.sent.length - 1].id;
    this.send(this.sent);
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      if (this.inFlight === null) return;
      this.queue = [...this.sent, ...this.queue].map((move) => ({ ...move, id: ++this.last }));
      this.inFlight = null;
      this.flush();
    }, AGAIN);
  }

  // From the host

  show(data) {
    if (data.session !== this.session) {
      this.session = data.session;
      this.inFlight = null;
      this.queue = [];
      this.look = null;
    }
    if (this.inFlight !== null && data.done >= this.inFlight) this.inFlight = null;
    this.last = Math.max(this.last, data.done);
    const where = JSON.stringify([data.tree, data.place]), isSame = this.where === where;
    this.where = where;
    if (!isSame) this.look = null;
    this.data = data;
    // What is moved here and not yet confirmed stays.
    const isAhead = isSame && (this.dragging || this.inFlight !== null || this.queue.length);
    if (!isAhead) {
      if (this.player) this.stop();
      this.example = exampleOfView(data);
    }
    if (!this.player) {
      this.draw();
      this.settle();
    } else this.flush();
    if (!isAhead) this.compare();
  }

  settle() {
    this.root.dataset.done = this.data.done;
    this.root.dataset.ready = this.data.waiting ? "" : "yes";
    this.flush();
  }

  // Python states the numbers that are stored or exported; here they are compared.
  compare() {
    const found = this.data.stated ? disagreements(this.data, this.example, this.data.stated) : null;
    this.root.dataset.agrees = found === null ? "" : found.length ? "no" : "yes";
    if (found?.length) this.say(`The browser's numbers differ from Python's; report this with the link. ${found[0]}.`, true);
  }

  // Gradient steps

  descend(steps) {
    const choice = this.data.losses[this.part("select.which").selectedIndex], examples = choice && descentOf(this.example, choice, steps);
    if (!examples) return this.ask({ op: "descend", loss: this.part("select.which").selectedIndex, steps });
    const end = examples.pop(), still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.play(steps > 1 && !still ? examples.filter((_, n) => n % EVERY === 0) : [], end);
  }

  play(examples, end) {
    clearTimeout(this.player);
    this.player = null;
    this.example = examples.length ? examples[0] : end;
    this.root.dataset.done = examples.length ? "playing" : this.data.done;
    this.draw();
    if (!examples.length) return this.ask({ op: "logits", values: end.logits });
    this.player = setTimeout(() => this.play(examples.slice(1), end), FRAME);
  }

  stop() {
    clearTimeout(this.player);
    this.player = null;
  }

  // Drawing

  draw() {
    const { data, example } = this;
    this.width = this.root.clientWidth;
    this.root.classList.toggle("presents", Boolean(data.presents));
    const shown = contents(data, example, this.look);
    for (const part of this.root.querySelectorAll("[data-part]")) {
      const place = data.order.indexOf(part.dataset.part);
      part.style.order = place < 0 ? 9 : place;
      part.style.display = place < 0 ? "none" : "";
    }
    for (const name of [".top", "input.link", ".key"]) this.part(name).style.order = -1;
    for (const name of [".waiting", ".status"]) this.part(name).style.order = 10;
    if (data.order.includes("tree")) {
      const { width, dragging, look: looked } = this;
      this.drawing.draw(shown.tree, { width, dragging, looked, sliders: data.sliders, targets: data.targets });
    }
    drawLook(this.part(".look"), shown.look);
    drawLosses(this.part("[data-part=losses]"), shown);
    drawDecoders(this.part("[data-part=decoders]"), shown);
    this.legend(shown);
    this.buttons(data);
    const waiting = this.part(".waiting");
    waiting.hidden = !data.waiting;
    if (waiting.textContent !== data.waiting) waiting.textContent = data.waiting;
    this.say(data.message, Boolean(data.message));
    this.root.dataset.drawn = ++this.drawn;
  }

  say(text, isError = false) {
    const status = this.part(".status");
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("error", isError);
  }

  legend(shown) {
    const words = [["path", "true path"]];
    if (shown.losses.some((card) => card.bars.length)) {
      words.push(["up", "a step raises the logit"], ["down", "a step lowers it"]);
      if (shown.losses.some((card) => card.bars.some((bar) => bar.untouched))) words.push(["hollow", "no gradient"]);
    }
    const wanted = words.map((pair) => pair.join()).join();
    const legend = this.part(".legend");
    if (legend.dataset.words === wanted) return;
    legend.dataset.words = wanted;
    legend.replaceChildren(...words.flatMap(([look, word]) => [html("i", look), document.createTextNode(word)]));
  }

  buttons(data) {
    const { story } = data;
    for (const name of ["back", "next"]) this.part(`.${name}`).hidden = !story;
    this.part(".back").disabled = !story?.back;
    this.part(".next").disabled = !story?.next;
    this.part(".next").textContent = story?.next || "Next";
    const select = this.part("select.which"), titles = data.losses.map((each) => each.title);
    if (select.dataset.titles !== titles.join("\n")) {
      const at = select.selectedIndex;
      select.dataset.titles = titles.join("\n");
      select.replaceChildren(...titles.map((title) => html("option", "", title)));
      select.selectedIndex = Math.min(Math.max(at, 0), titles.length - 1);
    }
    for (const each of this.root.querySelectorAll(".descent")) each.hidden = !data.descent || !titles.length;
    this.part("label.descent").hidden ||= titles.length < 2;
    this.part(".reset").hidden = !data.reset;
    this.part(".present").setAttribute("aria-pressed", Boolean(data.presents));
    this.part(".present").textContent = data.presents ? "End presentation" : "Present";
    this.part(".copy").hidden = data.link === undefined;
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
      return Math.round((share * 2 - 1) * this.drawing.range * 10) / 10;
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
    return this.example.logits[node - 1];
  }

  moveTo(node, value, final) {
    const kept = Math.round(Math.min(HIGH, Math.max(LOW, value)) * 100) / 100;
    if (!final && kept === this.value(node)) return;
    this.stop();
    this.example = this.example.withLogit(node, kept);
    this.draw();
    this.root.dataset.agrees = "";
    if (final || this.data.live) this.ask({ op: "logit", node, value: kept, final });
  }

  click(event) {
    const name = event.target.closest(".name");
    if (name) this.choose(Number(name.dataset.node));
  }

  // Show or hide the formulas of a node; a leaf becomes the true class.
  choose(node) {
    const { tree } = this.example, leaf = tree.leaves.indexOf(node);
    this.look = node === this.look ? null : node;
    if (leaf >= 0 && this.data.targets && node !== this.example.targetNode) {
      this.example = new Example(tree, this.example.logits, leaf);
      this.ask({ op: "target", node });
    }
    this.draw();
  }

  key(event) {
    const target = event.target.closest?.("[data-kind]");
    if (!target || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = Number(target.dataset.node);
    if (target.dataset.kind === "name") {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      return this.choose(node);
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
    if (!by || (by > 0 ? !this.data.story.next : !this.data.story.back)) return;
    event.preventDefault();
    this.ask({ op: "go", by });
  }

  async copy() {
    const { link } = this.data, field = this.part("input.link"), button = this.part(".copy");
    if (link.refused) return this.say(link.refused, true);
    const address = (link.base || location.origin + location.pathname) + (link.query && `?${link.query}`);
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy link"), 1500);
    } catch {
      // The browser denies access, for example without https: show the link so that you can copy it.
      field.hidden = false;
      field.value = address;
      field.select();
    }
    const isLocal = !link.base && ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    const local = "This link opens on this machine only; an admin can set the app's public address in Settings.";
    if (link.note || isLocal) this.say(link.note || local);
  }
}
