/**
 * Charts: a spec of `charts/`, drawn from rows, with its numbers as a table and as files.
 *
 * @typedef {{
 *   title: string,
 *   fileName: string,
 *   spec: (rows: any[], width: number) => Promise<object>,
 *   columns: import("./table.js").Column[],
 *   onPick?: (row: any, event: any) => void,
 *   empty: string,
 *   note?: string,
 * }} ChartOptions
 */

import { save, saveFrom } from "./csv.js";
import { h, refill } from "./elements.js";
import { plainTable, saveCsv } from "./table.js";

/** @returns {Promise<typeof import("../vega.d.ts")>} */
const library = () => import("../vega.js");

/** How the specs are imported: when they are drawn, as the figures need not wait for them. */
export const JSON_MODULE = /** @type {const} */ ({ with: { type: "json" } });

/**
 * @template Spec
 * @param {Promise<{default: Spec}>} module
 * @returns {Promise<Spec>} one's own, to be changed
 */
export async function specOf(module) {
  return structuredClone((await module).default);
}

/** A phone's: legends take several lines there. */
export const NARROW = 400;
const SHARPNESS = 2;
const OUTCOME_COLOURS = ["resolved", "workaround", "escalated", "unresolved", "open", "unsaid"];

export class Chart {
  /** @type {any[]} */
  #rows = [];
  /** @type {{view: import("../vega.d.ts").View, finalize(): void} | null} */
  #drawn = null;
  #width = 0;
  #turn = 0;
  #isTable = false;
  #underWay = 0;
  /** @type {HTMLButtonElement[]} */
  #pictures = [];
  #drawing = h("div", { class: "drawing" });
  #numbers = h("div", { hidden: true });
  #options;

  /** @param {ChartOptions} options */
  constructor(options) {
    this.#options = options;
    const { title, note } = options;
    this.element = h(
      "section",
      { class: "card chart", "aria-label": title },
      h("div", { class: "card-head" }, h("h2", {}, title), this.#buttons(title)),
      note && h("p", { class: "muted note" }, note),
      this.#drawing,
      this.#numbers,
    );
    new ResizeObserver(() => this.#width !== this.#drawing.clientWidth && this.#draw()).observe(
      this.#drawing,
    );
    addEventListener("theme", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {any[]} rows */
  show(rows) {
    if (JSON.stringify(rows) === JSON.stringify(this.#rows)) return;
    this.#rows = rows;
    this.#draw();
    if (this.#isTable) this.#fillNumbers();
  }

  /** @param {string} title */
  #buttons(title) {
    const { fileName, columns } = this.#options;
    /** @type {[string, string, (event: Event) => void][]} */
    const buttons = [
      ["Table", `Show the numbers of “${title}”`, (event) => this.#toggle(event)],
      ["CSV", `Save “${title}” as CSV`, () => saveCsv(fileName, columns, this.#rows)],
      ["PNG", `Save “${title}” as PNG`, () => this.#savePng(fileName)],
      ["SVG", `Save “${title}” as SVG`, () => this.#saveSvg(fileName)],
    ];
    const made = buttons.map(([text, label, onclick]) =>
      h("button", { class: "quiet", "aria-label": label, onclick }, text),
    );
    this.#pictures = made.slice(2);
    return h("div", { class: "buttons" }, made);
  }

  async #draw() {
    this.#beginOrEnd(1);
    try {
      await this.#tryToDraw();
    } catch {
      this.#drawn = null;
      refill(this.#drawing, h("p", { class: "empty" }, "It cannot be drawn; Table has its numbers."));
    }
    this.#beginOrEnd(-1);
    this.#allowPictures();
  }

  /** @param {number} drawings that are under way more now */
  #beginOrEnd(drawings) {
    this.#underWay += drawings;
    this.#drawing.setAttribute("aria-busy", String(this.#underWay > 0));
  }

  /** There is a picture to save where one is seen. */
  #allowPictures() {
    for (const button of this.#pictures) button.disabled = this.#isTable || this.#drawn === null;
  }

  async #tryToDraw() {
    const turn = ++this.#turn;
    this.#width = this.#drawing.clientWidth;
    if (this.#rows.length === 0) {
      this.#drawn?.finalize();
      this.#drawn = null;
      refill(this.#drawing, h("p", { class: "empty" }, this.#options.empty));
      return;
    }
    if (this.#width === 0) return;
    if (!this.#drawn) {
      refill(this.#drawing, h("p", { class: "loading" }, h("span", { class: "spinner" }), "Drawing …"));
    }
    const [{ vegaEmbed }, spec] = await Promise.all([
      library(),
      this.#options.spec(this.#rows, this.#width),
    ]);
    if (turn !== this.#turn) return;
    const host = h("div", { class: "host" });
    host.style.width = `${this.#width}px`;
    this.#drawing.style.minHeight = `${this.#drawing.clientHeight}px`;
    const before = this.#drawn;
    this.#drawing.replaceChildren(host);
    const drawn = await vegaEmbed(
      host,
      { ...spec, datasets: { rows: this.#rows } },
      {
        ast: true,
        actions: false,
        renderer: "svg",
        defaultStyle: false,
        tooltip: { disableDefaultStyle: true },
        config: theme(this.#width),
      },
    );
    before?.finalize();
    if (turn !== this.#turn) return drawn.finalize();
    this.#drawn = drawn;
    performance.mark("chart");
    this.#drawing.style.minHeight = "";
    drawn.view.addEventListener("click", (event, item) => {
      if (item?.datum) this.#options.onPick?.(item.datum, event);
    });
  }

  /** @param {Event} event */
  #toggle(event) {
    this.#isTable = !this.#isTable;
    const button = /** @type {HTMLElement} */ (event.currentTarget);
    button.setAttribute("aria-pressed", String(this.#isTable));
    this.#drawing.hidden = this.#isTable;
    this.#numbers.hidden = !this.#isTable;
    if (this.#isTable) this.#fillNumbers();
    else this.#draw();
    this.#allowPictures();
  }

  #fillNumbers() {
    const { columns, title } = this.#options;
    refill(this.#numbers, plainTable(columns, this.#rows, title));
  }

  /** @param {string} fileName */
  async #savePng(fileName) {
    const address = await this.#drawn?.view.toImageURL("png", SHARPNESS);
    if (address) saveFrom(`${fileName}.png`, address);
  }

  /** @param {string} fileName */
  async #saveSvg(fileName) {
    const svg = await this.#drawn?.view.toSVG();
    if (svg) save(`${fileName}.svg`, "image/svg+xml", [svg]);
  }
}

/** @param {string} name of a colour of the page, as it is now, in light or in dark */
export function colour(name) {
  probe.style.color = `var(--${name})`;
  if (!probe.isConnected) document.body.append(probe);
  return getComputedStyle(probe).color;
}

const probe = h("span", { hidden: true });

/**
 * Read the colours and fonts of the page, so that the charts have them.
 *
 * @param {number} width
 */
function theme(width) {
  const font = getComputedStyle(document.body).fontFamily;
  const text = colour("text-muted");
  return {
    font,
    background: colour("card"),
    view: { stroke: null },
    axis: {
      labelColor: text,
      titleColor: text,
      gridColor: colour("line"),
      domainColor: colour("line"),
      tickColor: colour("line"),
      labelFontSize: 11,
    },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, symbolStrokeWidth: 0, ...(width < NARROW && { columns: 2 }) },
    title: { color: text, fontSize: 12, fontWeight: 600 },
    text: { color: colour("text"), fontSize: 12 },
    bar: { color: colour("accent") },
    line: { color: colour("accent") },
    circle: { color: colour("accent") },
    rule: { color: colour("accent") },
    style: {
      today: { color: colour("text-muted"), opacity: 0.12 },
      "today-label": { color: text, fontSize: 11 },
    },
    range: {
      category: OUTCOME_COLOURS.map(colour),
    },
  };
}
