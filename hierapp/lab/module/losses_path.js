// Losses of the decisions along the true path: hierapp.losses.conditional, .hierarchical and .hxe.
//
// They read one logit for each node but the root, with a softmax over each set of siblings. Each is a function of
// log p(v); `slopes` are its derivatives with respect to them, from which the gradient of the logits follows.

import { logConditionals } from "./example.js";
import { sum } from "./tree.js";

// A loss whose value and slopes are those of the given function of log p of all nodes and the true path.
function siblingLoss(tree, of) {
  const nodeLogProbs = (logits) => {
    const logZ = logConditionals(tree, logits);
    for (let v = 1; v < tree.size; v++) logZ[v] += logZ[tree.parents[v]];
    return logZ;
  };
  return {
    link: "siblings",
    reads: "nodes",
    nodes: tree.names.map((_, v) => v).slice(1),
    nodeLogProbs,
    leafLogProbs: (logits) => {
      const logZ = nodeLogProbs(logits);
      return tree.leaves.map((v) => logZ[v]);
    },
    evaluate: (logits, target) => {
      const logP = logConditionals(tree, logits), slopes = new Array(tree.size).fill(0);
      const value = of(logP, tree.path(tree.leaves[target]), slopes);
      const total = tree.children.map((below) => sum(below.map((child) => slopes[child])));
      const gradient = logits.map((_, n) => slopes[n + 1] - Math.exp(logP[n + 1]) * total[tree.parents[n + 1]]);
      return { value, gradient };
    },
  };
}

// sum over v on the path of weight(step) * -log p(v), where the root's children are step 1.
function pathTerm(weight) {
  return (logP, path, slopes) => {
    let value = 0;
    for (let step = 1; step < path.length; step++) {
      const factor = weight(step, path);
      value -= factor * logP[path[step]];
      slopes[path[step]] -= factor;
    }
    return value;
  };
}

// soft * KL(uniform || p) at the internal nodes off the path, times `of(node)`.
function softTerm(tree, { soft, soft_reduction }, of) {
  return (logP, path, slopes) => {
    if (!soft) return 0;
    const off = tree.internal.filter((v) => !path.includes(v));
    const share = soft_reduction === "mean" ? 1 / Math.max(off.length, 1) : 1;
    let value = 0;
    for (const v of off) {
      const below = tree.children[v], factor = soft * share * of(v);
      value += factor * (-sum(below.map((child) => logP[child])) / below.length - Math.log(below.length));
      for (const child of below) slopes[child] -= factor / below.length;
    }
    return value;
  };
}

// mass * the sum of z over the internal nodes: a constant on trees of uniform depth.
function massTerm(tree, mass) {
  return (logP, path, slopes) => {
    if (!mass) return 0;
    if (tree.isUniform) return mass * (tree.levels - 1);
    const z = new Array(tree.size).fill(1), below = new Array(tree.size).fill(0);
    for (let v = 1; v < tree.size; v++) z[v] = z[tree.parents[v]] * Math.exp(logP[v]);
    for (let v = tree.size - 1; v >= 0; v--) {
      if (tree.children[v].length) below[v] += z[v];
      if (v) below[tree.parents[v]] += below[v];
      slopes[v] += mass * below[v];
    }
    return mass * below[0];
  };
}

const together = (...terms) => (...given) => sum(terms.map((term) => term(...given)));

export function conditional(tree) {
  return siblingLoss(tree, pathTerm(() => 1));
}

export function hierarchical(tree, options) {
  const first = pathTerm(options.targets === "leaf" ? () => 1 : (step, path) => path.length - step);
  return siblingLoss(tree, together(first, massTerm(tree, options.mass), softTerm(tree, options, () => 1)));
}

export function hierarchicalConvex(tree, options) {
  return siblingLoss(tree, together(pathTerm((step) => 1 / step), softTerm(tree, options, (v) => 1 / tree.depth[v])));
}

export function conditionalHxe(tree, options) {
  return siblingLoss(tree, pathTerm(stepDecay(tree, options)));
}

// HXE's weight of a step: exp(-alpha * its distance from the root, or from the deepest leaves), normalized by the sum over
// all nodes.
export function stepDecay(tree, { alpha, normalize, decay }) {
  const weight = (step) => Math.exp(-alpha * (decay === "root" ? step : tree.levels - 1 - step));
  const total = normalize ? sum(tree.depth.map((depth) => weight(depth - 1))) : 1;
  return (step) => weight(step) / total;
}
