// In: what to show. Out: elements. Text of a trace only ever becomes a text node.

// el("p.dim", {title: "…", onclick: f}, "text", child, null): attributes, handlers, children; null is left out.
function el(name, attributes, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  return dress(node, attributes, children);
}

function svg(tag, attributes, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("--") || key === "left" || key === "width") node.style.setProperty(key, value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// A number of at most three places, with a real minus sign.
function number(value, places = 3) {
  if (value === null || value === undefined) return "–";
  // What rounds to nothing has no sign.
  const rounded = Number(value.toFixed(places));
  return (rounded === 0 ? 0 : rounded).toFixed(places).replace("-", "−");
}

function signed(value, places = 3) {
  const text = number(value, places);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
