/** All of a list that comes in pages, as a file: with what is done so far, and a way to stop. */

import { csv, save } from "./csv.js";
import { h } from "./elements.js";
import { count } from "./words.js";

const LARGEST_PAGE = 500;

/**
 * @template Row
 * @typedef {{
 *   fileName: string,
 *   label: string,
 *   id: string,
 *   text?: string,
 *   columns: import("./table.js").Column[],
 *   load: (page: {limit: number, cursor: string | undefined}) => Promise<{rows: Row[], next: string | null}>,
 *   total?: number,
 *   fail?: (problem: unknown) => void,
 * }} List
 */

/**
 * A button that saves a list, and while it does, stops.
 *
 * @template Row
 * @param {List<Row>} list
 */
export function saveAll({ fileName, label, id, text = "CSV", columns, load, total, fail }) {
  let turn = 0;
  let isSaving = false;
  const button = h("button", { type: "button", class: "quiet", id, "aria-label": label, onclick }, text);
  const status = h("span", { class: "muted", "aria-live": "polite" });
  const element = h("span", { class: "saving" }, button, status);

  function onclick() {
    if (isSaving) end("Cancelled.");
    else void run();
  }

  /** @param {string} words */
  function end(words) {
    turn += 1;
    isSaving = false;
    button.textContent = text;
    button.setAttribute("aria-label", label);
    status.textContent = words;
  }

  async function run() {
    const mine = ++turn;
    isSaving = true;
    button.textContent = "Cancel";
    button.setAttribute("aria-label", `Cancel: ${label}`);
    status.textContent = "Reading …";
    try {
      const parts = [csv([columns.map((each) => each.name)])];
      let done = 0;
      /** @type {string | undefined} */
      let cursor;
      do {
        const { rows, next } = await load({ limit: LARGEST_PAGE, cursor });
        // What is not looked at any more is not wanted either.
        if (mine !== turn || !element.isConnected) return;
        parts.push(csv(rows.map((row) => columns.map((each) => each.value(row)))));
        done += rows.length;
        status.textContent = `${count(done)}${total ? ` of ${count(total)}` : ""} …`;
        cursor = next ?? undefined;
      } while (cursor);
      save(`${fileName}.csv`, "text/csv", parts);
      end(`${count(done)} saved.`);
    } catch (problem) {
      if (mine !== turn) return;
      end(problem instanceof Error ? problem.message : String(problem));
      fail?.(problem);
    }
  }

  return element;
}
