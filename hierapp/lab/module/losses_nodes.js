// Losses whose logits are scores of nodes: hierapp.losses.softmax_margin and .tree_min_focal.

import { logSoftmax, logSumExp } from "./tree.js";

// The margin of each node for a true leaf: 1 off its path, or the number of edges to it.
export function margins(tree, target, kind) {
  const path = tree.path(tree.leaves[target]), found = new Array(tree.size).fill(0);
  const shared = new Array(tree.size).fill(0); // nodes in common with the path
  for (let v = 0; v < tree.size; v++) {
    const above = v ? shared[tree.parents[v]] : 0, isOn = path[tree.depth[v] - 1] === v;
    shared[v] = above + (isOn ? 1 : 0);
    found[v] = kind === "depth" ? tree.depth[v] + path.length - 2 * shared[v] : isOn ? 0 : 1;
  }
  return found;
}

// One softmax over all nodes, raised by the margins.
export function softmaxMargin(tree, { tau, margin }) {
  const leafLogProbs = (logits) => {
    const shares = logSoftmax(logits).map((log, v) => log - Math.log(tree.last[v] - tree.first[v]));
    for (let v = 1; v < tree.size; v++) shares[v] = logSumExp([shares[v], shares[tree.parents[v]]]);
    return tree.leaves.map((v) => shares[v]);
  };
  return {
    link: "nodes",
    reads: "nodes",
    nodes: tree.names.map((_, v) => v),
    leafLogProbs,
    nodeLogProbs: (logits) => Object.assign(tree.logSumUp(leafLogProbs(logits)), { 0: 0 }),
    evaluate: (logits, target) => {
      const own = tree.leaves[target], apart = margins(tree, target, margin);
      const raised = logits.map((logit, v) => logit + tau * apart[v]), total = logSumExp(raised);
      const gradient = raised.map((each, v) => Math.exp(each - total) - (v === own ? 1 : 0));
      return { value: total - logits[own], gradient };
    },
  };
}

export const sigmoidLog = (x) => (x < 0 ? x : 0) - Math.log1p(Math.exp(-Math.abs(x)));
const softplus = (x) => -sigmoidLog(-x);

// sigmoid(x)^gamma * softplus(x) and its derivative.
function focal(x, gamma) {
  const cost = softplus(x), score = Math.exp(sigmoidLog(x)), factor = Math.exp(gamma * sigmoidLog(x));
  return { value: factor * cost, slope: factor * (score + gamma * (1 - score) * cost) };
}

// A sigmoid for each node but the root: present only if its ancestors are, absent only if its descendants are.
export function treeMinFocal(tree, { gamma }) {
  const { parents, size } = tree;
  const leafLogProbs = (logits) => {
    const least = [Infinity, ...logits];
    for (let v = 1; v < size; v++) least[v] = Math.min(least[v], least[parents[v]]);
    return logSoftmax(tree.leaves.map((v) => sigmoidLog(least[v])));
  };
  return {
    link: "sigmoid",
    reads: "nodes",
    nodes: tree.names.map((_, v) => v).slice(1),
    leafLogProbs,
    nodeLogProbs: (logits) => Object.assign(tree.logSumUp(leafLogProbs(logits)), { 0: 0 }),
    evaluate: (logits, target) => {
      const slopes = new Array(size).fill(0), path = tree.path(tree.leaves[target]);
      const value = present([0, ...logits], path, gamma, slopes) + absent(tree, logits, path, gamma, slopes);
      return { value, gradient: slopes.slice(1) };
    },
  };
}

// -(1 - a)^gamma log a on the path, where a is the least score from the root down.
function present(logits, path, gamma, slopes) {
  const least = [], passed = new Array(path.length).fill(0);
  let value = 0;
  for (let step = 1; step < path.length; step++) {
    least[step] = step === 1 ? logits[path[1]] : Math.min(least[step - 1], logits[path[step]]);
    const { value: cost, slope } = focal(-least[step], gamma);
    value += cost;
    passed[step] -= slope;
  }
  // Equal arguments of a minimum share its slope, as in PyTorch.
  for (let step = path.length - 1; step > 0; step--) {
    const own = logits[path[step]], above = step > 1 ? least[step - 1] : Infinity;
    const share = own < above ? 1 : own === above ? 0.5 : 0;
    slopes[path[step]] += share * passed[step];
    if (step > 1) passed[step - 1] += (1 - share) * passed[step];
  }
  return value;
}

// -b^gamma log(1 - b) off the path, where b is the largest score of a node and its descendants.
function absent(tree, logits, path, gamma, slopes) {
  const { size, parents, children } = tree, most = [-Infinity, ...logits], from = new Array(size).fill(-1);
  for (let v = size - 1; v > 0; v--) {
    // The first of equal children counts.
    for (const child of children[v]) if (from[v] < 0 || most[child] > most[from[v]]) from[v] = child;
    if (from[v] >= 0) most[v] = Math.max(logits[v - 1], most[from[v]]);
  }
  const passed = new Array(size).fill(0), isOn = new Set(path);
  let value = 0;
  for (let v = 1; v < size; v++) {
    if (!isOn.has(v)) {
      const { value: cost, slope } = focal(most[v], gamma);
      value += cost;
      passed[v] += slope;
    }
    if (!passed[v]) continue;
    const own = logits[v - 1], below = from[v] < 0 ? -Infinity : most[from[v]];
    const share = own > below ? 1 : own === below ? 0.5 : 0;
    slopes[v] += share * passed[v];
    if (from[v] >= 0) passed[from[v]] += (1 - share) * passed[v];
  }
  return value;
}
