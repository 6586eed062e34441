// Runs one operation of libcni, the library of containerd and CRI-O, with its cache in a folder of the caller's.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

// Request is what standard input says.
type Request struct {
	Operation      string
	ConfDir        string
	Network        string
	CacheDir       string
	Path           string
	ContainerID    string
	IfName         string
	NetNS          string
	Args           [][2]string
	CapabilityArgs map[string]interface{}
	Valid          []types.GCAttachment
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var request Request
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return err
	}
	list, err := libcni.LoadNetworkConf(request.ConfDir, request.Network)
	if err != nil {
		return err
	}
	cni := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(request.Path), request.CacheDir, nil)
	answer, err := operate(cni, list, request)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func operate(cni *libcni.CNIConfig, list *libcni.NetworkConfigList, request Request) (interface{}, error) {
	ctx := context.Background()
	rt := &libcni.RuntimeConf{
		ContainerID:    request.ContainerID,
		IfName:         request.IfName,
		NetNS:          request.NetNS,
		Args:           request.Args,
		CapabilityArgs: request.CapabilityArgs,
	}
	switch request.Operation {
	case "add":
		return cni.AddNetworkList(ctx, list, rt)
	case "check":
		return nil, cni.CheckNetworkList(ctx, list, rt)
	case "del":
		return nil, cni.DelNetworkList(ctx, list, rt)
	case "gc":
		return nil, cni.GCNetworkList(ctx, list, &libcni.GCArgs{ValidAttachments: request.Valid})
	case "status":
		return nil, cni.GetStatusNetworkList(ctx, list)
	case "validate":
		return cni.ValidateNetworkList(ctx, list)
	case "attachments":
		return cni.GetCachedAttachments(request.ContainerID)
	case "version":
		return list.CNIVersion, nil
	default:
		return nil, fmt.Errorf("there is no operation %q", request.Operation)
	}
}
