export type { Assets } from "./assets.ts";
export { type AssetOptions, defaultAssetNames, ensureAssets } from "./ensure.ts";
