import type { Client } from "./client.ts";
import type { CallOptions } from "./options.ts";

/** Who somebody is, as the API server says. */
export interface ReviewedUser {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What somebody wants to do, to a resource or to another path. */
export type ReviewedAccess =
  | {
      readonly resourceAttributes: {
        readonly verb: string;
        readonly group?: string;
        readonly version?: string;
        readonly resource: string;
        readonly namespace?: string;
        readonly name?: string;
      };
    }
  | { readonly nonResourceAttributes: { readonly verb: string; readonly path: string } };

/** Whether somebody may do what he wants, and why, as far as that is told. */
export interface AccessVerdict {
  readonly isAllowed: boolean;
  readonly reason: string;
}

/** Options of `reviewToken`. */
export interface ReviewTokenOptions extends CallOptions {
  /** Whom the token must be meant for. Default: the API server. */
  readonly audience?: string;
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly user?: Partial<ReviewedUser>;
  };
}

interface SubjectAccessReview {
  readonly status?: { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string };
}

/** Asks the API server whose token it is (TokenReview); undefined for one that it does not know, or that is for others. */
export async function reviewToken(
  client: Pick<Client, "raw">,
  token: string,
  { audience, signal }: ReviewTokenOptions = {},
): Promise<ReviewedUser | undefined> {
  const { status } = (await client.raw(
    "POST",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, ...(audience === undefined ? {} : { audiences: [audience] }) },
    },
    { signal },
  )) as TokenReview;
  const { username, ...rest } = status?.user ?? {};
  if (status?.authenticated !== true || username === undefined) return undefined;
  // An authenticator that knows nothing of audiences answers without any.
  if (audience !== undefined && status.audiences?.includes(audience) !== true) return undefined;
  return { username, ...rest };
}

/** Asks the API server whether somebody may do something (SubjectAccessReview). */
export async function reviewAccess(
  client: Pick<Client, "raw">,
  { username, uid, groups, extra }: ReviewedUser,
  access: ReviewedAccess,
  { signal }: CallOptions = {},
): Promise<AccessVerdict> {
  const { status } = (await client.raw(
    "POST",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: username, uid, groups, extra, ...access },
    },
    { signal },
  )) as SubjectAccessReview;
  return { isAllowed: status?.allowed === true && status.denied !== true, reason: status?.reason ?? "" };
}
