package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"kx.dev/core/grpc-peer/echo"
)

type benchResult struct {
	Calls   int64   `json:"calls"`
	Seconds float64 `json:"seconds"`
}

// bench keeps so many calls in flight over one connection, each with the fields of a small volume request.
func bench(socket string, args []string) (*benchResult, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("usage: peer bench <socket> <in flight> <seconds>")
	}
	inFlight, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return nil, err
	}
	conn, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := echo.NewEchoClient(conn)
	ctx := context.Background()
	request := func() error {
		_, err := client.Unary(ctx, &echo.EchoRequest{
			Text: "pvc-3f1c5a52-8a4e-4f3e-9a3b-0b9a7f6d1c2e", Number: 1 << 30, Nested: &echo.Nested{Name: "fast"},
		})
		return err
	}
	if err := request(); err != nil {
		return nil, err
	}
	var calls atomic.Int64
	var failure atomic.Value
	var group sync.WaitGroup
	start := time.Now()
	end := start.Add(time.Duration(seconds * float64(time.Second)))
	for range inFlight {
		group.Go(func() {
			for time.Now().Before(end) {
				if err := request(); err != nil {
					failure.Store(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	group.Wait()
	if err, ok := failure.Load().(error); ok {
		return nil, err
	}
	return &benchResult{Calls: calls.Load(), Seconds: time.Since(start).Seconds()}, nil
}
