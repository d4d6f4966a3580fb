/** Figures in large, each with how many it is made of, how sure it is, and how it changed. */

import { h } from "./elements.js";
import { count, days, percent, range, some, NONE } from "./words.js";

/** Of fewer than so many a share is no more than an anecdote. */
export const FEW = 5;

/**
 * @typedef {{
 *   name: string,
 *   title: string,
 *   text: string,
 *   of?: number,
 *   one?: string,
 *   between?: string,
 *   change?: number | null,
 *   changeText?: (size: number) => string,
 *   isBetterUp?: boolean | null,
 *   onpick?: () => void,
 * }} Tile
 */

/**
 * @param {Tile[]} tiles
 * @param {Map<string, string>} meanings
 * @param {any} previous of the answer
 */
export function tiles(tiles, meanings, previous) {
  return h(
    "section",
    { class: "tiles", "aria-label": "Summary" },
    tiles.map((tile) => tileOf(tile, meanings, previous)),
  );
}

/**
 * @param {Tile} tile
 * @param {Map<string, string>} meanings
 * @param {any} previous
 */
function tileOf(tile, meanings, previous) {
  const isFew = tile.of !== undefined && tile.of < FEW;
  return h(
    "article",
    { class: `card tile${isFew ? " is-few" : ""}`, id: `tile-${tile.name}` },
    h("h2", {}, tile.title, meaning(tile, meanings)),
    h(
      "p",
      { class: "figure" },
      tile.onpick
        ? h("button", { class: "drill", id: `pick-${tile.name}`, onclick: tile.onpick }, tile.text)
        : tile.text,
    ),
    h("p", { class: "muted sample" }, sample(tile, isFew)),
    change(tile, previous),
  );
}

/**
 * @param {Tile} tile
 * @param {Map<string, string>} meanings
 */
function meaning(tile, meanings) {
  const text = meanings.get(tile.name);
  if (!text) return null;
  const id = `meaning-${tile.name}`;
  return [
    h(
      "button",
      { class: "help", popovertarget: id, "aria-label": `What “${tile.title}” means` },
      "?",
    ),
    h("div", { id, popover: true, class: "card meaning" }, text),
  ];
}

/**
 * @param {Tile} tile
 * @param {boolean} isFew
 */
function sample(tile, isFew) {
  if (tile.of === undefined) return null;
  const parts = [isFew ? "only " : "", `of ${some(tile.of, tile.one)}`];
  if (tile.between) parts.push(` · ${tile.between}`);
  return parts.join("");
}

/**
 * @param {Tile} tile
 * @param {any} previous
 */
function change({ change, changeText, isBetterUp }, previous) {
  if (!previous) return null;
  if (change === null || change === undefined || !changeText) {
    return h("p", { class: "change muted" }, `nothing to compare with in ${days(previous.from, previous.to)}`);
  }
  const better = change === 0 || isBetterUp === null ? "" : (change > 0) === isBetterUp ? "better" : "worse";
  const arrow = change === 0 ? "=" : change > 0 ? "▲" : "▼";
  const { total_sessions: before } = previous.summary;
  const isFew = before < FEW;
  return h(
    "p",
    { class: `change ${isFew ? "muted" : better}` },
    h("span", { "aria-hidden": "true" }, `${arrow} `),
    changeText(change),
    better && h("span", { class: "hidden" }, ` (${better})`),
    h("span", { class: "muted" }, ` from ${days(previous.from, previous.to)}${isFew ? `, of only ${some(before)}` : ""}`),
  );
}

/** @param {{low: number, high: number} | null | undefined} interval of a share */
export function between(interval) {
  return interval ? `likely ${range(interval.low, interval.high)}` : undefined;
}

/** Of the normal distribution, for 95 %. */
const Z = 1.96;

/**
 * What the share of all may be, as the API's intervals have it (Wilson's, at 95 %).
 *
 * @param {number} count
 * @param {number} of
 */
export function likely(count, of) {
  if (of === 0) return null;
  const share = count / of;
  const centre = share + Z ** 2 / (2 * of);
  const reach = Z * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
  const [low, high] = [centre - reach, centre + reach].map((end) => end / (1 + Z ** 2 / of));
  return { low: Math.max(low ?? 0, 0), high: Math.min(high ?? 1, 1) };
}

/**
 * A share in words, for where there is no room for its bar.
 *
 * @param {number | null} share
 * @param {{low: number, high: number} | null} interval
 * @param {number} of
 */
export function shareText(share, interval, of) {
  if (share === null || !interval) return NONE;
  return `${percent(share)} of ${count(of)}, ${between(interval)}`;
}

/**
 * A share with what it may be: the fewer it is of, the wider the band.
 *
 * @param {number | null} share
 * @param {{low: number, high: number} | null} interval
 * @param {number} of
 * @param {() => void} [onpick] leads to what the share counts
 */
export function shareBar(share, interval, of, onpick) {
  if (share === null || !interval) return NONE;
  const band = h("span", { class: "band" });
  band.style.left = `${interval.low * 100}%`;
  band.style.width = `${(interval.high - interval.low) * 100}%`;
  const point = h("span", { class: "point" });
  point.style.left = `${share * 100}%`;
  const words = range(interval.low, interval.high);
  return h(
    "span",
    { class: `share${of < FEW ? " is-few" : ""}`, title: shareText(share, interval, of) },
    h("span", { class: "share-text" }, onpick ? h("button", { class: "drill", onclick: onpick }, percent(share)) : percent(share)),
    h("span", { class: "share-bar", "aria-hidden": "true" }, band, point),
    h("span", { class: "muted share-sample" }, of < FEW ? `only ${of} · ` : `of ${count(of)} · `, words),
  );
}
