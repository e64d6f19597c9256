// The HTTP API. Every failure becomes an ApiError with what to do next.

const BASE = "/api/v2";

export class ApiError extends Error {
  constructor(problem, requestId) {
    super(problem.detail || problem.title || "something went wrong");
    this.hint = problem.hint;
    this.status = problem.status;
    this.code = problem.code;
    this.requestId = problem.request_id || requestId;
  }
}

export function problemOf(text, status, requestId) {
  try {
    return new ApiError(JSON.parse(text), requestId);
  } catch {
    return new ApiError({ detail: `the server answered with status ${status}`, status }, requestId);
  }
}

export async function call(method, path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method, signal,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ detail: "the server does not answer", hint: "Check that `semantik serve` is running, then try again." });
  }
  const text = await response.text();
  if (!response.ok) throw problemOf(text, response.status, response.headers.get("x-request-id"));
  return text ? JSON.parse(text) : null;
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { body, ...options });
export const remove = (path) => call("DELETE", path);

export const key = (collection) => encodeURIComponent(collection.id);
export const uploadUrl = (collection) => `${BASE}/collections/${key(collection)}/documents`;

/** Everything of a list that comes in pages, up to `most`. */
export async function pages(path, most = 500) {
  const items = [];
  let cursor = null;
  do {
    const next = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const page = await get(`${path}&limit=100${next}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return { items, complete: !cursor };
}
