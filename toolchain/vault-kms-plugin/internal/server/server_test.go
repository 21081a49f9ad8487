package server_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/kms/pkg/service"

	"ai-lab.eu/vault-kms-plugin/internal/server"
)

type kms struct{ block chan struct{} }

func (k kms) Status(context.Context) (*service.StatusResponse, error) {
	if k.block != nil {
		<-k.block
	}
	return &service.StatusResponse{Version: "v2", Healthz: "ok", KeyID: "v1-a"}, nil
}

func (kms) Encrypt(context.Context, string, []byte) (*service.EncryptResponse, error) {
	return &service.EncryptResponse{}, nil
}

func (kms) Decrypt(context.Context, string, *service.DecryptRequest) ([]byte, error) {
	return nil, nil
}

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run", "kms.sock")
	listener, err := server.Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return listener, path
}

func TestOnlyTheOwnerMayUseTheSocket(t *testing.T) {
	listener, path := listen(t)
	defer listener.Close()
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if information, err := os.Stat(file); err != nil || information.Mode().Perm() != want {
			t.Fatalf("%s: %v %v", file, information.Mode(), err)
		}
	}
}

func TestASocketLeftByAKilledProcessIsReplacedButNotALivingOne(t *testing.T) {
	listener, path := listen(t)
	if _, err := server.Listen(context.Background(), path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("the socket of a living process was taken: %v", err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // as after kill -9
	listener.Close()
	again, err := server.Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(context.Background(), path); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Fatalf("a file was taken for a socket: %v", err)
	}
}

func TestListenFailsWhereNoDirectoryCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(context.Background(), filepath.Join(file, "kms.sock")); err == nil {
		t.Fatal("no error")
	}
}

func TestServeAnswersAndLetsRunningRequestsFinish(t *testing.T) {
	listener, path := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	k := kms{block: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener, k, 5*time.Second) }()
	answered := make(chan error, 1)
	go func() {
		limited, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_, err := server.Status(limited, path)
		answered <- err
	}()
	k.block <- struct{}{} // the request has arrived and goes on
	cancel()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("the socket is still there: %v", err)
	}
}

func TestAHangingRequestDoesNotKeepTheServiceFromStopping(t *testing.T) {
	listener, path := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	k := kms{block: make(chan struct{})}
	defer close(k.block)
	served := make(chan error, 1)
	arrived := make(chan struct{})
	go func() {
		served <- server.Serve(ctx, listener, seen{k, arrived}, 50*time.Millisecond)
	}()
	go func() { _, _ = server.Status(context.Background(), path) }()
	<-arrived
	cancel()
	select {
	case <-served:
	case <-time.After(5 * time.Second):
		t.Fatal("still serving")
	}
}

type seen struct {
	kms
	arrived chan struct{}
}

func (s seen) Status(ctx context.Context) (*service.StatusResponse, error) {
	close(s.arrived)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestServeReportsABrokenListener(t *testing.T) {
	listener, _ := listen(t)
	listener.Close()
	if err := server.Serve(context.Background(), listener, kms{}, time.Second); err == nil {
		t.Fatal("no error")
	}
}
