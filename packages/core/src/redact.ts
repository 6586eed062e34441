/** What stands in the place of a secret. */
export const redacted = "[redacted]";

const maxDepth = 8;
const maxEntries = 200;
const maxText = 32_768;

// One pattern over the key without punctuation, so that `clientKeyData`, `client-key-data` and `CLIENT_KEY_DATA` are one.
const secretKey =
  /(passwd|password|passphrase|secrets?|(?<!continue|next|page)tokens?|authorization|cookie|credentials?|clientkeydata|privatekey|apikey|accesskey|secretkey)(data|value)?$/;
const harmlessKeys = new Set(["imagepullsecrets", "continuetoken", "nextpagetoken", "pagetoken"]);

// Every repetition before a fixed part is bounded, so that a hostile text costs linear time.
const pem = /-----BEGIN ([A-Z0-9 ]{0,32}PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g;
const bearer = /\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}/gi;
const jwt = /\beyJ[A-Za-z0-9_-]{5,1024}\.[A-Za-z0-9_-]{5,4096}\.[A-Za-z0-9_-]*/g;
const urlPassword = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,1024}(?=@)/gi;
const assignment =
  /(["']?\b[\w-]{0,64}(?:password|passwd|secret|token|client-key-data|api[-_]?key)["']?\s{0,8}[=:]\s{0,8})("[^"]{0,4096}"|'[^']{0,4096}'|[^\s,;&"'}\])]+)/gi;

/** True for a name whose value must never be shown, whatever its spelling: `password`, `client-key-data`, `authToken`. */
export function isSecretKey(key: string): boolean {
  const plain = key.replaceAll(/[^a-zA-Z0-9]/g, "").toLowerCase();
  return secretKey.test(plain) && !harmlessKeys.has(plain);
}

/** The text without private keys, bearer tokens, passwords in URLs and values that are assigned to secret names. */
export function redactText(text: string): string {
  return text
    .replaceAll(pem, redacted)
    .replaceAll(bearer, `$1$2${redacted}`)
    .replaceAll(jwt, redacted)
    .replaceAll(urlPassword, `$1${redacted}`)
    .replaceAll(assignment, `$1${redacted}`);
}

/**
 * A plain-JSON copy of anything, without secrets. Errors keep message, code, stack and cause. It is bounded in depth and
 * breadth and never throws, since it stands in the way of every log line.
 */
export function redact(value: unknown): unknown {
  return copy(value, 0, []);
}

function copy(value: unknown, depth: number, above: readonly unknown[]): unknown {
  if (typeof value === "string") return copyText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (above.includes(value)) return "[circular]";
  if (depth >= maxDepth) return "[too deep]";
  try {
    return copyObject(value, depth + 1, [...above, value]);
  } catch {
    return "[unreadable]";
  }
}

function copyText(text: string): string {
  if (text.length <= maxText) return redactText(text);
  return `${redactText(text.slice(0, maxText))}[${text.length - maxText} more characters]`;
}

function copyObject(value: object, depth: number, above: readonly unknown[]): unknown {
  if (value instanceof Error) return copyError(value, depth, above);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return redactText(value.href);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (value instanceof Map)
    return copyEntries(
      [...value].map(([key, item]) => [String(key), item]),
      depth,
      above,
    );
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value];
    const kept = items.slice(0, maxEntries).map((item) => copy(item, depth, above));
    return items.length > maxEntries ? [...kept, `[${items.length - maxEntries} more]`] : kept;
  }
  return copyEntries(Object.entries(value), depth, above);
}

function copyEntries(
  entries: readonly [string, unknown][],
  depth: number,
  above: readonly unknown[],
): Record<string, unknown> {
  // Assigning to a key `__proto__` would change the copy's prototype and lose the entry; defining does not.
  const result: Record<string, unknown> = {};
  for (const [key, item] of entries.slice(0, maxEntries)) {
    const shown = isSecretKey(key) && !isPlain(item) ? redacted : copy(item, depth, above);
    Object.defineProperty(result, key, { value: shown, enumerable: true, configurable: true, writable: true });
  }
  if (entries.length > maxEntries) result["..."] = `[${entries.length - maxEntries} more]`;
  return result;
}

/** Whether a secret was set, and how many there are, is worth knowing and gives nothing away. */
function isPlain(value: unknown): boolean {
  return value === undefined || value === null || value === "" || typeof value === "boolean";
}

function copyError(error: Error, depth: number, above: readonly unknown[]): object {
  const shown: [string, unknown][] = ["name", "message", "stack", "cause", "errors"]
    .filter((key) => key in error)
    .map((key) => [key, Reflect.get(error, key)]);
  return copyEntries([...shown, ...Object.entries(error)], depth, above);
}
