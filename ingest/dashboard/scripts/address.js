/**
 * What a page shows stands in its address, so that a view can be shared and gone back to.
 *
 * @typedef {import("../public/client.d.ts").Period} Period
 * @typedef {{period?: Period, from?: string, to?: string}} WindowQuery
 */

/** @type {Period[]} */
export const PERIODS = ["7d", "30d", "90d"];
const KEPT_ON_ALL_PAGES = ["period", "from", "to", "account_id"];

/** @returns {Record<string, string>} */
export function asked() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** @returns {WindowQuery} as the API takes it */
export function windowAsked() {
  const { period, from, to } = asked();
  if (from && to) return { from, to };
  return { period: PERIODS.find((each) => each === period) ?? "30d" };
}

/**
 * Change the address, and tell whoever listens.
 *
 * @param {Record<string, string | null>} changes null takes a parameter out
 */
export function ask(changes) {
  const query = changed(new URLSearchParams(location.search), changes);
  history.pushState(null, "", location.pathname + query);
  lookAgain();
}

/** Have the page ask for all that it shows. */
export function lookAgain() {
  dispatchEvent(new Event("asked"));
}

/** @param {() => void} listener called after each change, by `ask` or by going back */
export function onAsked(listener) {
  addEventListener("asked", listener);
  addEventListener("popstate", listener);
}

/**
 * The address of another page with the same window.
 *
 * @param {string} path
 * @param {Record<string, string | null>} [changes]
 */
export function addressOf(path, changes = {}) {
  const kept = new URLSearchParams();
  for (const [name, value] of Object.entries(asked())) {
    if (KEPT_ON_ALL_PAGES.includes(name)) kept.set(name, value);
  }
  return path + changed(kept, changes);
}

/**
 * @param {URLSearchParams} query
 * @param {Record<string, string | null>} changes
 */
function changed(query, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

/**
 * Which sessions are shown one by one, as the address has it: `behind=day:2026-03-01,outcome:none`.
 *
 * @returns {Record<string, string> | null}
 */
export function behindAsked() {
  const text = asked().behind;
  if (text === undefined) return null;
  const filters = text.split(",").filter(Boolean);
  return Object.fromEntries(
    filters.map((filter) => {
      const colon = filter.indexOf(":");
      return [filter.slice(0, colon), decoded(filter.slice(colon + 1))];
    }),
  );
}

/** @param {Record<string, string | number | undefined | null>} filters */
export function behindText(filters) {
  return Object.entries(filters)
    .flatMap(([name, value]) => (value === undefined || value === null ? [] : [/** @type {const} */ ([name, value])]))
    .map(([name, value]) => `${name}:${encodeURIComponent(value)}`)
    .join(",");
}

/** @param {string} text a step's id may have the signs that part these texts */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
