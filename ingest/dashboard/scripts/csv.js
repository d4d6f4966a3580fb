/** Tables as files that spreadsheets open. */

const ACTS = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]/;

/** @param {(string | number | null | undefined)[][]} rows the first of a file are its names */
export function csv(rows) {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** @param {string | number | null | undefined} value a text that a spreadsheet would run is quoted */
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = ACTS.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Have the browser save a file.
 *
 * @param {string} name
 * @param {string} type
 * @param {string[]} parts
 */
export function save(name, type, parts) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  saveFrom(name, address);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * @param {string} name
 * @param {string} address
 */
export function saveFrom(name, address) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
