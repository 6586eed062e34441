import type { APIResourceList } from "../api/gen/meta-v1.ts";
import type { Resource } from "../api/resource.ts";

/** What the API server serves under one group version. */
export interface Discovery {
  /** Whether the resource of this plural is served. */
  has(plural: string): boolean;
  /** Whether it has a subresource, such as `status` or `scale`. */
  hasSubresource(plural: string, subresource: string): boolean;
  /** The verbs of a resource, or of `plural/subresource`. */
  verbs(name: string): readonly string[];
  /** The resource of a kind; undefined if it is not served. */
  resourceOf(kind: string): Resource | undefined;
}

/** Reads an APIResourceList, in which a subresource is an entry named `plural/subresource`. */
export function discoveryOf(list: APIResourceList): Discovery {
  const verbs = new Map(list.resources.map((resource) => [resource.name, resource.verbs]));
  return {
    has: (plural) => verbs.has(plural),
    hasSubresource: (plural, subresource) => verbs.has(`${plural}/${subresource}`),
    verbs: (name) => verbs.get(name) ?? [],
    resourceOf(kind) {
      const found = list.resources.find((resource) => resource.kind === kind && !resource.name.includes("/"));
      if (found === undefined) return undefined;
      const [group, version] = list.groupVersion.includes("/") ? list.groupVersion.split("/") : ["", list.groupVersion];
      return { group: group ?? "", version: version ?? "", kind, plural: found.name, namespaced: found.namespaced };
    },
  };
}
