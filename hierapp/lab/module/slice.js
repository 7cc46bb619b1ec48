// A loss on the straight line between two examples, as hierapp.lab.landscape.cut, and its drawing.

import { svg } from "./dom.js";
import { logConditionals } from "./example.js";
import { read } from "./losses.js";
import { number } from "./numbers.js";
import { logSoftmax } from "./tree.js";

const POINTS = 101;
const ROUNDING = 1e-10; // of a curve above its chord, relative to its size
const TINY = 2.2250738585072014e-308; // the smallest normal double

function coordinates(example, loss, space) {
  const logits = read(example, loss);
  if (space === "logits") return logits;
  if (loss.link === "sigmoid") return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  if (loss.link === "siblings") return logConditionals(example.tree, logits).slice(1).map(Math.exp);
  return logSoftmax(loss.reads === "head" ? loss.scores(logits) : logits).map(Math.exp);
}

function logitsOf(point, loss) {
  const logs = point.map((p) => Math.log(Math.max(p, TINY)));
  if (loss.reads === "head") return loss.outputsOf(logs);
  return loss.link === "sigmoid" ? logs.map((log, n) => log - Math.log1p(-Math.min(point[n], 1 - Number.EPSILON))) : logs;
}

export function cut(first, second, loss, space) {
  const start = coordinates(first, loss, space), end = coordinates(second, loss, space);
  const at = Array.from({ length: POINTS }, (_, n) => n / (POINTS - 1));
  const curve = at.map((share) => {
    const mixed = start.map((value, n) => (1 - share) * value + share * end[n]);
    return loss.evaluate(space === "logits" ? mixed : logitsOf(mixed, loss), first.target).value;
  });
  const chord = at.map((share) => curve[0] + share * (curve[POINTS - 1] - curve[0]));
  return { at, curve, chord, summary: judged(at, curve, chord, space) };
}

function judged(at, curve, chord, space) {
  const size = 1 + Math.max(...curve.map(Math.abs)), over = curve.map((value, n) => value - chord[n]);
  const worst = over.indexOf(Math.max(...over)), words = space === "logits" ? "the logits" : "the probabilities";
  const bends = curve.some((value, n) => n > 0 && n < curve.length - 1
    && curve[n - 1] - 2 * value + curve[n + 1] < -ROUNDING * size);
  if (over[worst] > ROUNDING * size) {
    return `Not convex in ${words}: at ${number(at[worst])} of the way, the curve is ${number(over[worst])} above its chord.`;
  }
  return bends
    ? `Not convex in ${words}: the curve stays below this chord, but part of it is concave.`
    : `Convex in ${words} along this line: the curve lies below its chord.`;
}

// The curve and its chord, with the values at both ends.
export function drawing({ at, curve, chord, summary }) {
  const width = 320, height = 190, left = 8, top = 16, low = Math.min(...curve, ...chord), high = Math.max(...curve, ...chord);
  const x = (share) => left + share * (width - 2 * left), y = (value) => top + ((high - value) / (high - low || 1)) * (height - 2 * top);
  const line = (values) => values.map((value, n) => `${n ? "L" : "M"}${x(at[n]).toFixed(1)},${y(value).toFixed(1)}`).join("");
  const figure = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "slice", "aria-label": summary },
    svg("path", { class: "chord", d: line(chord) }), svg("path", { class: "curve", d: line(curve) }));
  for (const [n, anchor] of [[0, "start"], [curve.length - 1, "end"]]) {
    const text = svg("text", { x: x(at[n]), y: y(curve[n]) + (curve[n] > (low + high) / 2 ? -5 : 13), "text-anchor": anchor });
    text.textContent = number(curve[n]);
    figure.append(text);
  }
  return figure;
}
