// Numbers as text with three significant digits, as hierapp.utils.numbers writes them.

const DIGITS = 3;
const NOTHING = 1e-12; // smaller magnitudes are rounding errors
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export function number(value) {
  if (Number.isNaN(value)) return "undefined";
  if (Math.abs(value) < NOTHING) return "0";
  const sign = value < 0 ? "−" : "", size = Math.abs(value);
  if (size === Infinity) return `${sign}∞`;
  const exponent = rounded(size).exponent;
  if (exponent < -4 || exponent >= 6) return sign + scientific(size / 10 ** exponent, exponent);
  return sign + (exponent >= DIGITS ? String(whole(size)) : general(size));
}

export function signed(value) {
  const text = number(value);
  return value > 0 && text !== "0" ? `+${text}` : text;
}

// The number with this logarithm, even if it is too small for a double.
export function ofLog(logValue) {
  const log10 = logValue / Math.LN10;
  if (log10 > -4) return number(Math.exp(logValue));
  const exponent = Math.floor(log10);
  return scientific(10 ** (log10 - exponent), exponent);
}

// An option's value as users read it: Python's format "g".
export function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(",");
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(+value.toPrecision(6)) : String(value);
}

// The first three digits and the decimal exponent; ties go to the even digit, as in Python.
function rounded(size) {
  const [mantissa, power] = size.toExponential(40).split("e"), digits = mantissa.replace(".", "");
  if (/^50*$/.test(digits.slice(DIGITS)) && Number(digits[DIGITS - 1]) % 2 === 0) {
    return { digits: digits.slice(0, DIGITS), exponent: Number(power) };
  }
  const [short, exponent] = size.toExponential(DIGITS - 1).split("e");
  return { digits: short.replace(".", ""), exponent: Number(exponent) };
}

function general(size) {
  const { digits, exponent } = rounded(size);
  const text = exponent < 0
    ? `0.${"0".repeat(-exponent - 1)}${digits}`
    : `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  return text.replace(/0+$/, "").replace(/\.$/, "");
}

function whole(size) {
  const below = Math.floor(size);
  return size - below === 0.5 ? below + (below % 2) : Math.round(size);
}

function scientific(mantissa, exponent) {
  let shown = mantissa >= 999.5 ? String(mantissa) : general(mantissa);
  if (shown === "10") [shown, exponent] = ["1", exponent + 1];
  const power = `10${[...String(exponent)].map((digit) => RAISED[digit]).join("")}`;
  return shown === "1" ? power : `${shown}·${power}`;
}
