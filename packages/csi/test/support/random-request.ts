import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** Numbers from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** How requests are made. */
export interface RequestPlan {
  readonly random: Random;
  /** One of so many values is not as it should be. */
  readonly oneIn: number;
  /** A text that must never be seen again. */
  secret(): string;
}

const oddTexts = ["", "../..", "a\0b", "\u0007", "x".repeat(129), "y".repeat(9000), "\u{1F980}", "%n%s", "__proto__"];
const oddNumbers = [-1, 0, 2 ** 31 - 1, -(2 ** 31)];
const oddBigs = [-1n, 0n, 2n ** 63n - 1n, -(2n ** 63n), 1n];

/** A request that is mostly as the calls' rules want it, from a small world of names, so that calls meet each other. */
export function randomRequest(type: DescMessage, plan: RequestPlan, depth = 0): Message {
  const message = reflect(type, create(type));
  for (const member of type.members) {
    // Of a oneof, one member is set; nearly every other field is.
    const field = member.kind === "oneof" ? member.fields[plan.random(member.fields.length)] : member;
    if (field === undefined || depth > 4 || plan.random(plan.oneIn) === 0) continue;
    fill(message, field, plan, depth);
  }
  return message.message;
}

function fill(message: ReflectMessage, field: DescField, plan: RequestPlan, depth: number): void {
  if (field.fieldKind === "list") {
    const list = message.get(field);
    for (let count = 1 + plan.random(2); count > 0; count--) list.add(valueOf(field, plan, depth));
  } else if (field.fieldKind === "map") {
    const map = message.get(field);
    for (const [key, value] of entriesOf(field.name, plan)) map.set(key, value);
  } else {
    message.set(field, valueOf(field, plan, depth));
  }
}

function valueOf(field: DescField, plan: RequestPlan, depth: number): unknown {
  const { random, oneIn } = plan;
  const isOdd = random(oneIn) === 0;
  const pick = <T>(values: readonly T[]): T | undefined => values[random(values.length)];
  if (field.message !== undefined) return reflect(field.message, randomRequest(field.message, plan, depth + 1));
  if (field.enum !== undefined) return isOdd ? 99 : pick(field.enum.values)?.number;
  if (field.scalar === ScalarType.STRING) return isOdd ? pick(oddTexts) : textOf(field.name, plan);
  if (field.scalar === ScalarType.BOOL) return random(2) === 1;
  if (field.scalar === ScalarType.INT32) return isOdd ? pick(oddNumbers) : random(5);
  return isOdd ? pick(oddBigs) : BigInt(random(5) * 100);
}

function textOf(name: string, plan: RequestPlan): string {
  const { random } = plan;
  if (name === "mount_flags") return `password=${plan.secret()}`;
  if (name.endsWith("_path")) return `/kubelet/${name}/${random(6)}`;
  if (name === "starting_token" || name === "fs_type") return "";
  if (name.includes("snapshot")) return `snapshot-${random(6)}`;
  return name.includes("volume_id") ? `id-volume-${random(6)}` : `volume-${random(6)}`;
}

function entriesOf(name: string, plan: RequestPlan): readonly (readonly [string, string])[] {
  const { random, oneIn } = plan;
  const odd = random(oneIn) === 0 ? [[oddTexts[random(oddTexts.length)] ?? "", "z".repeat(5000)] as const] : [];
  if (name === "secrets") return [["password", plan.secret()], ["user.name", plan.secret()], ...odd];
  if (name !== "volume_context") return [["tier", `t${random(2)}`], ...odd];
  const tokens = JSON.stringify({ vault: { token: plan.secret(), expirationTimestamp: "2030-01-01T00:00:00Z" } });
  return [["kind", "folder"], ["csi.storage.k8s.io/serviceAccount.tokens", tokens], ...odd];
}
