import { KxError } from "@kx/core";

/** The parts of an image's full name, as containerd spells it. */
export interface ImageName {
  /** Host and perhaps port: `docker.io`, `localhost`, `registry.example:5000`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  readonly tag: string;
}

const domain =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether a text is a repository as the OCI distribution specification allows it. */
export function isRepository(text: string): boolean {
  return text.length <= 255 && text.split("/").every((part) => component.test(part));
}

/** Whether a text is a tag as the OCI distribution specification allows it. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/**
 * Parses a name as container runtimes do: without a registry it is `docker.io` (one word: `docker.io/library/`),
 * without a tag `latest`. Throws KX_CLUSTER_IMAGE_SPEC; a name with a digest is refused, because the digest is ours to say.
 */
export function parseImageName(text: string): ImageName {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  // The rule of Docker's reference grammar: only these make a first component a host.
  const hasRegistry = first === "localhost" || /[.:A-Z]/.test(first);
  const registry = hasRegistry ? first : "docker.io";
  const rest = hasRegistry ? text.slice(slash + 1) : text;
  const colon = rest.lastIndexOf(":");
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? "latest" : rest.slice(colon + 1);
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (!domain.test(registry) || !isRepository(repository) || !isTag(tag)) {
    throw new KxError("KX_CLUSTER_IMAGE_SPEC", `"${text}" is not the name of an image`, {
      remedy: "write it as registry/repository:tag, in lower case and without a digest",
      details: { name: text },
    });
  }
  return { registry, repository, tag };
}

/** The full text of a name: `docker.io/library/nginx:latest`. */
export function formatImageName(name: ImageName): string {
  return `${name.registry}/${name.repository}:${name.tag}`;
}
