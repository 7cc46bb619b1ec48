// All decoders by name with their decisions and arithmetic, as hierapp.decoding; sums and ties as there.

import { number, ofLog } from "./numbers.js";
import { largestOf, logSumExp, sum } from "./tree.js";

const MOST_LINES = 14; // of the arithmetic that is shown
const ROUNDING = 1e-6; // of log-probabilities in single precision, which the library decodes too

// What a decoder reads: the probabilities of the leaves and, summed from them, of all nodes.
class Rows {
  constructor(tree, leafLogProbs) {
    this.tree = tree;
    // Normalized and rounded, so that equally likely leaves stay tied.
    const most = largestOf(leafLogProbs), total = logSumExp(leafLogProbs.map((log) => log - most));
    this.p = leafLogProbs.map((log) => Math.exp(Math.round((log - most - total) * 1e10) / 1e10));
    this.z = this.sumsBelow(this.p);
  }

  sumsBelow(ofLeaves) {
    const sums = [0];
    for (const value of ofLeaves) sums.push(sums[sums.length - 1] + value);
    return this.tree.names.map((_, v) => sums[this.tree.last[v]] - sums[this.tree.first[v]]);
  }

  // The first leaf of those with the largest value.
  leafOf(values, tolerance = 0) {
    return this.tree.leaves[firstLargest(values, tolerance)];
  }
}

function firstLargest(values, tolerance) {
  const top = largestOf(values);
  return values.findIndex((value) => value >= top - tolerance * (1 + Math.abs(top)));
}

// The position of the least risk; of equal ones the most probable, then the first.
function leastOf(risks, p, tolerance) {
  const lowest = -largestOf(risks.map((risk) => -risk));
  const tied = risks.map((risk, n) => (risk <= lowest + tolerance * (1 + Math.abs(lowest)) ? p[n] : -1));
  const top = largestOf(tied);
  return tied.findIndex((value) => value >= top - 1e-12);
}

// The expected distance of each node from the true leaf, in one pass down the tree.
export function nodeRisks({ tree, p, z }, distance) {
  const { depth, height, parents, leaves } = tree, total = new Array(tree.size).fill(0);
  for (let v = 1; v < tree.size; v++) {
    const step = distance === "lca-height" ? (height[parents[v]] - height[v]) * (1 - z[v]) : z[v];
    total[v] = total[parents[v]] + step;
  }
  if (distance === "lca-height") return total.map((risk, v) => risk + height[v]);
  const edges = leaves.map((leaf) => depth[leaf] - 1);
  if (distance === "edges") {
    const expected = sum(p.map((share, c) => share * edges[c]));
    return total.map((risk, v) => expected + depth[v] - 1 - 2 * risk);
  }
  const deepest = Array.from({ length: tree.levels }, (_, level) =>
    sum(p.map((share, c) => share * Math.max(edges[c], level))));
  return total.map((risk, v) => deepest[depth[v] - 1] - risk);
}

// The expected F_beta of each node's ancestors and the true leaf's.
export function expectedF({ tree, p }, beta, countRoot, sumsBelow) {
  const square = beta * beta, own = tree.depth.map((depth) => depth - (countRoot ? 0 : 1));
  const found = new Array(tree.size).fill(0);
  for (const size of new Set(tree.leaves.map((leaf) => own[leaf]))) {
    const common = sumsBelow(p.map((share, c) => (own[tree.leaves[c]] === size ? share : 0)));
    if (!countRoot) common[0] = 0;
    for (let v = 1; v < tree.size; v++) common[v] += common[tree.parents[v]];
    for (let v = 0; v < tree.size; v++) {
      found[v] += common[v] * ((1 + square) / Math.max(own[v] + square * size, 1e-12));
    }
  }
  return found;
}

const line = (example, node, value, formula, chosen) =>
  ({ node, value, text: `${example.tree.names[node]}: ${formula}`, taken: node === chosen });

// Each decoder: `predict(rows, options)` returns a node, `explain(example, node, options, rows)` lines and a summary.

const leaf = {
  predict: (rows) => rows.leafOf(rows.p),
  explain: (example, node) => ({
    lines: example.tree.leaves.map((v) => {
      const factors = example.tree.path(v).slice(1).map((each) => ofLog(example.logP[each])).join(" · ");
      const shown = ofLog(example.logZ[v]);
      return line(example, v, example.z[v], `z = ${factors === shown ? shown : `${factors} = ${shown}`}`, node);
    }),
    summary: `The most likely leaf is ${example.tree.names[node]}, with ${ofLog(example.logZ[node])}.`,
  }),
};

const topDown = {
  predict: ({ tree, z }) => {
    let node = 0;
    while (tree.children[node].length) {
      const below = tree.children[node], best = largestOf(below.map((child) => z[child]));
      node = below.find((child) => z[child] >= (1 - 1e-9) * best);
    }
    return node;
  },
  explain: (example, node) => {
    const { tree, logP } = example, path = tree.path(node), lines = [];
    path.slice(1).forEach((taken, n) => {
      for (const child of tree.children[path[n]]) {
        lines.push(line(example, child, example.p[child], `p = ${ofLog(logP[child])}`, taken));
      }
    });
    const steps = path.slice(1).map((v) => `${tree.names[v]} (${ofLog(logP[v])})`).join(", then ");
    return { lines, summary: `From the root down, the most likely child at each step: ${steps}.` };
  },
};

const minRisk = {
  predict: (rows, { distance }) => {
    const risks = nodeRisks(rows, distance);
    return rows.tree.leaves[leastOf(rows.tree.leaves.map((v) => risks[v]), rows.p, ROUNDING)];
  },
  explain: (example, node, { distance }, rows) => {
    const { tree, leafProbs: p } = example, risks = nodeRisks(rows, distance);
    // A risk is written out as a sum over all leaves, so only those that are shown are.
    const nearest = new Set(tree.leaves.slice().sort((a, b) => risks[a] - risks[b]).slice(0, MOST_LINES).concat(node));
    const lines = tree.leaves.flatMap((v, position) => {
      if (!nearest.has(v)) return [];
      const shares = new Map();
      tree.distances(position, distance).forEach((apart, c) => {
        if (apart) shares.set(apart, (shares.get(apart) ?? 0) + p[c]);
      });
      const steps = [...shares].sort(([a], [b]) => a - b), value = sum(steps.map(([apart, share]) => apart * share));
      const putIn = steps.map(([apart, share]) => `${apart} · ${number(share)}`).join(" + ");
      return line(example, v, value, `risk = ${steps.length ? `${putIn} = ${number(value)}` : "0"}`, node);
    });
    const risk = lines.find((row) => row.taken).value;
    const summary = `The leaf with the smallest expected distance (${distance}) is ${tree.names[node]}, with ${number(risk)}.`;
    return { lines, summary, isLeast: true, count: tree.leaves.length };
  },
};

const threshold = {
  predict: ({ tree, z }, options) => {
    const ranks = z.map((share, v) =>
      v && share < options.threshold - ROUNDING ? 0 : 2 * tree.depth[v] + Math.min(1, Math.max(0, share)));
    return firstLargest(ranks, 1e-10);
  },
  explain: (example, node, options) => ({
    lines: example.tree.depth.map((depth, v) => {
      const sign = v === 0 || example.z[v] >= options.threshold - ROUNDING ? "≥" : "<";
      const formula = `z = ${ofLog(example.logZ[v])} ${sign} ${number(options.threshold)}, depth ${depth}`;
      return line(example, v, example.z[v], formula, node);
    }),
    summary: `The deepest node with z ≥ ${number(options.threshold)} is ${example.tree.names[node]}, with ${ofLog(example.logZ[node])}.`,
  }),
};

const minCost = {
  predict: (rows, { cost }) => leastOf(nodeRisks(rows, cost), rows.z, 1e-9),
  explain: (example, node, { cost }, rows) => {
    const costs = nodeRisks(rows, cost);
    return {
      lines: costs.map((value, v) => line(example, v, value, `cost = ${number(value)}`, node)),
      summary: `The node with the smallest expected cost (${cost}) is ${example.tree.names[node]}, with ${number(costs[node])}.`,
    };
  },
};

const hfBeta = {
  predict: (rows, options) => firstLargest(scores(rows, options), 1e-9),
  explain: (example, node, options, rows) => {
    const values = scores(rows, options), counted = options.count_root ? "counted" : "left out";
    return {
      lines: values.map((value, v) => line(example, v, value, `F = ${number(value)}`, node)),
      summary: `The node with the largest expected F (β = ${number(options.beta)}, the root ${counted}) is ${example.tree.names[node]}, with ${number(values[node])}.`,
    };
  },
};
const scores = (rows, { beta, count_root: countRoot }) => expectedF(rows, beta, countRoot, (each) => rows.sumsBelow(each));

const climb = {
  predict: (rows, options) => {
    const { tree, z } = rows, path = tree.path(rows.leafOf(rows.p));
    for (let n = path.length - 1; n > 0; n--) if (Math.min(1, z[path[n]]) > options.threshold + 1e-12) return path[n];
    return 0;
  },
  explain: (example, node, options) => {
    const { tree } = example;
    let from = tree.leaves[firstLargest(example.leafProbs, 0)], way = tree.path(from).reverse();
    if (!way.includes(node)) { // another of several equally likely leaves
      from = tree.leaves[tree.first[node]];
      way = tree.path(from).reverse();
    }
    const lines = way.slice(0, way.indexOf(node) + 1).map((v) => {
      const sign = example.z[v] > options.threshold + 1e-12 ? ">" : "≤";
      return line(example, v, example.z[v], `z = ${ofLog(example.logZ[v])} ${sign} ${number(options.threshold)}`, node);
    });
    const found = `the first node with z > ${number(options.threshold)} is ${tree.names[node]}, with ${ofLog(example.logZ[node])}`;
    return { lines, summary: `From the most likely leaf, ${tree.names[from]}, up: ${found}.` };
  },
};

const parentWeighted = {
  predict: (rows) => {
    const { tree, p, z } = rows;
    return rows.leafOf(tree.leaves.map((v, c) => p[c] * z[Math.max(tree.parents[v], 0)]), 1e-12);
  },
  explain: (example, node) => {
    const { tree, z, logZ } = example;
    const lines = tree.leaves.map((v) => {
      const parent = Math.max(tree.parents[v], 0), value = z[v] * z[parent];
      return line(example, v, value, `${ofLog(logZ[v])} · ${ofLog(logZ[parent])} = ${number(value)}`, node);
    });
    const best = lines.find((each) => each.taken)?.value ?? 0;
    return { lines, summary: `The leaf with the largest z · z(parent) is ${tree.names[node]}, with ${number(best)}.` };
  },
};

export const DECODERS = {
  leaf, "top-down": topDown, "min-risk": minRisk, threshold, "min-cost": minCost, "hf-beta": hfBeta, climb,
  "parent-weighted": parentWeighted,
};

// The decision of a decoder for an example: the node, the lines of the arithmetic with the best ones if there are many,
// the number of those left out, and one sentence.
export function decide(example, rule, options) {
  const decoder = DECODERS[rule], node = decoder.predict(new Rows(example.tree, example.leafLogProbs), options);
  // The arithmetic is that of the example's own probabilities, which are not rounded.
  const exact = new Rows(example.tree, example.leafLogProbs);
  exact.p = example.leafProbs;
  exact.z = exact.sumsBelow(exact.p);
  const { lines, summary, isLeast, count } = decoder.explain(example, node, options, exact);
  return { node, summary, ...shortened(lines, isLeast, count ?? lines.length) };
}

export function shortened(lines, isLeast, count) {
  if (lines.length <= MOST_LINES) return { lines, leftOut: count - lines.length };
  const rank = (each) => (isLeast ? each.value : -each.value);
  const best = lines.slice().sort((a, b) => b.taken - a.taken || rank(a) - rank(b)).slice(0, MOST_LINES);
  const shown = lines.filter((each) => best.includes(each));
  return { lines: shown, leftOut: count - shown.length };
}
