import { KxError } from "../error.ts";

/** What to mount where. */
export interface MountRequest {
  /** A device, a folder to bind, or any text where the file system needs none. */
  readonly source: string;
  readonly target: string;
  /** Of the file system; not needed to bind, move or remount. */
  readonly type?: string;
  /** As mount(8) knows them: `ro`, `bind`, `rshared`, or a file system's own such as `size=1m`. Default: none. */
  readonly options?: readonly string[];
}

/** One call of mount(2). */
export interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  readonly data: string;
}

const [readOnly, remount, bind, recursive] = [0x1, 0x20, 0x1000, 0x4000];
const setting: Readonly<Record<string, number>> = {
  ro: readOnly,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  sync: 0x10,
  remount,
  mand: 0x40,
  dirsync: 0x80,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  bind,
  rbind: bind | recursive,
  move: 0x2000,
  silent: 0x8000,
  relatime: 0x200000,
  strictatime: 0x1000000,
  lazytime: 0x2000000,
};
const clearing: Readonly<Record<string, number>> = {
  rw: readOnly,
  suid: 0x2,
  dev: 0x4,
  exec: 0x8,
  async: 0x10,
  nomand: 0x40,
  atime: 0x400,
  diratime: 0x800,
  norelatime: 0x200000,
  nostrictatime: 0x1000000,
  nolazytime: 0x2000000,
};
const propagating: Readonly<Record<string, number>> = {
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
};
// Of no meaning to the kernel; mount(8) and fstab use them.
const ignored = new Set(["defaults", "_netdev", "auto", "noauto", "user", "nouser", "nofail"]);
// The kernel copies one page.
const maxData = 4095;

/**
 * The calls that a mount takes: the kernel ignores most options when it binds, so they need a second call; and
 * each propagation needs one of its own.
 *
 * @throws KxError `KX_LINUX_MOUNT_OPTIONS` for options that cannot be passed on.
 */
export function planMount({ source, target, type = "", options = [] }: MountRequest): readonly MountCall[] {
  let flags = 0;
  const data: string[] = [];
  const propagation: number[] = [];
  for (const option of options) {
    const spread = propagating[option] ?? propagating[option.replace(/^r/, "")];
    if (option in setting) flags |= setting[option] ?? 0;
    else if (option in clearing) flags &= ~(clearing[option] ?? 0);
    else if (spread !== undefined) propagation.push(option in propagating ? spread : spread | recursive);
    else if (!ignored.has(option)) data.push(option);
  }
  refuse(target, data, options);
  const base = { source, target, type, data: data.join(",") };
  const bindOnly = bind | recursive;
  const isBind = (flags & bind) !== 0 && (flags & remount) === 0;
  const later = flags & ~bindOnly;
  return [
    ...(flags === 0 && type === "" && propagation.length > 0
      ? []
      : [{ ...base, flags: isBind ? flags & bindOnly : flags }]),
    ...(isBind && later !== 0 ? [{ ...base, data: "", flags: later | bind | remount }] : []),
    ...propagation.map((kind) => ({ ...base, data: "", flags: kind })),
  ];
}

function refuse(target: string, data: readonly string[], options: readonly string[]): void {
  const wrong = options.find((option) => option === "" || option.includes("\0"));
  const tooLong = data.join(",").length > maxData;
  if (wrong === undefined && !tooLong) return;
  const what = wrong === undefined ? `they are longer than ${maxData} bytes` : `${JSON.stringify(wrong)} is no option`;
  throw new KxError("KX_LINUX_MOUNT_OPTIONS", `cannot mount ${target}: ${what}`, { details: { target } });
}
