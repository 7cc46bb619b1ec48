// Label trees, as hierapp.LabelTree: the nodes in depth-first order, so that the nodes and the leaves of each subtree
// are ranges.

export class LabelTree {
  constructor(names, parents) {
    this.names = names;
    this.parents = parents;
    this.size = names.length;
    this.children = names.map(() => []);
    this.depth = names.map(() => 1);
    for (let v = 1; v < this.size; v++) {
      this.children[parents[v]].push(v);
      this.depth[v] = this.depth[parents[v]] + 1;
    }
    this.height = names.map(() => 0);
    this.stop = names.map((_, v) => v + 1); // the node after each subtree
    for (let v = this.size - 1; v > 0; v--) {
      const parent = parents[v];
      this.height[parent] = Math.max(this.height[parent], this.height[v] + 1);
      this.stop[parent] = Math.max(this.stop[parent], this.stop[v]);
    }
    const nodes = [...names.keys()];
    this.leaves = nodes.filter((v) => !this.children[v].length);
    this.internal = nodes.filter((v) => this.children[v].length);
    // The leaves below v are leaves[first[v]] to leaves[last[v] - 1].
    this.first = [];
    let leaf = 0;
    for (const v of nodes) {
      this.first.push(leaf);
      if (!this.children[v].length) leaf++;
    }
    this.last = nodes.map((v) => (this.stop[v] < this.size ? this.first[this.stop[v]] : leaf));
    this.levels = Math.max(...this.depth);
    this.isUniform = this.leaves.every((v) => this.depth[v] === this.levels);
    this.largest = {};
  }

  // The nodes from the root to v.
  path(v) {
    const found = [];
    for (let at = v; at >= 0; at = this.parents[at]) found.push(at);
    return found.reverse();
  }

  // Distances from the leaf at a position to all leaves; see LabelTree.distances for the kinds.
  distances(position, kind) {
    const { leaves, depth, height } = this, y = leaves[position], row = new Array(leaves.length);
    for (const v of this.path(y)) {
      for (let c = this.first[v]; c < this.last[v]; c++) {
        const other = depth[leaves[c]];
        if (kind === "lca-height") row[c] = height[v];
        else if (kind === "edges") row[c] = depth[y] + other - 2 * depth[v];
        else row[c] = Math.max(depth[y], other) - depth[v];
      }
    }
    return row;
  }

  // The largest distance between leaves, at least 1.
  largestDistance(kind) {
    this.largest[kind] ??= this.leaves.reduce((most, _, c) => Math.max(most, ...this.distances(c, kind)), 1);
    return this.largest[kind];
  }

  // For each node, the sum of the values of the leaves below it.
  sumUp(ofLeaves) {
    const sums = new Array(this.size).fill(0);
    this.leaves.forEach((v, c) => (sums[v] = ofLeaves[c]));
    for (let v = this.size - 1; v > 0; v--) sums[this.parents[v]] += sums[v];
    return sums;
  }

  // For each node, the log-sum-exp of the values of the leaves below it.
  logSumUp(ofLeaves) {
    const sums = new Array(this.size).fill(0);
    this.leaves.forEach((v, c) => (sums[v] = ofLeaves[c]));
    for (let n = this.internal.length - 1; n >= 0; n--) {
      const v = this.internal[n];
      sums[v] = logSumExp(this.children[v].map((child) => sums[child]));
    }
    return sums;
  }
}

export function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function largestOf(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  return most;
}

export function logSumExp(values) {
  const most = largestOf(values);
  if (!Number.isFinite(most)) return most;
  return most + Math.log(sum(values.map((value) => Math.exp(value - most))));
}

export function logSoftmax(values) {
  const total = logSumExp(values);
  return values.map((value) => value - total);
}
