// All losses by name, as hierapp.make_loss; the options are complete, as hierapp.losses.check_options returns them.
//
// A loss has `link` and `reads` (what its logits are), `nodes` (the node of each logit), `evaluate(logits, target)` with
// the value and the gradient for a position in tree.leaves, `leafLogProbs(logits)` and `nodeLogProbs(logits)`.

import { centered, clipped, Example } from "./example.js";
import { crossEntropy, flatHxe, frame, levelWise, regularized, simloss, softLabels, treeWasserstein } from "./losses_flat.js";
import { softmaxMargin, treeMinFocal } from "./losses_nodes.js";
import { conditional, conditionalHxe, hierarchical, hierarchicalConvex } from "./losses_path.js";

export const LOSSES = {
  "cross-entropy": crossEntropy,
  "regularized-cross-entropy": regularized,
  hierarchical,
  "hierarchical-convex": hierarchicalConvex,
  conditional,
  hxe: (tree, options) => (options.parametrization === "flat" ? flatHxe : conditionalHxe)(tree, options),
  "soft-labels": softLabels,
  simloss,
  "tree-wasserstein": treeWasserstein,
  "level-wise": levelWise,
  "softmax-margin": softmaxMargin,
  "tree-min-focal": treeMinFocal,
  frame,
};

export function makeLoss(name, tree, options) {
  return LOSSES[name](tree, options);
}

// The logits of an example that the loss reads: of the nodes, or log z of the leaves.
export function read(example, loss) {
  if (loss.reads === "head") return loss.outputsOf(example.leafLogProbs);
  if (loss.link === "nodes") return [0, ...example.logits];
  return loss.link === "leaves" ? example.leafLogProbs.slice() : example.logits.slice();
}

// The example with the given logits of the loss; leaf logits keep the mean of each set of siblings in `like`.
export function exampleOf(logits, loss, like) {
  const { tree, target } = like;
  if (loss.link === "nodes") return new Example(tree, logits.slice(1).map((each) => clipped(each - logits[0])), target);
  if (loss.link !== "leaves") return new Example(tree, logits, target);
  const scores = loss.reads === "head" ? loss.scores(logits) : logits;
  return new Example(tree, centered(tree, tree.logSumUp(scores).slice(1), like.logits), target);
}

// The examples of a gradient descent, the start included.
export function descend(example, loss, steps, rate = 1) {
  let logits = read(example, loss);
  const examples = [example];
  for (let step = 0; step < steps; step++) {
    const { gradient } = loss.evaluate(logits, example.target);
    logits = logits.map((logit, n) => clipped(logit - rate * gradient[n]));
    examples.push(exampleOf(logits, loss, examples[examples.length - 1]));
  }
  return examples;
}

// The nodes whose logits the loss never changes for this true leaf: the gradient is 0 at three random examples.
export function untouched(loss, target) {
  if (loss.link === "sigmoid") return [];
  const random = normals(), most = loss.nodes.map(() => 0);
  for (let probe = 0; probe < 3; probe++) {
    const { gradient } = loss.evaluate(loss.nodes.map(random), target);
    gradient.forEach((slope, n) => (most[n] = Math.max(most[n], Math.abs(slope))));
  }
  const least = 1e-14 * Math.max(1, ...most);
  return loss.nodes.filter((_, n) => most[n] <= least);
}

// Normal numbers with standard deviation 1.5, the same each time.
function normals() {
  let state = 12345;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => 1.5 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
