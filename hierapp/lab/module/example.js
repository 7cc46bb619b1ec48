// The lab's example, as hierapp.lab.example.Example: a tree, a logit for each node below the root, and the true leaf.

import { logSoftmax, sum } from "./tree.js";

const LIMIT = 1e4; // of logits

export class Example {
  constructor(tree, logits, target) {
    this.tree = tree;
    this.logits = logits; // of the nodes 1, 2, ...
    this.target = target; // a position in tree.leaves
    this.targetNode = tree.leaves[target];
    this.path = tree.path(this.targetNode);
    this.logP = logConditionals(tree, logits);
    this.p = this.logP.map(Math.exp);
    this.logZ = this.logP.slice();
    for (let v = 1; v < tree.size; v++) this.logZ[v] += this.logZ[tree.parents[v]];
    this.z = this.logZ.map(Math.exp);
    this.leafLogProbs = tree.leaves.map((v) => this.logZ[v]);
    this.leafProbs = this.leafLogProbs.map(Math.exp);
  }

  withLogit(node, logit) {
    const logits = this.logits.slice();
    logits[node - 1] = logit;
    return new Example(this.tree, logits, this.target);
  }

  withTarget(target) {
    return new Example(this.tree, this.logits, target);
  }
}

// log P(node | parent) of all nodes: a softmax over each set of siblings, 0 at the root.
export function logConditionals(tree, logits) {
  const found = new Array(tree.size).fill(0);
  for (const v of tree.internal) {
    const below = tree.children[v];
    if (below.length < 2) continue;
    const logs = logSoftmax(below.map((child) => logits[child - 1]));
    below.forEach((child, n) => (found[child] = logs[n]));
  }
  return found;
}

// Shift the logits of each set of siblings to their mean in `like`, without it to mean 0.
export function centered(tree, logits, like = null) {
  const moved = logits.slice();
  for (const v of tree.internal) {
    const below = tree.children[v].map((child) => child - 1);
    const mean = (values) => sum(below.map((n) => values[n])) / below.length;
    const by = (like ? mean(like) : 0) - mean(moved);
    for (const n of below) moved[n] += by;
  }
  return moved.map(clipped);
}

export function clipped(logit) {
  return Math.min(LIMIT, Math.max(-LIMIT, logit));
}
