import type { ImageArchive } from "../images/archive.ts";
import { parseImageName } from "../images/image-name.ts";
import type { Place } from "./route.ts";

/** A blob or manifest that can be served. */
export interface Found {
  readonly archive: ImageArchive;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
}

interface Repository {
  readonly registry: string;
  readonly repository: string;
  readonly tags: Map<string, Found>;
  readonly manifests: Map<string, Found>;
  readonly blobs: Map<string, Found>;
}

/** What the archives given so far hold, by repository; a repository serves only what its own images lead to. */
export class Catalogue {
  readonly #repositories = new Map<string, Repository>();

  /** Adds an archive's images; a name that was known now means the new image. Returns the names. */
  add(archive: ImageArchive): string[] {
    for (const image of archive.images) {
      const { registry, repository, tag } = parseImageName(image.name);
      const entry = this.#repository(registry, repository);
      const found = (digest: string, mediaType: string): Found => ({
        archive,
        digest,
        mediaType,
        size: archive.blobs.get(digest)?.size ?? 0,
      });
      for (const [digest, mediaType] of image.manifests) entry.manifests.set(digest, found(digest, mediaType));
      for (const digest of image.blobs) entry.blobs.set(digest, found(digest, "application/octet-stream"));
      entry.tags.set(tag, found(image.manifest.digest, image.manifest.mediaType));
    }
    return archive.images.map((image) => image.name);
  }

  /** Every name that can be pulled, sorted. */
  names(): string[] {
    return [...this.#repositories.values()]
      .flatMap(({ registry, repository, tags }) => [...tags.keys()].map((tag) => `${registry}/${repository}:${tag}`))
      .toSorted();
  }

  /** The full names (`registry/repository`) that a place may mean, those that are known. */
  resolve(place: Place): string[] {
    if (place.registry !== undefined) {
      const name = `${place.registry}/${place.repository}`;
      return this.#repositories.has(name) ? [name] : [];
    }
    return [...this.#repositories]
      .filter(([, entry]) => entry.repository === place.repository)
      .map(([name]) => name)
      .toSorted();
  }

  /** A manifest of a repository (its full name), by tag or digest. */
  manifest(name: string, reference: string): Found | undefined {
    const entry = this.#repositories.get(name);
    return entry?.tags.get(reference) ?? entry?.manifests.get(reference);
  }

  /** A config or layer of a repository; some clients ask for manifests as blobs, so these too. */
  blob(name: string, digest: string): Found | undefined {
    const entry = this.#repositories.get(name);
    return entry?.blobs.get(digest) ?? entry?.manifests.get(digest);
  }

  #repository(registry: string, repository: string): Repository {
    const name = `${registry}/${repository}`;
    const known = this.#repositories.get(name);
    if (known !== undefined) return known;
    const made = { registry, repository, tags: new Map(), manifests: new Map(), blobs: new Map() };
    this.#repositories.set(name, made);
    return made;
  }
}
