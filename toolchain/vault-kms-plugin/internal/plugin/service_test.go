package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/kms/pkg/service"

	"ai-lab.eu/vault-kms-plugin/internal/metrics"
	"ai-lab.eu/vault-kms-plugin/internal/plugin"
	"ai-lab.eu/vault-kms-plugin/internal/vault"
)

type key struct {
	id       string
	err      error
	deadline bool
}

func (k *key) KeyID(ctx context.Context) (string, error) {
	_, k.deadline = ctx.Deadline()
	return k.id, k.err
}

func (k *key) Encrypt(_ context.Context, plaintext []byte) ([]byte, string, error) {
	return append([]byte("sealed:"), plaintext...), k.id, k.err
}

func (k *key) Decrypt(_ context.Context, ciphertext []byte) ([]byte, error) {
	return bytes.TrimPrefix(ciphertext, []byte("sealed:")), k.err
}

func serving(k *key) (*plugin.Service, *metrics.Requests, *bytes.Buffer) {
	logs := &bytes.Buffer{}
	requests := &metrics.Requests{}
	return plugin.New(k, requests, slog.New(slog.NewJSONHandler(logs, nil)), time.Second), requests, logs
}

func TestStatusSaysWhyVaultCannotBeUsedAndKeepsTheIdentifier(t *testing.T) {
	k := &key{err: errors.New("sealed")}
	kms, _, logs := serving(k)
	for _, row := range []struct {
		id      string
		err     error
		health  string
		want    string
		logLine int
	}{
		{"", errors.New("sealed"), "sealed", "", 1},
		{"", errors.New("sealed"), "sealed", "", 1}, // said once
		{"v1-a", nil, "ok", "v1-a", 3},
		{"v1-a", nil, "ok", "v1-a", 3},
		{"", errors.New("gone"), "gone", "v1-a", 4},
		{"v2-b", nil, "ok", "v2-b", 6},
	} {
		k.id, k.err = row.id, row.err
		status, err := kms.Status(context.Background())
		if err != nil || status.Version != "v2" || status.Healthz != row.health || status.KeyID != row.want {
			t.Fatalf("%+v: %+v %v", row, status, err)
		}
		if count := strings.Count(logs.String(), "\n"); count != row.logLine {
			t.Fatalf("%+v: %d lines: %s", row, count, logs)
		}
		if !k.deadline {
			t.Fatal("a request without a deadline must get one")
		}
	}
}

func TestRequestsAreCountedAndNeverLogged(t *testing.T) {
	k := &key{id: "v1-a"}
	kms, requests, logs := serving(k)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	sealed, err := kms.Encrypt(ctx, "uid", []byte("canary"))
	if err != nil || sealed.KeyID != "v1-a" {
		t.Fatal(sealed, err)
	}
	plain, err := kms.Decrypt(ctx, "uid", &service.DecryptRequest{Ciphertext: sealed.Ciphertext, KeyID: "older"})
	if err != nil || string(plain) != "canary" {
		t.Fatal(plain, err)
	}
	k.err = errors.New("gone")
	if _, err := kms.Encrypt(ctx, "uid", []byte("canary")); err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(logs.String(), "canary") {
		t.Fatalf("the plaintext is in the logs: %s", logs)
	}
	for _, line := range []string{
		`requests_total{operation="encrypt",outcome="success"} 1`,
		`requests_total{operation="encrypt",outcome="error"} 1`,
		`requests_total{operation="decrypt",outcome="success"} 1`,
	} {
		if !strings.Contains(requests.String(), line) {
			t.Fatalf("%s is missing in %s", line, requests)
		}
	}
}

func TestCodes(t *testing.T) {
	for want, cause := range map[codes.Code]error{
		codes.InvalidArgument:  vault.ErrCiphertext,
		codes.DeadlineExceeded: context.DeadlineExceeded,
		codes.Canceled:         context.Canceled,
		codes.Unavailable:      errors.New("connection refused"),
	} {
		kms, _, _ := serving(&key{err: cause})
		_, err := kms.Decrypt(context.Background(), "uid", &service.DecryptRequest{})
		if status.Code(err) != want {
			t.Fatalf("%v: %v", cause, status.Code(err))
		}
	}
}
