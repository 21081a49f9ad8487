// Package server offers the KMS service on a unix socket that only its owner may use.
package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kmsapi "k8s.io/kms/apis/v2"
	"k8s.io/kms/pkg/service"
)

// Requests carry one wrapped key; the limit keeps a faulty client from filling memory.
const largestMessage = 1 << 20

// Listen makes the socket: directory 0700, socket 0600. A socket that a killed process left is
// replaced; one that a living process serves is not.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if information, err := os.Lstat(path); err == nil {
		if information.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is not a socket", path)
		}
		if connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
			connection.Close()
			return nil, fmt.Errorf("another process serves %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// Until the mode is set nobody else can come in: the directory keeps them out.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// Serve answers until the context ends, then lets running requests finish for `grace` at most.
func Serve(ctx context.Context, listener net.Listener, kms service.Service, grace time.Duration) error {
	server := grpc.NewServer(grpc.MaxRecvMsgSize(largestMessage))
	// The address and timeout belong to the service's own listener, which is not used: it could
	// tell nobody when it listens, and sets no mode.
	kmsapi.RegisterKeyManagementServiceServer(server, service.NewGRPCService("", 0, kms))

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	force := time.AfterFunc(grace, server.Stop)
	defer force.Stop()
	server.GracefulStop()
	if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Status asks a running plugin how it is.
func Status(ctx context.Context, path string) (*kmsapi.StatusResponse, error) {
	connection, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return kmsapi.NewKeyManagementServiceClient(connection).
		Status(ctx, &kmsapi.StatusRequest{}, grpc.WaitForReady(true))
}
