/** A range of a volume, in bytes. */
export interface BlockRange {
  readonly byteOffset: bigint;
  readonly sizeBytes: bigint;
}

/** One message of a driver's stream. */
export interface MetadataMessage {
  readonly blockMetadataType: number;
  readonly volumeCapacityBytes: bigint;
  readonly blockMetadata: readonly BlockRange[];
}

/** What of a stream is wanted. */
export interface Wanted {
  readonly startingOffset: bigint;
  /** 0: as many as there are. */
  readonly maxResults: number;
}

/**
 * A driver's message as callers are promised it: no range that ends before where they begin, no more ranges at once than they
 * want. It is never left out, as it tells the volume's size.
 */
export function* pagesOf(message: MetadataMessage, { startingOffset, maxResults }: Wanted) {
  const { blockMetadataType, volumeCapacityBytes } = message;
  const ranges = message.blockMetadata
    .filter(({ byteOffset, sizeBytes }) => byteOffset + sizeBytes > startingOffset)
    .map(({ byteOffset, sizeBytes }) => ({ byteOffset, sizeBytes }));
  const most = maxResults > 0 ? maxResults : Math.max(1, ranges.length);
  for (let at = 0; at === 0 || at < ranges.length; at += most) {
    yield { blockMetadataType, volumeCapacityBytes, blockMetadata: ranges.slice(at, at + most) };
  }
}
