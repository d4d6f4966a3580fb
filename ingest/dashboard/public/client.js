/**
 * A client of Upshot's API, for browsers and Node.js; its types stand in client.d.ts.
 *
 * @typedef {import("./client.d.ts").UpshotOptions} UpshotOptions
 */

const MOST_TRIES = 4;
const RETRIED = new Set([429, 502, 503, 504]);

/** What the API answers when it does not do what it was asked for (RFC 9457). */
export class UpshotProblem extends Error {
  /**
   * @param {number} status
   * @param {Partial<import("./client.d.ts").ProblemDetails>} details
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

export class Upshot {
  #base;
  #token;
  #accountId;

  /** @param {UpshotOptions} [options] */
  constructor({ baseUrl = "", token, accountId } = {}) {
    this.#base = `${baseUrl.replace(/\/$/, "")}/api/v1`;
    this.#token = token;
    this.#accountId = accountId;
  }

  caller() {
    return this.#get("/me");
  }

  figures() {
    return this.#get("/figures");
  }

  /** @param {object} [query] */
  team(query) {
    return this.#get("/analytics/team", query);
  }

  /** @param {object} [query] */
  me(query) {
    return this.#get("/analytics/me", query);
  }

  /**
   * @param {string} flowId
   * @param {object} [query]
   */
  flow(flowId, query) {
    return this.#get(`/analytics/flows/${encodeURIComponent(flowId)}`, query);
  }

  /** @param {object} [query] */
  sessions(query) {
    return this.#get("/sessions", query);
  }

  /** @param {object} [query] */
  comments(query) {
    return this.#get("/comments", query);
  }

  /**
   * @param {string} name
   * @param {object} [query]
   */
  mart(name, query) {
    return this.#get(`/marts/${encodeURIComponent(name)}`, query);
  }

  /**
   * @param {string} sessionId
   * @param {object} rating
   */
  rate(sessionId, rating) {
    return this.#send("POST", `/sessions/${encodeURIComponent(sessionId)}/rate`, {}, rating);
  }

  /**
   * @param {string} stepId
   * @param {object} vote
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
   * @param {string} path
   * @param {object} [query]
   */
  #get(path, query = {}) {
    return this.#send("GET", path, query);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} query
   * @param {object} [body]
   * @returns {Promise<any>}
   */
  async #send(method, path, query, body) {
    for (let tries = 1; ; tries += 1) {
      const response = await this.#fetch(method, path, query, body);
      if (response.status === 204) return undefined;
      if (response.ok) return response.json();
      const problem = await problemOf(response);
      if (!problem.retryable || tries === MOST_TRIES) throw problem;
      await pause(problem.retryAfterSeconds ?? 2 ** (tries - 1));
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
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return fetch(this.#base + path + queryOf({ ...query, account_id: this.#accountId }), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }
}

/** @param {object} parameters undefined and null are left out, a list is said once for each */
function queryOf(parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) query.append(name, String(each));
    }
  }
  return query.size ? `?${query}` : "";
}

/** @param {Response} response */
async function problemOf(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  const details = await response.json().catch(() => ({}));
  return new UpshotProblem(response.status, details, Number.isFinite(seconds) ? seconds : null);
}

/** @param {number} seconds */
function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
