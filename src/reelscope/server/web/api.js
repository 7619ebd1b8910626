// Talking to the server. Every failure is an ApiError with what the server's error body says: code, message, hint, retryable.

const PATIENCE_MS = 20000; // a busy server answers within a second; a connection that hangs longer is gone
const MOST_WAIT_S = 600;

export class ApiError extends Error {
  constructor(status, { code, message, hint = null, retryable = false }, retryAfterS = null) {
    super(message);
    Object.assign(this, { status, code, hint, retryable, retryAfterS });
  }
}

// Told when a token is needed, so that whoever shows the page can ask for one.
export const doors = new EventTarget();

const retryAfter = (header) => {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds), MOST_WAIT_S) : null;
};
const unreachable = () =>
  new ApiError(0, { code: "no_connection", message: "The server cannot be reached", hint: "It is tried again by itself. Is `reelscope serve` still running?", retryable: true });

const failure = (status, text, header) => {
  let body = null;
  try {
    body = JSON.parse(text);
  } catch { /* what stands between us and the server answered */ }
  const known = body && typeof body.message === "string" ? body : { code: "bad_answer", message: `The server answered ${status} without a reason`, retryable: status >= 502 };
  const error = new ApiError(status, known, retryAfter(header));
  if (status === 401) doors.dispatchEvent(new CustomEvent("locked", { detail: error }));
  return error;
};

// JSON of an answer; null where it has none (204).
export const call = async (method, path, { json, query, signal, headers } = {}) => {
  const address = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== "") address.searchParams.set(name, value);
  const late = AbortSignal.timeout(PATIENCE_MS);
  let response, text;
  try {
    response = await fetch(address, {
      method,
      headers: { Accept: "application/json", ...(json === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: json === undefined ? undefined : JSON.stringify(json),
      signal: signal ? (AbortSignal.any?.([signal, late]) ?? signal) : late, // browsers before 2024 cannot wait for either
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
  if (!response.ok) throw failure(response.status, text, response.headers.get("Retry-After"));
  if (response.status === 204 || text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(response.status, { code: "bad_answer", message: "The server's answer is not JSON", retryable: false });
  }
};

// A random key: the same request sent twice makes one analysis. (crypto.randomUUID is not there on plain http.)
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// Hands in by link: AnalysisRequest in, AnalysisStatus out.
export const submit = (request, key) => call("POST", "/analyses", { json: request, headers: { "Idempotency-Key": key } });

// Uploads a file: only XMLHttpRequest tells how much has gone out. Returns {done: promise of the AnalysisStatus, cancel}.
export const upload = (file, request, key, onProgress) => {
  const xhr = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    xhr.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.lengthComputable ? event.total : null));
    xhr.addEventListener("load", () => {
      if (xhr.status >= 200 && xhr.status < 300) {
        try {
          resolve(JSON.parse(xhr.responseText));
        } catch {
          reject(new ApiError(xhr.status, { code: "bad_answer", message: "The server's answer is not JSON" }));
        }
      } else reject(failure(xhr.status, xhr.responseText, xhr.getResponseHeader("Retry-After")));
    });
    xhr.addEventListener("error", () => reject(new ApiError(0, { code: "no_connection", message: "The connection broke while the file was sent", hint: "The file may have been changed or moved, or the server refused it early.", retryable: true })));
    xhr.addEventListener("abort", () => reject(new ApiError(0, { code: "cancelled", message: "Cancelled" })));
  });
  const form = new FormData();
  form.append("request", JSON.stringify(request)); // ahead of the file: the server knows what is asked before the bytes come
  form.append("file", file, file.name);
  xhr.open("POST", "/analyses/upload");
  xhr.setRequestHeader("Accept", "application/json");
  xhr.setRequestHeader("Idempotency-Key", key);
  xhr.send(form);
  return { done, cancel: () => xhr.abort() };
};
