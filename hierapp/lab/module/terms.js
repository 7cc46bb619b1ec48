// The value of each loss as terms, and each term as contributions of nodes with their formulas: hierapp.lab.splits.

import { levelWeights, logSoftTarget, similarityRow } from "./losses_flat.js";
import { margins, sigmoidLog } from "./losses_nodes.js";
import { stepDecay } from "./losses_path.js";
import { number, ofLog } from "./numbers.js";
import { logSumExp, sum } from "./tree.js";

const SHOWN = 4; // summands of a sum that is written out

// The terms of a loss; one that is not listed here has its value alone.
export function split(name, example, options, value) {
  if (SPLITS[name]) return SPLITS[name](example, options);
  const whole = { node: example.targetNode, value, text: "" };
  return [term("value", [whole], "This loss is not split into terms.")];
}

function term(title, contributions, note = "", constant = false) {
  return { title, contributions, note, constant, value: sum(contributions.map((each) => each.value)) };
}

function contribution(node, value, symbols, putIn) {
  return { node, value, text: `${symbols} = ${putIn} = ${number(value)}` };
}

// Along the true path

function pathTerm(contributions, note) {
  return term("true path", contributions, note);
}

function surprises(example) {
  return example.path.slice(1)
    .map((v) => contribution(v, -example.logP[v], "−log p(v)", `−log ${ofLog(example.logP[v])}`));
}

function weighted(example, weight, symbol) {
  return example.path.slice(1).map((v, n) => {
    const w = weight(n + 1), log = example.logP[v];
    return contribution(v, -w * log, `${symbol} · −log p(v)`, `${number(w)} · −log ${ofLog(log)}`);
  });
}

function conditional(example) {
  return [pathTerm(surprises(example), "Every decision has the same weight.")];
}

function hierarchical(example, options) {
  const { tree, path } = example, { mass } = options;
  const first = options.targets === "leaf"
    ? pathTerm(surprises(example), "Leaf targets: every decision has weight 1.")
    : pathTerm(weighted(example, (step) => path.length - step, "s(v)"),
      "Path targets: s(v) is the number of remaining steps to the leaf, including v.");
  const masses = tree.internal.map((v) =>
    contribution(v, mass * example.z[v], "m · z(v)", `${number(mass)} · ${ofLog(example.logZ[v])}`));
  const note = !mass ? "Its weight is 0."
    : tree.isUniform
      ? `Constant: all leaves have the same depth, so each of the ${tree.levels - 1} internal levels has probability 1.`
      : "Not constant: a deep leaf has more internal nodes above it, so this term penalizes each leaf by its depth.";
  return [first, term("mass of the internal nodes", masses, note, tree.isUniform || mass === 0),
    ...soft(example, options, () => 1, "")];
}

function convex(example, options) {
  const decisions = example.path.slice(1).map((v, n) => {
    const log = example.logP[v];
    return contribution(v, -log / (n + 1), "−log p(v) / depth(parent)", `−log ${ofLog(log)} / ${n + 1}`);
  });
  return [pathTerm(decisions, "Each decision is divided by the depth at which it is made."),
    ...soft(example, options, (v) => 1 / example.tree.depth[v], " / depth(i)")];
}

function hxe(example, options) {
  const said = options.normalize ? " divided by the sum of all node weights" : "";
  const away = options.decay === "root" ? "decreases by e^−" : "increases by e^";
  return [pathTerm(weighted(example, stepDecay(example.tree, options), "w(v)"),
    `w(v) ${away}${number(options.alpha)} at each step away from the root${said}.`)];
}

// KL(uniform || p) at the internal nodes off the true path.
function soft(example, options, weight, divided) {
  if (!options.soft) return [];
  const { tree, path, logP } = example, isMean = options.soft_reduction === "mean";
  const off = tree.internal.filter((v) => !path.includes(v)), share = isMean ? 1 / Math.max(off.length, 1) : 1;
  const contributions = off.map((v) => {
    const below = tree.children[v], surprise = -sum(below.map((child) => logP[child])) / below.length;
    const factor = options.soft * share * weight(v);
    return contribution(v, factor * (surprise - Math.log(below.length)),
      `soft${isMean ? " / n" : ""}${divided} · KL(uniform ‖ p)`,
      `${number(factor)} · (${number(surprise)} − log ${below.length})`);
  });
  const note = "Off the true path every decision is pulled towards the uniform distribution, where KL is 0.";
  return [term("soft labels off the path", contributions, note, !contributions.length)];
}

// Over the leaves

function own(example, share = 1) {
  const log = example.leafLogProbs[example.target];
  const found = share === 1
    ? contribution(example.targetNode, -log, "−log p(y)", `−log ${ofLog(log)}`)
    : contribution(example.targetNode, -share * log, "(1 − ε) · −log p(y)", `${number(share)} · −log ${ofLog(log)}`);
  return term("cross-entropy", [found], "It depends on the true leaf's probability only.");
}

function overLeaves(example, of) {
  return example.tree.leaves.map((v, c) => of(v, example.leafLogProbs[c], c));
}

function crossEntropy(example, { label_smoothing: smoothing }) {
  if (!smoothing) return [own(example)];
  const share = smoothing / example.tree.leaves.length;
  const spread = overLeaves(example, (v, log) =>
    contribution(v, -share * log, "ε/L · −log p", `${number(share)} · −log ${ofLog(log)}`));
  const note = "A share of the target is distributed uniformly over all leaves, so certainty is penalized.";
  return [own(example, 1 - smoothing), term("label smoothing", spread, note)];
}

function regularized(example, { penalty }) {
  const parts = overLeaves(example, (v, log) => contribution(v, penalty * Math.exp(log) * log, "λ · p log p",
    `${number(penalty)} · ${ofLog(log)} · log ${ofLog(log)}`));
  const note = "The negative entropy: it lowers the loss of uncertain outputs and does not use the tree.";
  return [own(example), term("negative entropy", parts, note, penalty === 0)];
}

function softLabels(example, options) {
  const logT = logSoftTarget(example.tree, example.target, options);
  const cross = overLeaves(example, (v, log, c) =>
    contribution(v, -Math.exp(logT[c]) * log, "t · −log p", `${ofLog(logT[c])} · −log ${ofLog(log)}`));
  const entropy = overLeaves(example, (v, _, c) =>
    contribution(v, Math.exp(logT[c]) * logT[c], "t · log t", `${ofLog(logT[c])} · log ${ofLog(logT[c])}`));
  return [
    term("cross-entropy against t", cross, `The target t is spread over nearby classes by the distance ${options.distance}.`),
    term("negative entropy of t", entropy, "Constant: it does not depend on the logits.", true),
  ];
}

function simloss(example, options) {
  const { target, leafLogProbs: logs } = example, shares = similarityRow(example.tree, target, options);
  const alike = [...shares.keys()].filter((c) => shares[c]);
  const credits = new Map(alike.map((c) => [c, logs[c] + Math.log(shares[c])]));
  const total = logSumExp([...credits.values()]);
  const bySize = alike.slice().sort((a, b) => credits.get(b) - credits.get(a));
  const summands = bySize.slice(0, SHOWN).map((c) => `${number(shares[c])} · ${ofLog(logs[c])}`);
  if (bySize.length > SHOWN) summands.push("…");
  const credit = contribution(example.targetNode, logs[target] - total, "log p(y) − log Σ S p",
    `log ${ofLog(logs[target])} − log (${summands.join(" + ")})`);
  const note = "Similar classes add to the probability of the true one: the loss falls from −log p(y) to −log Σ S p.";
  return [own(example), term("credit for similar classes", [credit], note)];
}

function treeWasserstein(example) {
  const { tree, leafProbs: p } = example, path = new Set(example.path);
  const edges = tree.names.map((_, v) => v).slice(1).map((v) => {
    // On the true path the leaves outside the node are summed, which is accurate even if z is almost 1.
    const isOn = path.has(v), beside = () => sum(p.slice(0, tree.first[v])) + sum(p.slice(tree.last[v]));
    return contribution(v, isOn ? beside() : example.z[v], "|z(e) − [y below e]|",
      `|${ofLog(example.logZ[v])} − ${isOn ? 1 : 0}|`);
  });
  return [term("probability over each edge", edges, "Every edge has length 1.")];
}

function levelWise(example, { weights }) {
  const { path, logZ } = example;
  const levels = levelWeights(example.tree, weights).map((weight, n) => {
    const v = path[Math.min(n + 1, path.length - 1)];
    return contribution(v, -weight * logZ[v], "w · −log z(v)", `${number(weight)} · −log ${ofLog(logZ[v])}`);
  });
  return [term("cross-entropy of each level", levels, "At each level the target is the true leaf's ancestor.")];
}

// Scores of nodes

function softmaxMargin(example, { tau, margin }) {
  const logits = [0, ...example.logits], apart = margins(example.tree, example.target, margin);
  const true_ = -logits[example.targetNode], total = logSumExp(logits.map((logit, v) => logit + tau * apart[v]));
  const v = example.targetNode;
  return [
    term("true node", [contribution(v, true_, "−u(y)", `−(${number(-true_)})`)], "It depends on the true node's logit only."),
    term("all nodes with margins", [contribution(v, total, "log Σ exp(u + τ m)", `log e^${number(total)}`)],
      "The softmax is over all nodes, inner ones included; the root's logit is 0. Right answers have no margin."),
  ];
}

function treeMinFocal(example, { gamma }) {
  const { tree } = example, path = new Set(example.path);
  const least = [Infinity, ...example.logits], most = [-Infinity, ...example.logits];
  for (let v = 1; v < tree.size; v++) least[v] = Math.min(least[v], least[tree.parents[v]]);
  for (let v = tree.size - 1; v > 0; v--) most[tree.parents[v]] = Math.max(most[tree.parents[v]], most[v]);
  const of = (v, logit, symbols, letter, score) => contribution(v,
    Math.exp(gamma * sigmoidLog(score)) * -sigmoidLog(-score), symbols,
    `γ ${number(gamma)}, ${letter} ${number(1 / (1 + Math.exp(Math.min(-logit, 700))))}`);
  const nodes = tree.names.map((_, v) => v).slice(1);
  const present = nodes.filter((v) => path.has(v)).map((v) => of(v, least[v], "−(1 − a)^γ log a", "a", -least[v]));
  const absent = nodes.filter((v) => !path.has(v)).map((v) => of(v, most[v], "−b^γ log(1 − b)", "b", most[v]));
  return [
    term("nodes on the true path", present, "a is the least score of a node and its ancestors."),
    term("other nodes", absent, "b is the largest score of a node and its descendants."),
  ];
}

const SPLITS = {
  "cross-entropy": crossEntropy, "regularized-cross-entropy": regularized, hierarchical, "hierarchical-convex": convex,
  conditional, hxe, "soft-labels": softLabels, simloss, "tree-wasserstein": treeWasserstein, "level-wise": levelWise,
  "softmax-margin": softmaxMargin, "tree-min-focal": treeMinFocal, frame: (example) => [own(example)],
};
