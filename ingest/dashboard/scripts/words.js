/** How figures, days and moments are written. */

const LANGUAGE = document.documentElement.lang || "en";
const MINUS = "\u2212";
export const NONE = "–";

const whole = new Intl.NumberFormat(LANGUAGE);
const decimal = new Intl.NumberFormat(LANGUAGE, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const shortDay = new Intl.DateTimeFormat(LANGUAGE, {
  timeZone: "UTC",
  day: "numeric",
  month: "short",
});
const longDay = new Intl.DateTimeFormat(LANGUAGE, {
  timeZone: "UTC",
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});

/** @param {number | null | undefined} number */
export function count(number) {
  return number === null || number === undefined ? NONE : whole.format(number);
}

/** @param {number | null | undefined} number to 1 decimal */
export function tenths(number) {
  return number === null || number === undefined ? NONE : decimal.format(number);
}

/** @param {number | null | undefined} share 0..1, shown in percent to 1 decimal */
export function percent(share) {
  return share === null || share === undefined ? NONE : `${trimmed(share * 100)} %`;
}

/**
 * @param {number} low a share 0..1
 * @param {number} high
 */
export function range(low, high) {
  return `${trimmed(low * 100)}–${trimmed(high * 100)} %`;
}

/** @param {number} number */
function trimmed(number) {
  return decimal.format(number).replace(/[.,]0$/, "");
}

/** @param {number | null | undefined} minutes */
export function minutes(minutes) {
  return minutes === null || minutes === undefined ? NONE : `${decimal.format(minutes)} min`;
}

/**
 * @param {number} difference
 * @param {(size: number) => string} write
 */
export function signed(difference, write) {
  if (difference === 0) return "±0";
  return (difference > 0 ? "+" : MINUS) + write(Math.abs(difference));
}

/** @param {number} number of ones, written with its thing in the right number */
export function some(number, one = "session", many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** @param {string} day YYYY-MM-DD */
export function day(day) {
  return shortDay.format(new Date(`${day}T00:00:00Z`));
}

/** @param {string} day YYYY-MM-DD */
export function wholeDay(day) {
  return longDay.format(new Date(`${day}T00:00:00Z`));
}

/**
 * @param {string} from YYYY-MM-DD
 * @param {string} to
 */
export function days(from, to) {
  return from === to ? day(from) : `${day(from)} – ${day(to)}`;
}

/**
 * @param {string} moment RFC 3339
 * @param {string} timeZone
 * @param {Intl.DateTimeFormatOptions} [options]
 */
export function at(moment, timeZone, options = { dateStyle: "medium", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(LANGUAGE, { timeZone, ...options }).format(new Date(moment));
}

/**
 * A moment, with its year if that is not this one.
 *
 * @param {string} moment RFC 3339
 * @param {string} timeZone
 */
export function lately(moment, timeZone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const year = { year: "numeric" };
  const isThisYear = at(moment, timeZone, year) === at(new Date().toISOString(), timeZone, year);
  return at(moment, timeZone, {
    ...(isThisYear ? {} : year),
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
  });
}

/** @param {number | null | undefined} rating 1 to 5 */
export function stars(rating) {
  return rating ? "★".repeat(rating) + "☆".repeat(5 - rating) : NONE;
}
