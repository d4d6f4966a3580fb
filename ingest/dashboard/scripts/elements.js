/**
 * Make an element. What is put into it is text, whatever it looks like.
 *
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any>} [properties] `on…` listens, true and false set and leave out
 * @param {...any} children elements, texts, lists of them; null and false are left out
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter(isShown).map(asNode));
  return element;
}

/** @param {any} child */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {any} child */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * Put other children into an element, and the focus back on what has the same id.
 *
 * @param {HTMLElement} element
 * @param {...any} children
 */
export function refill(element, ...children) {
  const focused = document.activeElement;
  const id = focused && element.contains(focused) ? focused.id : "";
  element.replaceChildren(...children.flat(Infinity).filter(isShown).map(asNode));
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}
