// The other side of the conformance tests and the benchmark of @kx/core/grpc: a client and a server of grpc-go.
//
//	peer check <socket>                       calls a server in every way and prints what came back
//	peer serve <socket>                       serves the same service until standard input ends
//	peer bench <socket> <in flight> <seconds> calls Unary all the time and prints the number of calls
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: peer check|serve|bench <socket> ...")
	}
	switch args[0] {
	case "check":
		results, err := check(args[1])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(results)
	case "serve":
		return serve(args[1])
	case "bench":
		result, err := bench(args[1], args[2:])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	return fmt.Errorf("unknown command %s", args[0])
}
