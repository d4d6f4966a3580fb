/** The types of client.js, named after the API's own (api.d.ts, made from its OpenAPI document). */

import type { components, operations } from "./api.d.ts";

type Schemas = components["schemas"];
/** What the client adds itself. */
type Added = "account_id";
/** Where the API reads the words true and false, a boolean does. */
type OrBoolean<Value> = "true" extends Value ? Value | boolean : Value;
type QueryOf<Operation extends keyof operations> = {
  [Name in keyof Omit<
    NonNullable<operations[Operation]["parameters"]["query"]>,
    Added
  >]: OrBoolean<NonNullable<operations[Operation]["parameters"]["query"]>[Name]>;
};

export type TeamQuery = QueryOf<"getTeamAnalytics">;
export type OwnQuery = QueryOf<"getOwnAnalytics">;
export type FlowQuery = QueryOf<"getFlowAnalytics">;
export type SessionsQuery = QueryOf<"listSessions">;
export type CommentsQuery = QueryOf<"listComments">;
/** The parameters of every mart; beside them a mart's columns are filters. */
export type MartQuery = QueryOf<"readMart"> & {
  [column: string]: string | number | boolean | readonly (string | number)[] | undefined;
};

/** That many days ending today, today included. */
export type Period = NonNullable<TeamQuery["period"]>;

export type Caller = Schemas["Caller"];
export type FigureMeanings = Schemas["FigureMeanings"];
export type TeamAnalytics = Schemas["TeamAnalytics"];
export type OwnAnalytics = Schemas["OwnAnalytics"];
export type FlowAnalytics = Schemas["FlowAnalytics"];
export type Summary = Schemas["Summary"];
export type SessionPage = Schemas["SessionPage"];
export type ListedSession = Schemas["ListedSession"];
export type CommentPage = Schemas["CommentPage"];
export type ListedComment = Schemas["ListedComment"];
export type NewSession = Schemas["NewSession"];
export type Session = Schemas["Session"];
export type NewVisit = Schemas["NewVisit"];
export type Visit = Schemas["Visit"];
export type Completion = Schemas["Completion"];
export type Outcome = Completion["outcome"];
export type NewRating = Schemas["NewRating"];
export type Rating = Schemas["Rating"];
export type NewVote = Schemas["Vote"];
export type VoteAnswer = Schemas["VoteAnswer"];
export type ProblemDetails = Schemas["ProblemDetails"];
export type FieldProblem = Schemas["FieldProblem"];

/** A page of a mart's rows; `Row` is what its contract says of them. */
export interface MartPage<Row = Record<string, unknown>> {
  data: Row[];
  meta: Schemas["MartMeta"];
}

/** A token, or what fetches one: it is asked before each request, so it may renew the token. */
export type Token = string | (() => string | null | undefined | Promise<string | null | undefined>);

export interface UpshotOptions {
  /** Where the API is, without /api/v1; the page's own origin without it. */
  baseUrl?: string;
  /** Without it the browser's cookie decides, which reads and never writes. */
  token?: Token;
  /** For a super_admin: the account to act in. */
  accountId?: string;
  /** How often a request is sent at most; 4 without it. */
  tries?: number;
  /** How long an answer may take; 30 without it. */
  timeoutSeconds?: number;
}

/** What the API answers when it does not do what it was asked for (RFC 9457). */
export class UpshotProblem extends Error {
  constructor(status: number, details: Partial<ProblemDetails>, retryAfterSeconds: number | null);
  readonly status: number;
  /** Constant for a kind of problem, as in `already_rated`. */
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly errors: FieldProblem[];
  /** What the answer's Retry-After says. */
  readonly retryAfterSeconds: number | null;
}

/**
 * The API, as one user of it. Every method rejects with an UpshotProblem where the API refuses, and
 * with what `fetch` throws where it cannot be reached; 429, 502, 503, 504 and an API that cannot be
 * reached are tried again first.
 */
export class Upshot {
  constructor(options?: UpshotOptions);

  /** Whose token it is. */
  caller(): Promise<Caller>;
  /** What the figures mean. */
  figures(): Promise<FigureMeanings>;

  /** The account's figures; for admins. */
  team(query?: TeamQuery): Promise<TeamAnalytics>;
  /** The caller's own figures. */
  me(query?: OwnQuery): Promise<OwnAnalytics>;
  flow(flowId: string, query?: FlowQuery): Promise<FlowAnalytics>;
  sessions(query?: SessionsQuery): Promise<SessionPage>;
  comments(query?: CommentsQuery): Promise<CommentPage>;
  mart<Row = Record<string, unknown>>(name: string, query?: MartQuery): Promise<MartPage<Row>>;

  /** Start a session; without an id it gets one, which a second try keeps. */
  start(session: NewSession): Promise<Session>;
  /** Note a visit to a step; without a time it is now. */
  visit(sessionId: string, visit: NewVisit): Promise<Visit>;
  complete(sessionId: string, completion: Completion): Promise<Session>;

  /** Rate a session, once: a problem with the code `already_rated` says that it has its rating. */
  rate(sessionId: string, rating: NewRating): Promise<Rating>;
  /** Say whether a step helped; a later vote replaces an earlier one. */
  vote(stepId: string, vote: NewVote): Promise<VoteAnswer>;
  /** Take a vote back; afterwards none stands, whether one did or not. */
  withdraw(stepId: string, sessionId: string): Promise<void>;
}
