import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Extension, HostEnv, KubeObject, Runnable } from "@kx/core";
import type { HostedExtension } from "@kx/core/host";
import { joinCluster } from "../controller/shared-cluster.ts";
import { createElection, type Election, type ElectionOptions } from "./election.ts";
import { actUnder } from "./fence.ts";

/** Options of leader election. */
export interface LeaderElectionOptions extends Omit<ElectionOptions, "identity"> {
  /** Namespace of the Lease. Default: the pod's, or that of the kubeconfig's context, else `default`. */
  readonly namespace?: string | undefined;
  /** Default: the host's name and a random part, as no two replicas may share one. */
  readonly identity?: string;
}

/**
 * Makes extensions run their parts of the group `leader` only while this replica holds a Lease; give the result to
 * `runHost`. Controllers keep their caches warm while they stand by, so that a takeover needs no list. An extension that
 * ignores its signal cannot be stopped by this; a controller's client refuses changes as soon as the lease is lost. The
 * process of an isolated extension runs only where its host leads, and is killed when the lease is lost.
 */
export function electLeader(
  extensions: readonly HostedExtension[],
  options: LeaderElectionOptions,
): readonly HostedExtension[] {
  const identity = options.identity ?? `${hostname()}_${randomUUID()}`;
  const election = createElection({ ...options, identity });
  return [electionExtension(election, options), ...extensions.map((extension) => elected(extension, election))];
}

function electionExtension(election: Election, { leaseName, namespace }: LeaderElectionOptions): Extension {
  return Object.freeze({
    kx: 1,
    kind: "controller",
    name: "leader-election",
    version: "0.0.0",
    // Before the group `leader`, so that it stops after it: a lease is given back when nobody acts under it any more.
    parts: (env) =>
      env.role === "controller" ? [{ name: "lease", group: "worker", start: stand(election, namespace, env) }] : [],
    manifests: (env) => leaseRights(leaseName, namespace ?? env.namespace),
  } satisfies Extension);
}

function stand(election: Election, wanted: string | undefined, env: HostEnv): Runnable["start"] {
  return async (signal, ready) => {
    await using cluster = await joinCluster(env);
    ready();
    const { clock, log } = env;
    const client = cluster.clientOf("kx-leader-election");
    const namespace = wanted ?? cluster.config.namespace ?? "default";
    await election.run({ client, namespace, clock, log, random: Math.random }, signal);
  };
}

function elected(extension: HostedExtension, election: Election): HostedExtension {
  return {
    kind: extension.kind,
    name: extension.name,
    version: extension.version,
    isolation: extension.isolation ?? "shared",
    manifests: (env) => extension.manifests(env),
    metrics: () => extension.metrics?.() ?? [],
    parts: (env) =>
      extension
        .parts(env)
        .map((part) => (part.group === "leader" ? leaderPart(`${extension.name}/${part.name}`, part, election) : part)),
  };
}

function leaderPart(name: string, part: Runnable, election: Election): Runnable {
  return {
    // What else it has tells its host of a process.
    ...part,
    name: part.name,
    group: "leader",
    async start(signal, ready) {
      // A replica that stands by does its duty.
      ready();
      while (!signal.aborted) {
        const term = await election.term(signal);
        await term.act(name, () => part.start(actUnder(term, signal), () => undefined));
        // It ended though nobody asked it to: the host knows what to do about that.
        if (!term.signal.aborted) return;
      }
    },
  };
}

function leaseRights(leaseName: string, namespace: string): readonly KubeObject[] {
  const group = "coordination.k8s.io";
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: `kx:leader-election:${leaseName}`, namespace },
      rules: [
        // RBAC cannot restrict a creation to a name: it is not known when the request is authorised.
        { apiGroups: [group], resources: ["leases"], verbs: ["create"] },
        { apiGroups: [group], resources: ["leases"], resourceNames: [leaseName], verbs: ["get", "update"] },
      ],
    },
  ];
}
