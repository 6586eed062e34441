package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"kx.dev/core/grpc-peer/echo"
)

type server struct {
	echo.UnimplementedEchoServer
}

// serve ends with its standard input, so that it cannot outlive who started it.
func serve(socket string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	const limit = 16 << 20
	s := grpc.NewServer(grpc.MaxRecvMsgSize(limit), grpc.MaxSendMsgSize(limit))
	echo.RegisterEchoServer(s, server{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Stop()
	}()
	return s.Serve(listener)
}

func (server) Unary(ctx context.Context, request *echo.EchoRequest) (*echo.EchoResponse, error) {
	if request.FailWith != 0 {
		s, err := status.New(codes.Code(request.FailWith), request.Text).WithDetails(&echo.EchoRequest{Text: request.Text})
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	}
	if request.Hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	response := &echo.EchoResponse{Text: request.Text, Number: request.Number, Payload: request.Payload}
	if deadline, ok := ctx.Deadline(); ok {
		response.DeadlineMs = deadline.UnixMilli()
	}
	return response, nil
}

func (server) Count(request *echo.CountRequest, stream grpc.ServerStreamingServer[echo.EchoResponse]) error {
	for n := int64(1); request.To < 0 || n <= int64(request.To); n++ {
		if err := stream.Send(&echo.EchoResponse{Number: n, Payload: request.Payload}); err != nil {
			return err
		}
	}
	return nil
}

func (server) Join(stream grpc.ClientStreamingServer[echo.EchoRequest, echo.EchoResponse]) error {
	var texts strings.Builder
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(&echo.EchoResponse{Text: texts.String()})
		}
		if err != nil {
			return err
		}
		texts.WriteString(request.Text)
	}
}

func (server) Chat(stream grpc.BidiStreamingServer[echo.EchoRequest, echo.EchoResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&echo.EchoResponse{Text: strings.ToUpper(request.Text)}); err != nil {
			return err
		}
	}
}
