/**
 * Tables, each with its file for spreadsheets.
 *
 * @typedef {{
 *   name: string,
 *   title: string,
 *   value: (row: any) => string | number | null | undefined,
 *   show?: (row: any) => any,
 *   isNumber?: boolean,
 * }} Column `name` heads it in the file, `title` on the page; `show` makes what is seen of a value
 */

import { csv, save } from "./csv.js";
import { h } from "./elements.js";
import { NONE } from "./words.js";

/**
 * @param {{title: string, fileName: string, columns: Column[], rows: any[], empty: string,
 *   id?: string, note?: any, all?: () => Promise<any[]>}} table
 *   `all` finds the rows of the file where the page shows only some
 */
export function table({ title, fileName, columns, rows, empty, id, note, all }) {
  const isEmpty = rows.length === 0;
  return h(
    "section",
    { class: "card table", id, "aria-label": title },
    h(
      "div",
      { class: "card-head" },
      h("h2", {}, title),
      !isEmpty &&
        h(
          "button",
          {
            class: "quiet",
            "aria-label": `Save “${title}” as CSV`,
            onclick: async () => saveCsv(fileName, columns, all ? await all() : rows),
          },
          "CSV",
        ),
    ),
    note && h("p", { class: "muted note" }, note),
    isEmpty ? h("p", { class: "empty" }, empty) : plainTable(columns, rows, title),
  );
}

/**
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {string} caption
 */
export function plainTable(columns, rows, caption) {
  return h(
    "div",
    { class: "scrolls", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, columns.map((each) => h("th", { scope: "col", class: kind(each) }, each.title))),
      ),
      h(
        "tbody",
        {},
        rows.map((row) => h("tr", {}, columns.map((each, place) => cell(each, row, place === 0)))),
      ),
    ),
  );
}

/**
 * @param {Column} column
 * @param {any} row
 * @param {boolean} isFirst
 */
function cell(column, row, isFirst) {
  const shown = (column.show ?? column.value)(row) ?? NONE;
  return h(isFirst ? "th" : "td", { scope: isFirst ? "row" : undefined, class: kind(column) }, shown);
}

/** @param {Column} column */
function kind(column) {
  return column.isNumber ? "number" : undefined;
}

/**
 * @param {string} fileName
 * @param {Column[]} columns
 * @param {any[]} rows
 */
export function saveCsv(fileName, columns, rows) {
  const values = rows.map((row) => columns.map((each) => each.value(row)));
  save(`${fileName}.csv`, "text/csv", csv(columns.map((each) => each.name), values));
}
