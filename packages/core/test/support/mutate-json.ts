import type { Random } from "./random.ts";

// Structure-aware fuzzing of JSON: documents that are nearly right, which is where decoders go wrong.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddValues: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  "",
  " ",
  "\u0000",
  "..",
  "a/b",
  "x".repeat(5000),
  [],
  [null],
  [[]],
  {},
  JSON.parse('{"__proto__": {"x": 1}, "constructor": 1}') as Json,
  { toString: "x", length: -1 },
];

/** A copy of a document with one to three changes: values replaced, removed, repeated, moved, or unknown ones added. */
export function mutate(document: unknown, random: Random): unknown {
  const root = { document: structuredClone(document) as Json };
  for (let changes = 1 + random(3); changes > 0; changes--) change(root, random);
  return root.document;
}

function change(root: { document: Json }, random: Random): void {
  const places = placesOf(root, "document");
  const [holder, key] = places[random(places.length)] ?? [root, "document"];
  const value = (holder as Record<string, Json>)[key] ?? null;
  const set = (next: Json) =>
    Object.defineProperty(holder, key, { value: next, writable: true, enumerable: true, configurable: true });
  switch (random(5)) {
    case 0:
      set(oddValue(random));
      return;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else if (holder !== root) Reflect.deleteProperty(holder, key);
      return;
    case 2:
      if (Array.isArray(value)) value.push(...structuredClone(value));
      else if (typeof value === "object" && value !== null) value["unknown"] = oddValue(random);
      else set([value]);
      return;
    case 3: {
      const [from, name] = places[random(places.length)] ?? [root, "document"];
      set(structuredClone((from as Record<string, Json>)[name] ?? null));
      return;
    }
    default:
      if (typeof value === "string") set(spoil(value, random));
      else if (typeof value === "number") set(value * (random(2) === 0 ? -1 : 1e12) + 0.25 * random(2));
      else set(value === null ? {} : JSON.stringify(value));
  }
}

function oddValue(random: Random): Json {
  return structuredClone(oddValues[random(oddValues.length)] ?? null);
}

function spoil(text: string, random: Random): string {
  const at = random(text.length + 1);
  return text.slice(0, at) + ["\n", "/", "=", " ", "\u{1F980}", "-"][random(6)] + text.slice(at + random(2));
}

function placesOf(holder: object, key: string): (readonly [object, string])[] {
  const value: unknown = Reflect.get(holder, key);
  const below =
    typeof value === "object" && value !== null ? Object.keys(value).flatMap((name) => placesOf(value, name)) : [];
  return [[holder, key], ...below];
}
