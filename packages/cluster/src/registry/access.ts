import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Who may pull what. The first rule whose pattern matches a repository decides; without one it is open to everybody. */
export interface AccessRule {
  /** Full name of a repository (`registry.example/team/app`), or a prefix of it that ends in `/*`. */
  readonly repository: string;
  /** `basic`: RFC 7617. `token`: the Docker token protocol, with this registry's own /token. */
  readonly scheme: "basic" | "token";
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>;
}

/** Who is asking, as far as it is known. */
export type Identity =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string };

/** The outcome of a check. */
export type Decision =
  | { readonly allowed: true; readonly user?: string }
  | { readonly allowed: false; readonly scheme: AccessRule["scheme"]; readonly reason: string };

interface Grant {
  readonly user: string | undefined;
  readonly repositories: ReadonlySet<string>;
  readonly expiresAt: number;
}

/** A token and how long it is good for. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAt: Date;
}

const tokenLifetimeSeconds = 300;

/** Reads an Authorization header; anything malformed counts as no identity. */
export function parseIdentity(header: string | undefined): Identity {
  const [, scheme, value] = /^(basic|bearer) +(\S+)$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return { kind: "anonymous" };
  if (scheme.toLowerCase() === "bearer") return { kind: "token", token: value };
  const pair = Buffer.from(value, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 1) return { kind: "anonymous" };
  return { kind: "user", user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Compares secrets in a time that does not tell how much of them is right. */
function same(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function knows({ users }: AccessRule, user: string, password: string): boolean {
  return Object.hasOwn(users, user) && same(users[user] ?? "", password);
}

/** Decides about repositories by rules, and keeps the tokens given out. */
export class Access {
  readonly #rules: readonly AccessRule[];
  readonly #now: () => number;
  readonly #grants = new Map<string, Grant>();

  /** `now` gives milliseconds since the epoch. */
  constructor(rules: readonly AccessRule[], now: () => number) {
    this.#rules = rules;
    this.#now = now;
  }

  /** The schemes of all rules, for the challenge of the API's root. */
  schemes(): AccessRule["scheme"][] {
    return [...new Set(this.#rules.map((rule) => rule.scheme))];
  }

  /** Whether somebody may pull from a repository, given by its full name. */
  check(repository: string, identity: Identity): Decision {
    const rule = this.#rule(repository);
    if (rule === undefined) return { allowed: true };
    const { scheme } = rule;
    if (identity.kind === "anonymous") return { allowed: false, scheme, reason: "authentication required" };
    if (identity.kind === "user") {
      if (scheme !== "basic") return { allowed: false, scheme, reason: "a token is required" };
      if (!knows(rule, identity.user, identity.password)) {
        return { allowed: false, scheme, reason: "unknown user or wrong password" };
      }
      return { allowed: true, user: identity.user };
    }
    const grant = this.#grants.get(identity.token);
    if (grant === undefined || grant.expiresAt <= this.#now()) {
      return { allowed: false, scheme, reason: "unknown or expired token" };
    }
    if (!grant.repositories.has(repository))
      return { allowed: false, scheme, reason: "the token is for something else" };
    return grant.user === undefined ? { allowed: true } : { allowed: true, user: grant.user };
  }

  /** Whether anybody known to some rule is asking, for the API's root. */
  knowsAny(identity: Identity): boolean {
    if (identity.kind === "token") return (this.#grants.get(identity.token)?.expiresAt ?? 0) > this.#now();
    return identity.kind === "user" && this.#rules.some((rule) => knows(rule, identity.user, identity.password));
  }

  /**
   * Gives a token for those of the wanted repositories that the asker may pull: all open ones, and with credentials
   * those of token rules that know them. Undefined if there are credentials that no token rule knows.
   */
  issue(wanted: readonly string[], identity: Identity): IssuedToken | undefined {
    const user = identity.kind === "user" ? identity : undefined;
    const allows = (rule: AccessRule) =>
      rule.scheme === "token" && user !== undefined && knows(rule, user.user, user.password);
    if (user !== undefined && !this.#rules.some(allows)) return undefined;
    const repositories = wanted.filter((name) => {
      const rule = this.#rule(name);
      return rule === undefined || allows(rule);
    });
    const now = this.#now();
    for (const [token, grant] of this.#grants) if (grant.expiresAt <= now) this.#grants.delete(token);
    const token = randomBytes(32).toString("base64url");
    this.#grants.set(token, {
      user: user?.user,
      repositories: new Set(repositories),
      expiresAt: now + tokenLifetimeSeconds * 1000,
    });
    return { token, expiresInSeconds: tokenLifetimeSeconds, issuedAt: new Date(now) };
  }

  #rule(repository: string): AccessRule | undefined {
    return this.#rules.find((rule) =>
      rule.repository.endsWith("/*")
        ? repository.startsWith(rule.repository.slice(0, -1))
        : repository === rule.repository,
    );
  }
}
