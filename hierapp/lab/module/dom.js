// Elements of SVG and HTML; text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function html(name, className, text, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

export function short(name, most) {
  return name.length > most ? name.slice(0, most - 1) + "…" : name;
}

// A sketch of an element, with the little of its interface that drawing needs. During a drag everything is drawn anew, and
// only the numbers differ: sketches are compared with the former ones, and the page is touched where they differ.
class Sketch {
  constructor(space, name, attributes, children) {
    this.space = space;
    this.name = name;
    this.attributes = {};
    for (const key in attributes) this.attributes[key] = String(attributes[key]);
    this.children = [];
    this.append(...children);
  }

  append(...children) {
    for (const child of children) this.children.push(child instanceof Sketch ? child : textSketch(child));
  }

  setAttribute(key, value) {
    this.attributes[key] = String(value);
  }

  set textContent(text) {
    this.children = text === "" ? [] : [textSketch(text)];
  }
}

function textSketch(text) {
  const sketch = new Sketch("", "#text", {}, []);
  sketch.text = String(text);
  return sketch;
}

export function sketchSvg(name, attributes = {}, ...children) {
  return new Sketch(SVG, name, attributes, children);
}

export function sketchHtml(name, className, text, ...children) {
  const sketch = new Sketch("", name, className ? { class: className } : {}, []);
  if (text) sketch.textContent = text;
  sketch.append(...children);
  return sketch;
}

const drawn = new WeakMap(); // the sketches of what an element shows

// Make an element show what the sketches say.
export function patch(parent, sketches) {
  if (!drawn.has(parent)) parent.replaceChildren();
  update(parent, drawn.get(parent) ?? [], sketches);
  drawn.set(parent, sketches);
}

function update(parent, old, fresh) {
  fresh.forEach((wanted, n) => {
    const there = old[n];
    if (!there) parent.append(made(wanted));
    else if (there.name !== wanted.name || there.space !== wanted.space) there.element.replaceWith(made(wanted));
    else {
      const element = (wanted.element = there.element), before = there.attributes, now = wanted.attributes;
      if (wanted.text !== there.text) element.data = wanted.text;
      for (const key in now) if (now[key] !== before[key]) element.setAttribute(key, now[key]);
      for (const key in before) if (!(key in now)) element.removeAttribute(key);
      update(element, there.children, wanted.children);
    }
  });
  for (let n = fresh.length; n < old.length; n++) old[n].element.remove();
}

function made(sketch) {
  const { space, name, text, attributes, children } = sketch;
  const element = name === "#text" ? document.createTextNode(text)
    : space ? document.createElementNS(space, name) : document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (children.length) element.append(...children.map(made));
  return (sketch.element = element);
}
