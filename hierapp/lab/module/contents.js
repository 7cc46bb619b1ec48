// What the board shows of a view: the labels of the tree, the cards of the losses and decoders, the formulas of a node.
//
// A view has `tree` (names, parents), `logits`, `target`, `losses` (name, complete options, title, whether proper and
// why, or why refused), `decoders` (rule, complete options) and `shows`. A loss or decoder that is not in this module
// has been computed by Python, for the logits and the true leaf that the view has: `judged` or `decided`.

import { DECODERS, decide, shortened } from "./decoders.js";
import { Example } from "./example.js";
import { descend, LOSSES, makeLoss, read, untouched } from "./losses.js";
import { number, ofLog, signed } from "./numbers.js";
import { split } from "./terms.js";
import { LabelTree } from "./tree.js";

const MOST_ROWS = 60; // of a larger tree the true path, the paths to predictions and the nodes beside them are drawn
const READS = {
  nodes: "one logit per node",
  leaves: "one logit per leaf, log z",
  head: "one output per node; the fixed head makes log z of them",
};

// Trees and losses are made once, because views come with every change.
const trees = new Map(), losses = new Map();

function kept(store, key, make) {
  if (!store.has(key)) {
    if (store.size >= 64) store.clear();
    store.set(key, make());
  }
  return store.get(key);
}

export function exampleOfView(view) {
  const tree = kept(trees, JSON.stringify([view.tree.names, view.tree.parents]),
    () => new LabelTree(view.tree.names, view.tree.parents));
  return new Example(tree, view.logits, view.target);
}

function lossOf(tree, { name, options }) {
  const made = kept(losses, tree, () => new Map());
  return kept(made, JSON.stringify([name, options]), () => ({ loss: makeLoss(name, tree, options), untouched: new Map() }));
}

// Whether everything that a view shows is computed by this module.
export function isComplete(view) {
  return view.losses.every((each) => each.refused || LOSSES[each.name]) && view.decoders.every((each) => DECODERS[each.rule]);
}

// A loss on an example: value, terms, gradient and untouched logits by node; null if only Python can tell and has not.
export function judge(example, choice) {
  if (choice.refused) return { title: choice.title, refused: choice.refused };
  if (!LOSSES[choice.name]) return choice.judged && { ...choice, ...choice.judged };
  const made = lossOf(example.tree, choice), { loss } = made;
  const { value, gradient } = loss.evaluate(read(example, loss), example.target);
  const byNode = new Array(example.tree.size).fill(null);
  loss.nodes.forEach((v, n) => (byNode[v] = gradient[n]));
  return {
    ...choice, value, reads: loss.reads, gradient: byNode,
    untouched: kept(made.untouched, example.target, () => untouched(loss, example.target)),
    terms: split(choice.name, example, choice.options, value),
  };
}

export function decideOn(example, { rule, options, decided }) {
  if (DECODERS[rule]) return { rule, ...decide(example, rule, options) };
  return decided && { rule, node: decided.node, summary: decided.summary, ...shortened(decided.lines, false, decided.lines.length) };
}

export function descentOf(example, choice, steps) {
  return LOSSES[choice.name] ? descend(example, lossOf(example.tree, choice).loss, steps) : null;
}

export function contents(view, example, look = null) {
  const { shows } = view, hasCards = shows.includes("losses") || shows.includes("formulas");
  const judged = hasCards || look !== null ? view.losses.map((choice) => judge(example, choice) ?? { title: choice.title, waits: true }) : [];
  const decisions = shows.includes("decoders") ? view.decoders.map((each) => decideOn(example, each)).filter(Boolean) : [];
  const rows = visible(example, decisions);
  return {
    tree: treePart(example, decisions, rows),
    losses: hasCards ? judged.map((each) => lossCard(example, each, rows, shows)) : [],
    scale: Math.max(0, ...judged.flatMap((each) => each.gradient ?? []).map((slope) => Math.abs(slope ?? 0))),
    decoders: decisions.map((each) => decisionCard(example, each)),
    look: look === null || look >= example.tree.size ? null : formulas(example, look, judged),
  };
}

function treePart(example, decisions, rows) {
  const { tree } = example, marks = {};
  for (const { node, rule } of decisions) (marks[node] ??= []).push(rule);
  return {
    names: tree.names,
    parents: tree.parents,
    rows,
    hidden: tree.size - rows.length,
    logits: [0, ...example.logits],
    logit: ["", ...example.logits.map(number)],
    p: example.logP.map(ofLog),
    z: example.logZ.map(ofLog),
    share: example.z,
    path: example.path,
    target: example.targetNode,
    marks: Object.fromEntries(Object.entries(marks).map(([node, rules]) => [node, rules.join(", ")])),
  };
}

// The nodes to draw, in the tree's order.
function visible(example, decisions) {
  const { tree } = example;
  if (tree.size <= MOST_ROWS) return tree.names.map((_, v) => v);
  const paths = new Set([...example.path, ...decisions.flatMap(({ node }) => tree.path(node))]);
  const beside = [...paths].flatMap((v) => tree.children[v]);
  return [...new Set([...paths, ...beside])].slice(0, Math.max(MOST_ROWS, paths.size)).sort((a, b) => a - b);
}

function contributionsOf(judged, node) {
  return judged.terms.flatMap((term) => term.contributions.filter((each) => each.node === node).map((each) => [term, each]));
}

function lossCard(example, judged, rows, shows) {
  if (judged.refused || judged.waits) return { title: judged.title, refused: judged.refused, waits: judged.waits, bars: [] };
  const { gradient } = judged, parts = judged.terms.flatMap((term) => term.contributions).filter((each) => each.text);
  const bars = rows.filter((v) => v || gradient[v] !== null).map((v) => {
    const own = contributionsOf(judged, v);
    return {
      node: v,
      slope: gradient[v],
      text: gradient[v] === null ? "" : signed(gradient[v]),
      share: own.length ? number(own.reduce((total, [, each]) => total + each.value, 0)) : "",
      untouched: judged.untouched.includes(v),
    };
  });
  return {
    title: judged.title,
    value: number(judged.value),
    proper: judged.proper,
    reason: judged.reason,
    reads: READS[judged.reads],
    terms: judged.terms.map((term) => ({ ...term, value: number(term.value) })),
    parts: shows.includes("formulas")
      ? parts.slice(0, MOST_ROWS).map(({ node, text }) => ({ name: node === null ? "" : example.tree.names[node], text }))
      : [],
    bars: shows.includes("losses") ? bars : [],
  };
}

function decisionCard(example, { rule, node, lines, leftOut, summary }) {
  const isExact = node === example.targetNode, isRight = example.path.includes(node);
  return {
    rule,
    name: example.tree.names[node],
    verdict: isExact ? "right" : isRight ? "right, but not exact" : "wrong",
    summary,
    lines,
    left_out: leftOut,
  };
}

// The formulas of a node's values, with the numbers inserted.
function formulas(example, node, judged) {
  const { tree, logP, logZ, logits } = example, lines = [];
  if (node) {
    const brothers = tree.children[tree.parents[node]];
    const below = brothers.map((each) => `exp ${number(logits[each - 1])}`).join(" + ");
    const text = brothers.length <= 8
      ? `p = exp ${number(logits[node - 1])} / (${below}) = ${ofLog(logP[node])}`
      : `p = ${ofLog(logP[node])}, a softmax over ${brothers.length} siblings`;
    const factors = tree.path(node).slice(1).map((each) => ofLog(logP[each])).join(" · ");
    lines.push({ title: "p", text }, { title: "z", text: `z = ${factors} = ${ofLog(logZ[node])}` });
  } else lines.push({ title: "z", text: "z = 1: all leaves are below the root" });
  for (const each of judged) {
    if (each.refused || each.waits) continue;
    const parts = contributionsOf(each, node).filter(([, part]) => part.text).map(([term, part]) => `${term.title}: ${part.text}`);
    const slope = each.gradient[node];
    const said = each.untouched.includes(node) ? "no gradient on this logit"
      : slope === null ? "has no logit here" : `gradient ${signed(slope)}`;
    lines.push({ title: each.title, text: [...parts, said].join("; ") });
  }
  return { node, name: tree.names[node], lines };
}

// Differences between the numbers that Python states for a view and those of this module, as sentences.
export function disagreements(view, example, stated) {
  const found = [];
  const near = (own, theirs) => own === theirs || Math.abs(own - theirs) <= 1e-9 * Math.max(1, Math.abs(theirs));
  view.losses.forEach((choice, n) => {
    const own = judge(example, choice), theirs = stated.losses[n];
    if (!own || own.refused || !theirs) return;
    const agrees = near(own.value, theirs.value) && theirs.gradient.every((slope, v) =>
      (slope === null) === (own.gradient[v] === null) && (slope === null || near(own.gradient[v], slope)));
    if (!agrees) found.push(`${choice.title}: ${own.value} here, ${theirs.value} in Python`);
  });
  view.decoders.forEach((choice, n) => {
    const own = decideOn(example, choice), theirs = stated.decoders[n];
    if (own && own.node !== theirs) found.push(`${choice.rule}: another decision than Python's`);
  });
  return found;
}
