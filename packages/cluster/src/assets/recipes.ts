import { type Architecture, versions } from "./versions.ts";

/** One run of `go build`. */
export interface BuildStep {
  /** Where the program goes, relative to the set's folder: `bin/kx-kube`. */
  readonly output: string;
  /** The Go package, `.` for the module's own. */
  readonly package: string;
  readonly tags?: string;
  readonly ldflags: string;
  readonly cgo?: boolean;
  /** Packages compiled beforehand, one after another, so that a long build shows how far it is. */
  readonly parts?: Readonly<Record<string, string>>;
}

/** One file of an official release. */
export interface ReleaseFile {
  readonly url: string;
  /** Where the publisher keeps its SHA-256: a bare sum, or lines of sum and file name. */
  readonly checksumUrl: string;
  /** A single program: where it goes. */
  readonly output?: string;
  /** A gzipped tar: where each member goes, by its path in the archive. */
  readonly members?: Readonly<Record<string, string>>;
}

/** What is obtained together: one Go module, or the release files that stand for it. */
export interface Recipe {
  readonly name: string;
  /** Folder in `go/`. */
  readonly module: string;
  /** The programs it provides: name to path relative to the set's folder. */
  readonly provides: Readonly<Record<string, string>>;
  readonly steps: readonly BuildStep[];
  /** Links made after a build: path to target, relative to the link's folder. */
  readonly links?: Readonly<Record<string, string>>;
  readonly downloads: readonly ReleaseFile[];
  /** A program of the system that serves when there is neither a download nor a compiler. */
  readonly fallback?: { readonly program: string; readonly output: string };
  /** The version of Kubernetes that the module builds; absent where it does not depend on one. */
  readonly kubernetesVersion?: string;
  /** Whether it is left out unless one of its programs is asked for by name. */
  readonly optional?: boolean;
}

const strip = "-s -w";
const kubeNames = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"];

/**
 * Every recipe, in the order in which they are obtained. Pure.
 * @param kubernetesVersion - without `v`; only the one in `versions` can be built.
 */
export function recipes(kubernetesVersion: string, arch: Architecture): readonly Recipe[] {
  return [
    tiny("init", "bin/kx-init"),
    tiny("pause", "pause"),
    kube(kubernetesVersion, arch),
    containerd(arch),
    runc(arch),
    cni("cni", ["bridge", "host-local", "loopback", "portmap"], arch),
    // Not part of a cluster: the peers that benchmarks compare with.
    { ...cni("cni-peers", ["ptp", "bandwidth", "firewall", "tuning"], arch), optional: true },
    coredns(arch),
  ];
}

function tiny(name: string, output: string): Recipe {
  const program = output.slice(output.lastIndexOf("/") + 1);
  return {
    name,
    module: name,
    provides: { [program]: output },
    steps: [{ output, package: ".", ldflags: strip }],
    downloads: [],
  };
}

function kube(version: string, arch: Architecture): Recipe {
  const names = ["etcd", ...kubeNames];
  const stamp = "k8s.io/component-base/version";
  const [major, minor] = versions.kubernetes.split(".");
  const stamps = {
    gitVersion: `v${versions.kubernetes}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    // Fixed, so that the same recipe gives the same bytes.
    buildDate: "1970-01-01T00:00:00Z",
  };
  const etcdFile = `etcd-v${versions.etcd}-linux-${arch}`;
  const etcdRelease = `https://github.com/etcd-io/etcd/releases/download/v${versions.etcd}`;
  return {
    name: "kube",
    module: "kube",
    kubernetesVersion: versions.kubernetes,
    provides: Object.fromEntries(names.map((name) => [name, `bin/${name}`])),
    steps: [
      {
        output: "bin/kx-kube",
        package: ".",
        ldflags: [strip, ...Object.entries(stamps).map(([key, value]) => `-X ${stamp}.${key}=${value}`)].join(" "),
        parts: {
          etcd: "go.etcd.io/etcd/server/v3/etcdmain",
          "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver/app",
          "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager/app",
          "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler/app",
          kubelet: "k8s.io/kubernetes/cmd/kubelet/app",
          "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy/app",
          kubectl: "k8s.io/kubectl/pkg/cmd",
        },
      },
    ],
    links: Object.fromEntries(names.map((name) => [`bin/${name}`, "kx-kube"])),
    downloads: [
      ...kubeNames.map((name) => {
        const url = `https://dl.k8s.io/release/v${version}/bin/linux/${arch}/${name}`;
        return { url, checksumUrl: `${url}.sha256`, output: `bin/${name}` };
      }),
      {
        url: `${etcdRelease}/${etcdFile}.tar.gz`,
        checksumUrl: `${etcdRelease}/SHA256SUMS`,
        members: { [`${etcdFile}/etcd`]: "bin/etcd" },
      },
    ],
  };
}

function containerd(arch: Architecture): Recipe {
  const names = ["containerd", "containerd-shim-runc-v2", "ctr"];
  const url =
    `https://github.com/containerd/containerd/releases/download/v${versions.containerd}` +
    `/containerd-${versions.containerd}-linux-${arch}.tar.gz`;
  return {
    name: "containerd",
    module: "node",
    provides: Object.fromEntries(names.map((name) => [name, `bin/${name}`])),
    steps: names.map((name) => ({
      output: `bin/${name}`,
      package: `github.com/containerd/containerd/v2/cmd/${name}`,
      tags: "no_btrfs no_devmapper no_zfs no_blockfile no_tracing",
      ldflags: `${strip} -X github.com/containerd/containerd/v2/version.Version=${versions.containerd}`,
    })),
    downloads: [
      {
        url,
        checksumUrl: `${url}.sha256sum`,
        members: Object.fromEntries(names.map((name) => [`bin/${name}`, `bin/${name}`])),
      },
    ],
  };
}

function runc(arch: Architecture): Recipe {
  const release = `https://github.com/opencontainers/runc/releases/download/v${versions.runc}`;
  return {
    name: "runc",
    module: "runc",
    provides: { runc: "bin/runc" },
    steps: [
      { output: "bin/runc", package: "github.com/opencontainers/runc", tags: "seccomp", ldflags: strip, cgo: true },
    ],
    downloads: [{ url: `${release}/runc.${arch}`, checksumUrl: `${release}/runc.sha256sum`, output: "bin/runc" }],
    // Debian's runs everything but pods with user namespaces of their own.
    fallback: { program: "runc", output: "bin/runc" },
  };
}

const cniFolders: Readonly<Record<string, string>> = {
  bridge: "main",
  loopback: "main",
  ptp: "main",
  "host-local": "ipam",
  portmap: "meta",
  bandwidth: "meta",
  firewall: "meta",
  tuning: "meta",
};

function cni(recipe: string, names: readonly string[], arch: Architecture): Recipe {
  const version = versions.cniPlugins;
  const url =
    `https://github.com/containernetworking/plugins/releases/download/v${version}` +
    `/cni-plugins-linux-${arch}-v${version}.tgz`;
  return {
    name: recipe,
    module: "cni",
    provides: Object.fromEntries(names.map((name) => [name, `cni/${name}`])),
    steps: names.map((name) => ({
      output: `cni/${name}`,
      package: `github.com/containernetworking/plugins/plugins/${cniFolders[name]}/${name}`,
      ldflags: strip,
    })),
    downloads: [
      {
        url,
        checksumUrl: `${url}.sha256`,
        members: Object.fromEntries(names.map((name) => [`./${name}`, `cni/${name}`])),
      },
    ],
  };
}

function coredns(arch: Architecture): Recipe {
  const version = versions.coredns;
  const url = `https://github.com/coredns/coredns/releases/download/v${version}/coredns_${version}_linux_${arch}.tgz`;
  return {
    name: "coredns",
    module: "coredns",
    provides: { coredns: "bin/coredns" },
    steps: [{ output: "bin/coredns", package: "github.com/coredns/coredns", ldflags: strip }],
    downloads: [{ url, checksumUrl: `${url}.sha256`, members: { coredns: "bin/coredns" } }],
    optional: true,
  };
}
