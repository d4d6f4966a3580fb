/** What charts use of the script that ingest/chart_library.py makes. */
export function vegaEmbed(
  host: HTMLElement,
  spec: object,
  options: object,
): Promise<{ view: View; finalize(): void }>;

export interface View {
  data(name: string, rows: object[]): View;
  runAsync(): Promise<View>;
  toImageURL(type: "png", scale: number): Promise<string>;
  toSVG(): Promise<string>;
  addEventListener(type: "click", listener: (event: Event, item: Item | null) => void): void;
  resize(): View;
}

export interface Item {
  datum?: Record<string, unknown>;
}
