import { pluginTypes } from "../plugins.ts";
import { type CachedAttachment, createAttachmentCache } from "../runtime/cache.ts";

/** An attachment that needs kx's plug-ins for its DEL. */
export interface OwnAttachment extends CachedAttachment {
  /** Which of kx's plug-ins is called last: DEL goes from a list's end to its beginning. */
  readonly lastType: string;
}

/** The attachments that a container runtime remembers, and that kx's plug-ins have a part in. */
export async function ownAttachments(cacheDir: string): Promise<readonly OwnAttachment[]> {
  const remembered = await createAttachmentCache(cacheDir).list();
  return remembered.flatMap((one) => {
    const lastType = lastOwnType(one.config);
    return lastType === undefined ? [] : [{ ...one, lastType }];
  });
}

/** How an attachment is called where one is to be found: as the file that remembers it. */
export function nameOf({ networkName, containerId, ifName }: CachedAttachment): string {
  return `${networkName}-${containerId}-${ifName}`;
}

/** Which of kx's plug-ins a list's DEL comes to last, be it for the addresses of another's; undefined if to none. Pure. */
export function lastOwnType(config: string): string | undefined {
  const own = (type: unknown) => (typeof type === "string" && pluginTypes.includes(type) ? [type] : []);
  try {
    const list = JSON.parse(config) as ListText;
    // A plug-in of ours does its own address management itself.
    return (list.plugins ?? [list]).flatMap(({ type, ipam }) => [...own(type), ...own(ipam?.type)])[0];
  } catch {
    return undefined;
  }
}

interface PluginText {
  readonly type?: unknown;
  readonly ipam?: { readonly type?: unknown };
}

interface ListText extends PluginText {
  readonly plugins?: readonly PluginText[];
}
