// Asks a snapshot-metadata service as backup programs in Go do, by gRPC's own library and the stubs that upstream publishes, and
// prints a line of offset and size for each range:
// metadata-lister <address> <ca file> <token> <namespace> <snapshot> <id of an earlier snapshot, or ""> <ranges a message>
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/kubernetes-csi/external-snapshot-metadata/pkg/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func main() {
	if err := list(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type page interface{ GetBlockMetadata() []*api.BlockMetadata }

func list(args []string) error {
	address, ca, token, namespace, snapshot, earlier := args[0], args[1], args[2], args[3], args[4], args[5]
	most, err := strconv.ParseInt(args[6], 10, 32)
	if err != nil {
		return err
	}
	trusted, err := credentials.NewClientTLSFromFile(ca, "")
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(trusted))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := api.NewSnapshotMetadataClient(connection)
	if earlier == "" {
		stream, err := client.GetMetadataAllocated(ctx, &api.GetMetadataAllocatedRequest{
			SecurityToken: token, Namespace: namespace, SnapshotName: snapshot, MaxResults: int32(most),
		})
		return show(err, func() (page, error) { return stream.Recv() })
	}
	stream, err := client.GetMetadataDelta(ctx, &api.GetMetadataDeltaRequest{
		SecurityToken: token, Namespace: namespace, BaseSnapshotId: earlier, TargetSnapshotName: snapshot, MaxResults: int32(most),
	})
	return show(err, func() (page, error) { return stream.Recv() })
}

func show(err error, next func() (page, error)) error {
	for err == nil {
		var ranges page
		if ranges, err = next(); err == nil {
			for _, one := range ranges.GetBlockMetadata() {
				fmt.Println(one.GetByteOffset(), one.GetSizeBytes())
			}
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
