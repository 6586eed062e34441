// cnitool of github.com/containernetworking/cni, built from its module.
package main

import (
	"fmt"
	"os"

	"github.com/containernetworking/cni/cnitool/cmd"
)

func main() {
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
