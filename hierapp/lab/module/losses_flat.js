// Losses with one softmax over all leaves: hierapp.losses.flat, .pairs, .marginal and .frame.
//
// Each is a function of log p of the leaves; `slopes` are its derivatives with respect to them.

import { logSoftmax, logSumExp, sum } from "./tree.js";
import { stepDecay } from "./losses_path.js";

// A loss whose value and slopes are those of the given function of log p of the leaves and the true leaf.
function flatLoss(tree, of) {
  return {
    link: "leaves",
    reads: "leaves",
    nodes: tree.leaves,
    leafLogProbs: logSoftmax,
    nodeLogProbs: (logits) => below0(tree.logSumUp(logSoftmax(logits))),
    evaluate: (logits, target) => {
      const logP = logSoftmax(logits), slopes = new Array(logP.length).fill(0);
      const value = of(logP, target, slopes), total = sum(slopes);
      return { value, gradient: slopes.map((slope, c) => slope - Math.exp(logP[c]) * total) };
    },
  };
}

function below0(logZ) {
  logZ[0] = 0;
  return logZ;
}

function crossEntropyOf(smoothing) {
  return (logP, target, slopes) => {
    const share = smoothing / logP.length;
    if (smoothing) for (let c = 0; c < logP.length; c++) slopes[c] = -share;
    slopes[target] -= 1 - smoothing;
    return -(1 - smoothing) * logP[target] - (smoothing ? share * sum(logP) : 0);
  };
}

export function crossEntropy(tree, options) {
  return flatLoss(tree, crossEntropyOf(options.label_smoothing));
}

export function regularized(tree, { penalty }) {
  return flatLoss(tree, (logP, target, slopes) => {
    const p = logP.map(Math.exp), entropic = logP.map((log, c) => p[c] * Math.max(log, -1e300));
    for (let c = 0; c < p.length; c++) slopes[c] = penalty * (entropic[c] + p[c]);
    slopes[target] -= 1;
    return -logP[target] + penalty * sum(entropic);
  });
}

// The target of soft labels as logarithms: proportional to exp(-beta * d / d_max).
export function logSoftTarget(tree, target, { beta, distance }) {
  const most = tree.largestDistance(distance);
  return logSoftmax(tree.distances(target, distance).map((apart) => (-beta / most) * apart));
}

export function softLabels(tree, options) {
  return flatLoss(tree, (logP, target, slopes) => {
    const logT = logSoftTarget(tree, target, options);
    return sum(logT.map((log, c) => {
      const t = Math.exp(log);
      slopes[c] = -t;
      return t * (log - logP[c]);
    }));
  });
}

// The row of the true class in the tree's similarity, 1 - d / d_max, above the lower bound.
export function similarityRow(tree, target, { lower_bound }) {
  const most = tree.largestDistance("lca-depth");
  return tree.distances(target, "lca-depth")
    .map((apart) => Math.max(0, (1 - apart / most - lower_bound) / (1 - lower_bound)));
}

export function simloss(tree, options) {
  return flatLoss(tree, (logP, target, slopes) => {
    const credits = similarityRow(tree, target, options).map((share, c) => logP[c] + Math.log(share));
    const total = logSumExp(credits);
    for (let c = 0; c < credits.length; c++) slopes[c] = -Math.exp(credits[c] - total);
    return -total;
  });
}

export function treeWasserstein(tree) {
  return flatLoss(tree, (logP, target, slopes) => {
    const row = tree.distances(target, "edges");
    for (let c = 0; c < row.length; c++) slopes[c] = Math.exp(logP[c]) * row[c];
    return sum(slopes);
  });
}

// sum over v on the path of coefficient(v's step, steps of the path) * -log z(v), z from the softmax over the leaves.
function marginalLoss(tree, coefficient) {
  return flatLoss(tree, (logP, target, slopes) => {
    const path = tree.path(tree.leaves[target]), steps = path.length - 1;
    let value = 0;
    for (let step = 1; step <= steps; step++) {
      const v = path[step], inside = logP.slice(tree.first[v], tree.last[v]);
      // A node above all leaves has probability 1.
      if (inside.length === logP.length) continue;
      const logZ = logSumExp(inside), factor = coefficient(step, steps);
      value -= factor * logZ;
      inside.forEach((log, n) => (slopes[tree.first[v] + n] -= factor * Math.exp(log - logZ)));
    }
    return value;
  });
}

export function flatHxe(tree, options) {
  const weight = stepDecay(tree, options);
  return marginalLoss(tree, (step, steps) => weight(step) - (step < steps ? weight(step + 1) : 0));
}

export function levelWise(tree, { weights }) {
  const chosen = levelWeights(tree, weights);
  // A leaf above the last level represents itself on the levels below it.
  return marginalLoss(tree, (step, steps) => (step < steps ? chosen[step - 1] : sum(chosen.slice(step - 1))));
}

// The weight of each level from the root's children down: all 1, given numbers, or a preset.
export function levelWeights(tree, weights) {
  const levels = tree.levels - 1, steps = Array.from({ length: levels }, (_, n) => n + 1);
  if (Array.isArray(weights)) return weights;
  if (weights === "geometric") return steps.map((step) => 0.5 ** (levels - step));
  const ofStep = {
    uniform: (step) => levels - step + 1, hxe: (step) => Math.exp(-0.1 * step), report: (step) => 1 / step,
  }[weights];
  return ofStep ? steps.map((step) => ofStep(step) - (step < levels ? ofStep(step + 1) : 0)) : steps.map(() => 1);
}

// Cross-entropy behind a fixed head: the score of a leaf is the sum over its path of scale(v) * output(v).
export function frame(tree, { gamma }) {
  const most = tree.largestDistance("lca-height");
  const alike = tree.height.map((height) => Math.exp((-gamma * height) / most));
  const scale = alike.map((own, v) => (v ? Math.sqrt(own - alike[tree.parents[v]]) : 0));
  const flat = flatLoss(tree, crossEntropyOf(0));
  const scores = (outputs) => {
    const found = outputs.map((output, v) => scale[v] * output);
    found[0] = 0;
    for (let v = 1; v < tree.size; v++) found[v] += found[tree.parents[v]];
    return tree.leaves.map((v) => found[v]);
  };
  return {
    link: "leaves",
    reads: "head",
    nodes: tree.names.map((_, v) => v),
    leafLogProbs: (outputs) => flat.leafLogProbs(scores(outputs)),
    nodeLogProbs: (outputs) => flat.nodeLogProbs(scores(outputs)),
    evaluate: (outputs, target) => {
      const { value, gradient } = flat.evaluate(scores(outputs), target);
      return { value, gradient: tree.sumUp(gradient).map((slope, v) => scale[v] * slope) };
    },
    scores,
    // Outputs with these scores: 0 at the inner nodes.
    outputsOf: (logits) => {
      const outputs = new Array(tree.size).fill(0);
      tree.leaves.forEach((v, c) => (outputs[v] = logits[c] / scale[v]));
      return outputs;
    },
  };
}
