// Creates elements.

/** Returns an HTML element. Attributes whose names start with "on" are event listeners. */
function html(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** Returns an SVG element, see `html`. */
function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Returns the content of a script element that holds JSON. */
function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}
