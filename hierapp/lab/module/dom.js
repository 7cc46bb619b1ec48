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

// Make the children of an element equal to new ones and keep what has not changed: during a drag only numbers do.
export function patch(parent, fresh) {
  const old = [...parent.childNodes];
  fresh.forEach((wanted, n) => {
    const there = old[n];
    if (!there) parent.append(wanted);
    else if (there.nodeName !== wanted.nodeName) there.replaceWith(wanted);
    else if (wanted.nodeType === Node.TEXT_NODE) {
      if (there.data !== wanted.data) there.data = wanted.data;
    } else {
      for (const { name, value } of wanted.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
      for (const { name } of [...there.attributes]) if (!wanted.hasAttribute(name)) there.removeAttribute(name);
      patch(there, [...wanted.childNodes]);
    }
  });
  for (const extra of old.slice(fresh.length)) extra.remove();
}
