// The lab as a page of one file: steps of a story or one view, with the board and the controls of each step.
//
// The page's data is JSON in #lab: `title`, `version`, `specs` (title and default options by name of a loss) and `steps`,
// each a view with what the board needs, `text`, `controls`, `second` (logits of the other end of a slice), `space`,
// `plots` (summaries that Python computed) and `stated`.

import { Board } from "./board.js";
import { exampleOfView } from "./contents.js";
import { html } from "./dom.js";
import { makeLoss } from "./losses.js";
import { plain } from "./numbers.js";
import { cut, drawing } from "./slice.js";

const SLIDERS = {
  mass: { title: "Weight of the second term", most: 2 },
  soft: { title: "Weight of soft labels", most: 2 },
  threshold: { title: "Threshold", most: 1 },
};
const find = (selector) => document.querySelector(selector);
const data = JSON.parse(find("#lab").textContent);
const board = new Board(find(".board"));
let at = 0, view = null, done = 0, isMoved = false, presents = false;

board.send = (moves) => {
  for (const move of moves) {
    done = move.id;
    if (move.op === "go") return open(at + move.by);
    if (move.op === "reset") return open(at);
    if (move.op === "present") {
      presents = !presents;
      document.documentElement.classList.toggle("large", presents);
    } else isMoved = true;
  }
  queueMicrotask(show);
};

function open(step) {
  at = Math.min(Math.max(step, 0), data.steps.length - 1);
  view = structuredClone(data.steps[at]);
  isMoved = false;
  board.example = null;
  history.replaceState(null, "", `#${at + 1}`);
  const isStory = data.steps.length > 1;
  find("main h2").textContent = isStory ? `${at + 1}. ${view.title}` : view.title;
  find("main .text").textContent = view.text;
  find("main .steps").textContent = isStory ? `Step ${at + 1} of ${data.steps.length}` : "";
  controls();
  find("main .plots").replaceChildren(...view.plots.map((text) => html("p", "", text)));
  show();
}

function show() {
  if (board.example) [view.logits, view.target] = [board.example.logits, board.example.target];
  const story = data.steps.length > 1
    ? { back: at > 0, next: at < data.steps.length - 1 ? "Next" : "" } : null;
  board.show({
    ...view, done, story, presents, session: "page", place: at, message: "", waiting: "", live: true,
    stated: isMoved ? null : view.stated,
  });
  slices();
  find("main .agrees").textContent = isMoved || board.root.dataset.agrees !== "yes" ? ""
    : `The numbers that hierapp ${data.version} computed for this view agree with those of this page.`;
}

// Controls of losses and decoders

function controls() {
  const wanted = view.controls, section = find("main .controls");
  section.replaceChildren();
  for (const name of wanted) {
    const owner = [...view.losses, ...view.decoders].find((each) => name in each.options);
    if (SLIDERS[name] && owner) section.append(slider(name, owner));
  }
  const targets = wanted.includes("targets") && view.losses.find((each) => "targets" in each.options);
  if (targets) section.append(choice("Targets", ["path", "leaf"], targets.options.targets, (word) => change(targets, "targets", word)));
  if (wanted.includes("space")) {
    section.append(choice("Straight lines in", ["logits", "probabilities"], view.space, (word) => {
      view.space = word;
      show();
    }));
  }
  if (view.more) section.append(checks("Losses", view.more.losses, "losses", "title"), checks("Decoders", view.more.decoders, "decoders", "rule"));
}

function labeled(text, ...fields) {
  return html("label", "", "", html("span", "", text), ...fields);
}

function slider(name, owner) {
  const { title, most } = SLIDERS[name], field = html("input"), shown = html("output", "", plain(owner.options[name]));
  Object.assign(field, { type: "range", min: 0, max: most, step: name === "threshold" ? 0.01 : 0.05, value: owner.options[name] });
  field.addEventListener("input", () => {
    shown.textContent = field.value;
    change(owner, name, Number(field.value));
  });
  return labeled(title, field, shown);
}

function choice(text, words, chosen, act) {
  const field = html("select", "", "", ...words.map((word) => html("option", "", word)));
  field.value = chosen;
  field.addEventListener("change", () => act(field.value));
  return labeled(text, field);
}

function checks(title, all, kind, name) {
  const box = html("fieldset", "", "", html("legend", "", title));
  for (const each of all) {
    const field = html("input");
    field.type = "checkbox";
    field.checked = view[kind].some((shown) => shown[name] === each[name]);
    field.addEventListener("change", () => {
      view[kind] = field.checked ? [...view[kind], each] : view[kind].filter((shown) => shown[name] !== each[name]);
      isMoved = true;
      show();
    });
    box.append(labeled(each[name], field));
  }
  return box;
}

function change(owner, name, value) {
  owner.options[name] = value;
  const spec = data.specs[owner.name];
  if (spec) {
    const said = Object.entries(owner.options).filter(([key, each]) => plain(each) !== plain(spec.defaults[key]))
      .map(([key, each]) => `${key.replaceAll("_", " ")} ${plain(each)}`).join(", ");
    owner.title = said ? `${spec.title} (${said})` : spec.title;
    owner.reason = ""; // Python stated it for the options before
  }
  isMoved = true;
  show();
}

// Slices, from the example on the board to the other end

function slices() {
  const section = find("main .slices");
  if (!view.second) return section.replaceChildren();
  const first = board.example, second = exampleOfView({ ...view, logits: view.second });
  section.replaceChildren(...view.losses.map((each) => {
    const found = cut(first, second, makeLoss(each.name, first.tree, each.options), view.space);
    return html("figure", "", "", html("strong", "", each.title), drawing(found), html("figcaption", "", found.summary));
  }));
}

board.attach();
open((Number.parseInt(location.hash.slice(1), 10) || 1) - 1);
addEventListener("hashchange", () => open((Number.parseInt(location.hash.slice(1), 10) || 1) - 1));
