package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"kx.dev/core/grpc-peer/echo"
)

// outcome is what a call gave; empty fields are left out.
type outcome struct {
	Code    string   `json:"code"`
	Message string   `json:"message,omitempty"`
	Texts   []string `json:"texts,omitempty"`
	Number  string   `json:"number,omitempty"`
	Bytes   int      `json:"bytes,omitempty"`
	Details []string `json:"details,omitempty"`
	// MS is how long the call took, and Left how long the server believed to have.
	MS   int64 `json:"ms,omitempty"`
	Left int64 `json:"left,omitempty"`
}

func dial(socket string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	const limit = 64 << 20
	return grpc.NewClient("unix://"+socket, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit)))...)
}

func failed(err error) outcome {
	s := status.Convert(err)
	result := outcome{Code: s.Code().String(), Message: s.Message()}
	for _, detail := range s.Details() {
		if request, ok := detail.(*echo.EchoRequest); ok {
			result.Details = append(result.Details, request.Text)
		} else {
			result.Details = append(result.Details, fmt.Sprintf("%T", detail))
		}
	}
	return result
}

func answered(response *echo.EchoResponse, err error) outcome {
	if err != nil {
		return failed(err)
	}
	return outcome{
		Code: "OK", Texts: []string{response.Text}, Number: fmt.Sprint(response.Number), Bytes: len(response.Payload),
	}
}

func check(socket string) (map[string]outcome, error) {
	conn, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := echo.NewEchoClient(conn)
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	unary := func(request *echo.EchoRequest, options ...grpc.CallOption) outcome {
		return answered(client.Unary(ctx, request, options...))
	}
	results := map[string]outcome{
		"unary":     unary(&echo.EchoRequest{Text: "grüße", Number: 1<<62 + 1}),
		"gzip":      unary(&echo.EchoRequest{Payload: make([]byte, 1<<20)}, grpc.UseCompressor(gzip.Name)),
		"large":     unary(&echo.EchoRequest{Payload: bytes.Repeat([]byte{7}, 15<<20)}),
		"too large": unary(&echo.EchoRequest{Payload: make([]byte, 17<<20)}),
		"details":   unary(&echo.EchoRequest{FailWith: 9, Text: "näh\n100%"}),
		"missing":   answered(client.Missing(ctx, &echo.EchoRequest{})),
		"count":     count(ctx, client, 1000),
		"join":      join(ctx, client),
		"chat":      chat(ctx, client),
		"deadline":  deadline(ctx, client),
		"cancel":    cancel(ctx, client),
		"metadata":  large(ctx, client),
	}
	// What a server is asked with by clients that give a path as authority.
	for name, authority := range map[string]string{"authority localhost": "localhost", "authority path": "/run/kx.sock"} {
		results[name] = withAuthority(ctx, socket, authority)
	}
	results["afterwards"] = unary(&echo.EchoRequest{Text: "still there"})
	return results, nil
}

func count(ctx context.Context, client echo.EchoClient, to int32) outcome {
	stream, err := client.Count(ctx, &echo.CountRequest{To: to})
	if err != nil {
		return failed(err)
	}
	var last int64
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return outcome{Code: "OK", Number: fmt.Sprint(last)}
		}
		if err != nil {
			return failed(err)
		}
		if response.Number != last+1 {
			return outcome{Code: "disorder", Number: fmt.Sprint(response.Number)}
		}
		last = response.Number
	}
}

func join(ctx context.Context, client echo.EchoClient) outcome {
	stream, err := client.Join(ctx)
	if err != nil {
		return failed(err)
	}
	for _, text := range []string{"a", "b", "c"} {
		if err := stream.Send(&echo.EchoRequest{Text: text}); err != nil {
			return failed(err)
		}
	}
	return answered(stream.CloseAndRecv())
}

// chat waits for each answer before it asks on, so that neither side can wait for the end of the other.
func chat(ctx context.Context, client echo.EchoClient) outcome {
	stream, err := client.Chat(ctx)
	if err != nil {
		return failed(err)
	}
	result := outcome{Code: "OK"}
	for _, text := range []string{"one", "two", "three"} {
		if err := stream.Send(&echo.EchoRequest{Text: text}); err != nil {
			return failed(err)
		}
		response, err := stream.Recv()
		if err != nil {
			return failed(err)
		}
		result.Texts = append(result.Texts, response.Text)
	}
	if err := stream.CloseSend(); err != nil {
		return failed(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return failed(err)
	}
	return result
}

func deadline(ctx context.Context, client echo.EchoClient) outcome {
	start := time.Now()
	seen, err := client.Unary(metadata.AppendToOutgoingContext(ctx, "x-test", "seen"), &echo.EchoRequest{})
	if err != nil {
		return failed(err)
	}
	short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	begin := time.Now()
	_, err = client.Unary(short, &echo.EchoRequest{Hang: true, Text: "deadline"})
	result := failed(err)
	result.MS = time.Since(begin).Milliseconds()
	result.Left = seen.DeadlineMs - start.UnixMilli()
	return result
}

func cancel(ctx context.Context, client echo.EchoClient) outcome {
	short, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := client.Count(short, &echo.CountRequest{To: -1})
	if err != nil {
		return failed(err)
	}
	for range 3 {
		if _, err := stream.Recv(); err != nil {
			return failed(err)
		}
	}
	stop()
	for {
		if _, err := stream.Recv(); err != nil {
			return failed(err)
		}
	}
}

func large(ctx context.Context, client echo.EchoClient) outcome {
	header := string(bytes.Repeat([]byte("x"), 256<<10))
	result := answered(client.Unary(metadata.AppendToOutgoingContext(ctx, "x-large", header), &echo.EchoRequest{}))
	result.Message = ""
	return result
}

func withAuthority(ctx context.Context, socket, authority string) outcome {
	conn, err := dial(socket, grpc.WithAuthority(authority))
	if err != nil {
		return outcome{Code: "dial", Message: err.Error()}
	}
	defer conn.Close()
	return answered(echo.NewEchoClient(conn).Unary(ctx, &echo.EchoRequest{Text: authority}))
}
