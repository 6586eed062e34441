export {
  type Cidr,
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  firstUsableIp,
  formatCidr,
  ipsBetween,
  lastIp,
  lastUsableIp,
  parseCidr,
  parseIpInCidr,
  splitCidr,
} from "./cidr.ts";
export { formatAge, formatDuration, parseDuration } from "./duration.ts";
export { addToIp, compareIps, formatIp, type Ip, ipBits, parseIp } from "./ip.ts";
export { compareQuantities, formatQuantity, parseQuantity, type Quantity, type QuantityFormat } from "./quantity.ts";
