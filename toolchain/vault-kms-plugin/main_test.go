package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	kmsapi "k8s.io/kms/apis/v2"

	"ai-lab.eu/vault-kms-plugin/internal/config"
	"ai-lab.eu/vault-kms-plugin/internal/vaulttest"
)

// logs can be written and read at the same time.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs `serve` as the command line does; the returned function ends it and gives its status.
func start(t *testing.T, settings config.Config) (kmsapi.KeyManagementServiceClient, *logs, func() int) {
	t.Helper()
	document, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	written := &logs{}
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"serve", "-config", file}, written, written) }()
	connection, err := grpc.NewClient("unix:"+settings.Socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(func() int { cancel(); connection.Close(); return <-done })
	t.Cleanup(func() { stop() })
	return kmsapi.NewKeyManagementServiceClient(connection), written, stop
}

func seconds(t *testing.T, count int) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(count)*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestServesBeforeVaultDoesAndComesToLife(t *testing.T) {
	fake := vaulttest.New(t)
	fake.Fail(503)
	client, written, stop := start(t, fake.Config)
	answer, err := client.Status(seconds(t, 5), &kmsapi.StatusRequest{})
	if err != nil || answer.GetVersion() != "v2" || !strings.Contains(answer.GetHealthz(), "503") {
		t.Fatal(answer, err)
	}
	var out, problems bytes.Buffer
	if code := run(seconds(t, 5), []string{"check", "-socket", fake.Config.Socket}, &out, &problems); code != 1 ||
		!strings.Contains(problems.String(), "503") {
		t.Fatal(code, problems.String())
	}
	if _, err := client.Encrypt(seconds(t, 5), &kmsapi.EncryptRequest{Plaintext: []byte("x")}); status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	fake.Fail(0)
	problems.Reset()
	if code := run(seconds(t, 5), []string{"check", "-socket", fake.Config.Socket}, &out, &problems); code != 0 ||
		!strings.HasPrefix(out.String(), "ok v1-") {
		t.Fatal(code, out.String(), problems.String())
	}
	sealed, err := client.Encrypt(seconds(t, 5), &kmsapi.EncryptRequest{Uid: "u", Plaintext: []byte("canary")})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := client.Decrypt(seconds(t, 5), &kmsapi.DecryptRequest{
		Uid: "u", Ciphertext: sealed.GetCiphertext(), KeyId: sealed.GetKeyId()})
	if err != nil || string(opened.GetPlaintext()) != "canary" {
		t.Fatal(opened, err)
	}
	if _, err := client.Decrypt(seconds(t, 5), &kmsapi.DecryptRequest{Ciphertext: []byte("x")}); status.Code(err) != codes.InvalidArgument {
		t.Fatal(err)
	}
	if code := stop(); code != 0 {
		t.Fatalf("exit status %d: %s", code, written)
	}
	if strings.Contains(written.String(), "canary") || strings.Contains(written.String(), "token-") {
		t.Fatalf("a secret is in the logs: %s", written)
	}
}

func TestMonitorAddressTakenStopsTheService(t *testing.T) {
	fake := vaulttest.New(t)
	fake.Config.MonitorAddress = strings.TrimPrefix(fake.Config.VaultAddress, "https://")
	document, err := json.Marshal(fake.Config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if code := run(seconds(t, 10), []string{"serve", "-config", file}, &written, &written); code != 1 ||
		!strings.Contains(written.String(), "address already in use") {
		t.Fatal(code, written.String())
	}
}

func TestMonitorServesHealth(t *testing.T) {
	fake := vaulttest.New(t)
	fake.Config.MonitorAddress = "127.0.0.1:0"
	client, _, stop := start(t, fake.Config)
	if answer, err := client.Status(seconds(t, 5), &kmsapi.StatusRequest{}); err != nil || answer.GetHealthz() != "ok" {
		t.Fatal(answer, err)
	}
	if code := stop(); code != 0 {
		t.Fatal(code)
	}
}

func TestCommandLine(t *testing.T) {
	for title, row := range map[string]struct {
		arguments []string
		code      int
		want      string
	}{
		"nothing":         {nil, 2, "usage"},
		"unknown command": {[]string{"dance"}, 2, "usage"},
		"unknown flag":    {[]string{"serve", "-x"}, 2, "usage"},
		"more words":      {[]string{"serve", "x"}, 2, "usage"},
		"no such file":    {[]string{"serve", "-config", "/nonexistent"}, 1, "no such file"},
		"nobody serves":   {[]string{"check", "-socket", "/nonexistent", "-timeout", "50ms"}, 1, "DeadlineExceeded"},
	} {
		t.Run(title, func(t *testing.T) {
			var out, problems bytes.Buffer
			if code := run(context.Background(), row.arguments, &out, &problems); code != row.code ||
				!strings.Contains(problems.String(), row.want) {
				t.Fatal(code, problems.String())
			}
		})
	}
}
