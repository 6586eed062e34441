import type { webcrypto } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type * as X509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 24 * 60 * 60 * 1000;
/** An administrator's or user's certificate lives this long at most; its kubeconfig is made anew before it ends. */
export const userCertificateMs = day - 60_000;
/** Certificates of the cluster's own processes, which live only as long as the cluster. */
const processCertificateMs = 365 * day;

/** A certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Who a certificate is for. */
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** Makes it a serving certificate too. */
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  readonly validMs?: number;
}

/** Signs certificates for one cluster. */
export interface Authority {
  readonly cert: string;
  issue(subject: Subject): Promise<KeyPair>;
}

// 200 ms of import: only when a certificate is made, and beside other work.
let loading: Promise<typeof X509> | undefined;
function x509(): Promise<typeof X509> {
  loading ??= import("reflect-metadata").then(() => import("@peculiar/x509"));
  return loading;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const { PemConverter } = await x509();
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

/** Validity starts a little in the past, for machines whose clocks differ. */
function validity(validMs: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 60_000), notAfter: new Date(now + validMs) };
}

function serial(): string {
  return `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex")}`;
}

/** Makes a new authority. */
export async function createAuthority(commonName: string): Promise<{ authority: Authority; pair: KeyPair }> {
  const lib = await x509();
  const keys = await newKeys();
  const cert = await lib.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    serialNumber: serial(),
    signingAlgorithm: algorithm,
    keys,
    ...validity(processCertificateMs),
    extensions: [
      new lib.BasicConstraintsExtension(true, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.digitalSignature, true),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pair = { cert: cert.toString("pem"), key: await exportKey(keys.privateKey) };
  return { authority: await loadAuthority(pair), pair };
}

/** The authority that a state folder holds. */
export async function loadAuthority(pair: KeyPair): Promise<Authority> {
  const lib = await x509();
  const ca = new lib.X509Certificate(pair.cert);
  const der = lib.PemConverter.decodeFirst(pair.key);
  const signingKey = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return {
    cert: pair.cert,
    async issue(subject) {
      const keys = await newKeys();
      const names = [
        ...(subject.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
        ...(subject.addresses ?? []).map((value) => ({ type: "ip" as const, value })),
      ];
      const serves = names.length > 0;
      const usages = serves
        ? [lib.ExtendedKeyUsage.serverAuth, lib.ExtendedKeyUsage.clientAuth]
        : [lib.ExtendedKeyUsage.clientAuth];
      const cert = await lib.X509CertificateGenerator.create({
        subject: [...(subject.organizations ?? []).map((o) => ({ O: [o] })), { CN: [subject.commonName] }],
        issuer: ca.subjectName,
        serialNumber: serial(),
        signingAlgorithm: algorithm,
        publicKey: keys.publicKey,
        signingKey,
        ...validity(subject.validMs ?? processCertificateMs),
        extensions: [
          new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
          new lib.ExtendedKeyUsageExtension(usages),
          await lib.AuthorityKeyIdentifierExtension.create(ca),
          ...(serves ? [new lib.SubjectAlternativeNameExtension(names)] : []),
        ],
      });
      return { cert: cert.toString("pem"), key: await exportKey(keys.privateKey) };
    },
  };
}

/** Where the API server listens, for its serving certificate, and which nodes there are. */
export interface PkiSpec {
  readonly addresses: readonly string[];
  readonly nodes: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/** The pairs of a cluster by name: `ca`, `apiserver`, `scheduler`, `node-1` and so on; the files add `.crt` and `.key`. */
export interface Pki {
  get(name: string): KeyPair;
}

/** Makes all certificates and keys of a cluster and writes them into `dir` (mode 0700; keys 0600). */
export async function createPki(dir: string, spec: PkiSpec): Promise<Pki> {
  const { authority, pair } = await createAuthority("kx-ca");
  const frontProxy = await createAuthority("kx-front-proxy-ca");
  const serviceNames = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const pairs = new Map<string, KeyPair>([
    ["ca", pair],
    ["front-proxy-ca", frontProxy.pair],
  ]);
  const requests: [string, Authority, Subject][] = [
    [
      "apiserver",
      authority,
      {
        commonName: "kube-apiserver",
        dnsNames: [...serviceNames, "kubernetes.default.svc.cluster.local", "localhost"],
        addresses: spec.addresses,
      },
    ],
    ["kubelet-client", authority, { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] }],
    ["front-proxy-client", frontProxy.authority, { commonName: "front-proxy-client" }],
    ["controller-manager", authority, { commonName: "system:kube-controller-manager" }],
    ["scheduler", authority, { commonName: "system:kube-scheduler" }],
    ["kube-proxy", authority, { commonName: "system:kube-proxy" }],
    ...spec.nodes.map((node): [string, Authority, Subject] => [
      node.name,
      authority,
      {
        commonName: `system:node:${node.name}`,
        organizations: ["system:nodes"],
        dnsNames: [node.name],
        addresses: [...node.addresses, "127.0.0.1"],
      },
    ]),
  ];
  for (const [name, signer, subject] of requests) pairs.set(name, await signer.issue(subject));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const write = (file: string, text: string): Promise<void> => writeFile(join(dir, file), text, { mode: 0o600 });
  await Promise.all([
    ...[...pairs].flatMap(([name, p]) => [write(`${name}.crt`, p.cert), write(`${name}.key`, p.key)]),
    ...(await serviceAccountKeys()).map(([file, text]) => write(file, text)),
  ]);
  return {
    get(name) {
      const found = pairs.get(name);
      if (found === undefined) throw new TypeError(`no certificate was made for ${name}`);
      return found;
    },
  };
}

async function serviceAccountKeys(): Promise<[string, string][]> {
  const { PemConverter } = await x509();
  const keys = await newKeys();
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  return [
    ["sa.key", await exportKey(keys.privateKey)],
    ["sa.pub", PemConverter.encode(spki, "PUBLIC KEY")],
  ];
}

/** Reads one pair that {@link createPki} wrote. */
export async function readPair(dir: string, name: string): Promise<KeyPair> {
  const [cert, key] = await Promise.all([
    readFile(join(dir, `${name}.crt`), "utf8"),
    readFile(join(dir, `${name}.key`), "utf8"),
  ]);
  return { cert, key };
}
