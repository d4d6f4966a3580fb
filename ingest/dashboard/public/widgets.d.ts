/** The types of widgets.js. */

import type { NewRating, Token, UpshotProblem } from "./client.d.ts";

export type { NewRating, Token };

/** What the widgets say. `{n}` stands for a number. */
export interface Texts {
  question: string;
  star: string;
  comment: string;
  count: string;
  send: string;
  skip: string;
  thanks: string;
  /** The name of a pair of thumbs. */
  helpful: string;
  up: string;
  down: string;
  voted: string;
  /** In the place of `voted`, the first time in a browser. */
  hint: string;
  withdrawn: string;
  problem: string;
}

export interface Configuration {
  /** Where the API is, without /api/v1; where this script came from without it. */
  api?: string;
  /** Of the engineer who uses the page, or what fetches it. */
  token?: Token;
  /** Those that shall be others. */
  texts?: Partial<Texts>;
}

/** Say, for the whole page, what the elements do not say themselves. */
export function configure(configuration: Configuration): void;

interface Widget extends HTMLElement {
  sessionId: string | null;
  /** In the place of the text of that name. */
  question: string | null;
  /** Where the API is, without /api/v1. */
  api: string;
  token: Token | null;
}
export type UpshotRatingElement = Widget;
export interface UpshotThumbsElement extends Widget {
  stepId: string | null;
}

/** Somebody gave a rating; it is kept, and sent when that can be done. */
export type RatedEvent = CustomEvent<NewRating & { sessionId: string }>;
export type SkippedEvent = CustomEvent<{ sessionId: string }>;
/** Somebody voted, or took the vote back (`helpful` is null). */
export type VotedEvent = CustomEvent<{
  sessionId: string;
  stepId: string;
  helpful: boolean | null;
}>;

interface Said extends Partial<NewRating> {
  sessionId: string;
  stepId?: string;
  helpful?: boolean | null;
}
/** The API has it. */
export type DeliveredEvent = CustomEvent<Said>;
/** The API refused it: it is dropped, or waits for another token (`willRetry`). */
export type ProblemEvent = CustomEvent<Said & { problem: UpshotProblem; willRetry: boolean }>;

export interface UpshotEvents {
  "upshot-rated": RatedEvent;
  "upshot-skipped": SkippedEvent;
  "upshot-voted": VotedEvent;
  "upshot-delivered": DeliveredEvent;
  "upshot-problem": ProblemEvent;
}

type Listeners = { [Name in keyof UpshotEvents as `on${Name}`]?: (event: UpshotEvents[Name]) => void };

interface Attributes extends Listeners {
  "session-id"?: string;
  question?: string;
  api?: string;
  token?: Token;
  /** Whatever a framework gives every element, such as React's `key` and `ref`. */
  [name: string]: unknown;
}

/** For JSX: `declare module "react" { namespace JSX { interface IntrinsicElements extends UpshotElements {} } }`. */
export interface UpshotElements {
  "upshot-rating": Attributes;
  "upshot-thumbs": Attributes & { "step-id"?: string };
}

declare global {
  interface HTMLElementTagNameMap {
    "upshot-rating": UpshotRatingElement;
    "upshot-thumbs": UpshotThumbsElement;
  }
  interface GlobalEventHandlersEventMap extends UpshotEvents {}
}
