/**
 * A client of Upshot's API, for browsers and Node.js; its types stand in client.d.ts.
 *
 * @import * as Declared from "./client.d.ts"
 */

const RETRIED = new Set([429, 502, 503, 504]);
/** Whoever is to wait longer than this is told so instead. */
const LONGEST_PAUSE_SECONDS = 60;

/**
 * What the API answers when it does not do what it was asked for (RFC 9457).
 *
 * @implements {Declared.UpshotProblem}
 */
export class UpshotProblem extends Error {
  /**
   * @param {number} status
   * @param {Partial<Declared.ProblemDetails>} details
   * @param {number | null} retryAfterSeconds
   */
  constructor(status, details, retryAfterSeconds) {
    super(details.detail ?? `The API answered ${status}.`);
    this.name = "UpshotProblem";
    this.status = status;
    this.code = details.code ?? "unknown";
    this.retryable = RETRIED.has(status);
    this.errors = details.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** @implements {Declared.Upshot} */
export class Upshot {
  #base;
  #token;
  #accountId;
  #tries;
  #timeout;

  /** @param {Declared.UpshotOptions} [options] */
  constructor({ baseUrl = "", token, accountId, tries = 4, timeoutSeconds = 30 } = {}) {
    this.#base = `${baseUrl.replace(/\/+$/, "")}/api/v1`;
    this.#token = token;
    this.#accountId = accountId;
    this.#tries = tries;
    this.#timeout = timeoutSeconds * 1000;
  }

  caller() {
    return this.#send("GET", "/me");
  }

  figures() {
    return this.#send("GET", "/figures");
  }

  /** @param {Declared.TeamQuery} [query] */
  team(query) {
    return this.#send("GET", "/analytics/team", query);
  }

  /** @param {Declared.OwnQuery} [query] */
  me(query) {
    return this.#send("GET", "/analytics/me", query);
  }

  /**
   * @param {string} flowId
   * @param {Declared.FlowQuery} [query]
   */
  flow(flowId, query) {
    return this.#send("GET", `/analytics/flows/${encodeURIComponent(flowId)}`, query);
  }

  /** @param {Declared.SessionsQuery} [query] */
  sessions(query) {
    return this.#send("GET", "/sessions", query);
  }

  /** @param {Declared.CommentsQuery} [query] */
  comments(query) {
    return this.#send("GET", "/comments", query);
  }

  /**
   * @param {string} name
   * @param {Declared.MartQuery} [query]
   */
  mart(name, query = {}) {
    // These two are lists within one parameter; several values of a filter are several parameters.
    const [columns, order_by] = [query.columns, query.order_by].map((list) => list && String(list));
    return this.#send("GET", `/marts/${encodeURIComponent(name)}`, { ...query, columns, order_by });
  }

  /** @param {Declared.NewSession} session */
  start(session) {
    // Without an id of ours a second try would be a second session.
    const session_id = session.session_id ?? crypto.randomUUID?.();
    return this.#send("POST", "/sessions", {}, { ...session, session_id });
  }

  /**
   * @param {string} sessionId
   * @param {Declared.NewVisit} visit
   */
  visit(sessionId, visit) {
    // Without a time of ours a second try would be a second visit.
    const visited_at = visit.visited_at ?? new Date().toISOString();
    return this.#send("POST", `${session(sessionId)}/steps`, {}, { ...visit, visited_at });
  }

  /**
   * @param {string} sessionId
   * @param {Declared.Completion} completion
   */
  complete(sessionId, completion) {
    return this.#send("POST", `${session(sessionId)}/complete`, {}, completion);
  }

  /**
   * @param {string} sessionId
   * @param {Declared.NewRating} rating
   */
  rate(sessionId, rating) {
    return this.#send("POST", `${session(sessionId)}/rate`, {}, rating);
  }

  /**
   * @param {string} stepId
   * @param {Declared.NewVote} vote
   */
  vote(stepId, vote) {
    return this.#send("POST", `/steps/${encodeURIComponent(stepId)}/feedback`, {}, vote);
  }

  /**
   * @param {string} stepId
   * @param {string} sessionId
   */
  withdraw(stepId, sessionId) {
    const path = `/steps/${encodeURIComponent(stepId)}/feedback`;
    return this.#send("DELETE", path, { session_id: sessionId });
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [query]
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #send(method, path, query = {}, body) {
    for (let tries = 1; ; tries += 1) {
      const last = tries >= this.#tries;
      const response = await this.#fetch(method, path, query, body).catch((error) => {
        if (last) throw error;
      });
      if (response?.status === 204) return undefined;
      if (response?.ok) return response.json();
      const problem = response && (await problemOf(response));
      const seconds = problem?.retryAfterSeconds ?? 2 ** (tries - 1);
      if (problem && (!problem.retryable || last || seconds > LONGEST_PAUSE_SECONDS)) throw problem;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} query
   * @param {object} [body]
   */
  async #fetch(method, path, query, body) {
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    /** @type {Record<string, string>} */
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (body) headers["Content-Type"] = "application/json";
    return fetch(this.#base + path + queryOf({ ...query, account_id: this.#accountId }), {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(this.#timeout),
    });
  }
}

/** @param {string} id */
function session(id) {
  return `/sessions/${encodeURIComponent(id)}`;
}

/** @param {object} parameters undefined and null are left out, a list is said once for each */
function queryOf(parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) query.append(name, String(each));
    }
  }
  const text = String(query);
  return text && `?${text}`;
}

/** @param {Response} response */
async function problemOf(response) {
  const seconds = parseInt(response.headers.get("Retry-After") ?? "", 10);
  const details = await response.json().catch(() => ({}));
  return new UpshotProblem(response.status, details, Number.isNaN(seconds) ? null : seconds);
}
