// kx-init is the part of @kx/cluster that cannot be a Node.js program: PID 1 of the cluster's and of each node's
// namespaces (it must reap orphans), the step into a node's cgroups before a program is executed, and the relay that
// opens sockets in two network namespaces. Plans are made in TypeScript; this program only carries them out.
package main

import (
	"fmt"
	"os"
)

const usage = `kx-init: helper of @kx/cluster
  kx-init init PLAN.json            carry out a plan of mounts and files, then stay as PID 1 and reap
  kx-init run [CGROUP...] -- CMD... join these cgroup folders, then execute CMD
  kx-init relay PID                 pass connections between this network namespace and that of PID (JSON lines on stdin)
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "init":
		err = initMain(os.Args[2:])
	case "run":
		err = runMain(os.Args[2:])
	case "relay":
		err = relayMain(os.Args[2:])
	default:
		err = fmt.Errorf("unknown command %q\n%s", os.Args[1], usage)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kx-init:", err)
		os.Exit(1)
	}
}
