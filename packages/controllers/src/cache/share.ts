/**
 * Keeps equal parts of objects once: most pods of a Deployment differ in little more than their names. Its objects are
 * frozen to any depth, as a part that one reader changed would change in all objects that have it.
 */
export interface Sharer {
  /**
   * Freezes an object, after putting parts in place of equal ones: parts of its last version, or of objects shared since
   * `forget`. Only plain data, as JSON gives it, is touched.
   */
  share(object: object, last: object | undefined): void;
  /** Lets go of all parts: they then live as long as the objects that hold them. */
  forget(): void;
}

/** How many parts are remembered; a power of two. */
const capacity = 16_384;
/** A part has so many places where it may be. The one asked for last comes first, and a new one drives out the last. */
const ways = 4;
/** V8 keeps shorter texts of JSON once by itself; longer ones cost too much to compare and to remember. */
const [minChars, maxChars] = [11, 1024];
/** Deeper parts are left as they are: objects of the API server may be 10,000 deep, our stack is not. */
const maxDepth = 100;

type Fields = Record<string, unknown>;

/** A sharer that remembers nothing yet. */
export function createSharer(): Sharer {
  let parts: unknown[] = [];
  let hashes = new Int32Array(0);
  /** The hash of the value that was visited last; returned beside the value, as this runs for each value there is. */
  let hash = 0;

  const remembered = <V>(part: V, isSame: (a: unknown, b: V) => boolean): V => {
    const first = (hash ^ (hash >>> 15)) & (capacity - ways);
    const end = first + ways;
    let place = first;
    while (place < end && !(hashes[place] === hash && isSame(parts[place], part))) place += 1;
    const known = place < end ? (parts[place] as V) : part;
    for (let to = Math.min(place, end - 1); to > first; to--) {
      parts[to] = parts[to - 1];
      hashes[to] = hashes[to - 1] ?? 0;
    }
    parts[first] = known;
    hashes[first] = hash;
    return known;
  };

  const visit = (value: unknown, last: unknown, depth: number): unknown => {
    if (typeof value === "string") return visitText(value, last);
    if (!isPlain(value) || depth === maxDepth || Object.isFrozen(value)) {
      hash = typeof value === "number" ? value | 0 : value === true ? 1 : 0;
      return value;
    }
    visitParts(value, last, depth + 1);
    if (typeof last === "object" && sameParts(last, value)) return last;
    const known = remembered(value, sameParts);
    if (known === value) Object.freeze(value);
    return known;
  };
  const visitText = (text: string, last: unknown): string => {
    hash = hashOf(text);
    if (text.length < minChars || text.length > maxChars) return text;
    return last === text ? last : remembered(text, Object.is);
  };
  const visitParts = (object: object, last: unknown, depth: number): void => {
    const before = (typeof last === "object" && last !== null ? last : none) as Fields;
    if (Array.isArray(object)) {
      let all = 2;
      for (let i = 0; i < object.length; i++) {
        const part: unknown = object[i];
        const known = visit(part, before[i], depth);
        // `===` does not tell one of two equal texts from the other.
        if (known !== part || typeof part === "string") object[i] = known;
        all = mix(all, hash);
      }
      hash = all;
    } else {
      const fields = object as Fields;
      let all = 3;
      for (const name of Object.keys(fields)) {
        const part = fields[name];
        const known = visit(part, Object.hasOwn(before, name) ? before[name] : undefined, depth);
        if (known !== part || typeof part === "string") fields[name] = known;
        all = mix(mix(all, hash), name.length);
      }
      hash = all;
    }
  };

  return {
    share(object, last) {
      if (Object.isFrozen(object)) return;
      if (parts.length === 0) {
        parts = Array.from({ length: capacity });
        hashes = new Int32Array(capacity);
      }
      // The object itself is like no other, so it need not be remembered.
      visitParts(object, last, 1);
      Object.freeze(object);
    },
    forget() {
      parts = [];
      hashes = new Int32Array(0);
    },
  };
}

const none: object = Object.freeze({});

function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);
}

function hashOf(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  return hash;
}

/** Whether a value is an object or array of plain data. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

/** Whether two objects have the same parts: equal ones are the same by then, unless they must not be shared. */
function sameParts(a: unknown, b: object): boolean {
  if (!isPlain(a) || Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  const others = Object.keys(b);
  if (names.length !== others.length) return false;
  return names.every((name, i) => name === others[i] && Object.is((a as Fields)[name], (b as Fields)[name]));
}
