/** Figures in large, each with how many it is made of, how sure it is, and how it changed. */

import { h } from "./elements.js";
import { days, percent, range, some, NONE } from "./words.js";

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

/**
 * A share with what it may be: the fewer it is of, the wider the band.
 *
 * @param {number | null} share
 * @param {{low: number, high: number} | null} interval
 * @param {number} of
 */
export function shareBar(share, interval, of) {
  if (share === null || !interval) return NONE;
  const band = h("span", { class: "band" });
  band.style.left = `${interval.low * 100}%`;
  band.style.width = `${(interval.high - interval.low) * 100}%`;
  const point = h("span", { class: "point" });
  point.style.left = `${share * 100}%`;
  const likely = range(interval.low, interval.high);
  return h(
    "span",
    { class: `share${of < FEW ? " is-few" : ""}`, title: `of ${of}, likely ${likely}` },
    h("span", { class: "share-text" }, percent(share)),
    h("span", { class: "share-bar", "aria-hidden": "true" }, band, point),
    h("span", { class: "muted share-sample" }, of < FEW ? `only ${of}` : likely),
  );
}
