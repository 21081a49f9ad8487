package vault_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"ai-lab.eu/vault-kms-plugin/internal/vault"
	"ai-lab.eu/vault-kms-plugin/internal/vaulttest"
)

func key(t *testing.T, fake *vaulttest.Vault) (*vault.Transit, *vault.Session, *bytes.Buffer) {
	t.Helper()
	logs := &bytes.Buffer{}
	session, err := vault.NewSession(fake.Config, slog.New(slog.NewJSONHandler(logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return vault.NewTransit(session, "transit", "kubernetes"), session, logs
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestRoundTripAndRotation(t *testing.T) {
	fake := vaulttest.New(t)
	transit, _, _ := key(t, fake)
	ctx := within(t, 5*time.Second)

	first, before, err := transit.Encrypt(ctx, []byte("seed"))
	if err != nil {
		t.Fatal(err)
	}
	if now, err := transit.KeyID(ctx); err != nil || now != before {
		t.Fatalf("Encrypt says %q, Status %q (%v): the API server would not accept it", before, now, err)
	}
	fake.Rotate()
	after, err := transit.KeyID(ctx)
	if err != nil || after == before {
		t.Fatalf("a rotation must change the identifier: %q %q %v", before, after, err)
	}
	if _, identifier, err := transit.Encrypt(ctx, []byte("seed")); err != nil || identifier != after {
		t.Fatalf("%q %q %v", identifier, after, err)
	}
	if plain, err := transit.Decrypt(ctx, first); err != nil || string(plain) != "seed" {
		t.Fatalf("an old ciphertext: %q %v", plain, err)
	}
	fake.Remake()
	remade, err := transit.KeyID(ctx)
	if err != nil || remade == before {
		t.Fatalf("another key of the same name and version: %q %v", remade, err)
	}
	if fake.Logins() != 1 {
		t.Fatalf("%d logins", fake.Logins())
	}
}

func TestEncryptAfterARotationThatNobodyToldUs(t *testing.T) {
	fake := vaulttest.New(t)
	transit, _, _ := key(t, fake)
	ctx := within(t, 5*time.Second)
	before, err := transit.KeyID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fake.Rotate()
	if _, identifier, err := transit.Encrypt(ctx, []byte("seed")); err != nil || identifier == before {
		t.Fatalf("%q %v", identifier, err)
	}
}

func TestLogsInAnewWhenTheTokenIsRefused(t *testing.T) {
	fake := vaulttest.New(t)
	transit, _, _ := key(t, fake)
	ctx := within(t, 5*time.Second)
	if _, err := transit.KeyID(ctx); err != nil {
		t.Fatal(err)
	}
	fake.ForgetTokens()
	if _, err := transit.KeyID(ctx); err != nil {
		t.Fatal(err)
	}
	if fake.Logins() != 2 {
		t.Fatalf("%d logins", fake.Logins())
	}
}

func TestFaults(t *testing.T) {
	for title, row := range map[string]struct {
		prepare  func(*vaulttest.Vault)
		want     string
		rejected bool
		requests int // 0: not counted
	}{
		"sealed":            {func(v *vaulttest.Vault) { v.Fail(503) }, "503", false, 3},
		"overloaded":        {func(v *vaulttest.Vault) { v.Fail(429) }, "429", false, 3},
		"certificate":       {func(v *vaulttest.Vault) { v.Fail(400) }, "400", true, 1},
		"no key":            {(*vaulttest.Vault).RemoveKey, "no key transit/kubernetes", true, 2},
		"asymmetric key":    {(*vaulttest.Vault).Asymmetric, "not a symmetric key", true, 0},
		"no login":          {func(v *vaulttest.Vault) { v.Answer("login", "{}") }, "no token", true, 1},
		"login, no lease":   {func(v *vaulttest.Vault) { v.Lease(0) }, "no token with a lease", true, 1},
		"no versions":       {func(v *vaulttest.Vault) { v.Answer("keys/kubernetes", `{"data": {}}`) }, "no versions", true, 0},
		"version unknown":   {func(v *vaulttest.Vault) { v.Answer("keys/kubernetes", `{"data": {"latest_version": 3, "keys": {}}}`) }, "no version 3", true, 0},
		"hangs per attempt": {func(v *vaulttest.Vault) { v.Hang() }, "deadline", false, 3},
	} {
		t.Run(title, func(t *testing.T) {
			fake := vaulttest.New(t)
			row.prepare(fake)
			transit, _, _ := key(t, fake)
			_, err := transit.KeyID(within(t, 5*time.Second))
			if err == nil || !strings.Contains(err.Error(), row.want) || vault.Rejected(err) != row.rejected {
				t.Fatalf("want %q (rejected %v), got %v", row.want, row.rejected, err)
			}
			if row.requests != 0 && fake.Requests() != row.requests {
				t.Fatalf("%d requests, not %d", fake.Requests(), row.requests)
			}
		})
	}
}

func TestTheCallersDeadlineEndsAllAttempts(t *testing.T) {
	fake := vaulttest.New(t)
	fake.Fail(503)
	transit, _, _ := key(t, fake)
	start := time.Now()
	if _, err := transit.KeyID(within(t, 150*time.Millisecond)); err == nil || time.Since(start) > time.Second {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
}

func TestUnusableAnswers(t *testing.T) {
	for title, row := range map[string]struct{ suffix, body string }{
		"no ciphertext":     {"encrypt/kubernetes", `{"data": {}}`},
		"empty answer":      {"encrypt/kubernetes", ``},
		"no plaintext":      {"decrypt/kubernetes", `{"data": {}}`},
		"plaintext garbled": {"decrypt/kubernetes", `{"data": {"plaintext": "c2VjcmV0!!"}}`},
	} {
		t.Run(title, func(t *testing.T) {
			fake := vaulttest.New(t)
			fake.Answer(row.suffix, row.body)
			transit, _, _ := key(t, fake)
			ctx := within(t, 5*time.Second)
			var err error
			if strings.HasPrefix(row.suffix, "encrypt") {
				_, _, err = transit.Encrypt(ctx, []byte("seed"))
			} else {
				_, err = transit.Decrypt(ctx, []byte("vault:v1:x"))
			}
			if err == nil || !vault.Rejected(err) || strings.Contains(err.Error(), "c2VjcmV0") {
				t.Fatal(err)
			}
		})
	}
}

func TestForeignCiphertextNeverReachesVault(t *testing.T) {
	fake := vaulttest.New(t)
	transit, _, _ := key(t, fake)
	for _, text := range []string{"", "k8s:enc", "vault:v1:", "vault:v0:x", "vault:vx:x", "vault:v1", "v1:x"} {
		if _, err := transit.Decrypt(within(t, time.Second), []byte(text)); !errors.Is(err, vault.ErrCiphertext) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if fake.Requests() != 0 {
		t.Fatal("Vault was asked")
	}
}

func TestRunRenewsAndComesBack(t *testing.T) {
	fake := vaulttest.New(t)
	fake.Lease(2)
	fake.Fail(503)
	_, session, logs := key(t, fake)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); session.Run(ctx) }()
	until(t, "an attempt", func() bool { return fake.Requests() > 0 })
	fake.Fail(0)
	until(t, "a login", func() bool { return fake.Logins() == 1 })
	until(t, "a renewal", func() bool { return fake.Renewals() > 0 })
	fake.ForgetTokens()
	until(t, "a second login", func() bool { return fake.Logins() == 2 })
	cancel()
	<-done
	if strings.Contains(logs.String(), "token-") || !strings.Contains(logs.String(), "no valid token") {
		t.Fatalf("logs: %s", logs)
	}
}

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestARenewedCertificateIsUsedForTheNextLogin(t *testing.T) {
	fake, other := vaulttest.New(t), vaulttest.New(t)
	transit, _, _ := key(t, fake)
	ctx := within(t, 5*time.Second)
	if _, err := transit.KeyID(ctx); err != nil {
		t.Fatal(err)
	}
	// A pair of another authority, put over the files: the next login must present it and fail.
	for from, to := range map[string]string{
		other.Config.CertificateFile: fake.Config.CertificateFile, other.Config.KeyFile: fake.Config.KeyFile,
	} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fake.ForgetTokens()
	if _, err := transit.KeyID(ctx); err == nil {
		t.Fatal("the old certificate was used again")
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	for title, spoil := range map[string]func(*vaulttest.Vault){
		"no CA":             func(v *vaulttest.Vault) { v.Config.CAFile += ".missing" },
		"CA without PEM":    func(v *vaulttest.Vault) { v.Config.CAFile = v.Config.KeyFile },
		"no certificate":    func(v *vaulttest.Vault) { v.Config.CertificateFile += ".missing" },
		"not the same pair": func(v *vaulttest.Vault) { v.Config.CertificateFile = v.Config.CAFile },
	} {
		t.Run(title, func(t *testing.T) {
			fake := vaulttest.New(t)
			spoil(fake)
			if _, err := vault.NewSession(fake.Config, slog.Default()); err == nil {
				t.Fatal("accepted")
			}
		})
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	fake, other := vaulttest.New(t), vaulttest.New(t)
	fake.Config.CAFile = other.Config.CAFile
	transit, _, _ := key(t, fake)
	_, err := transit.KeyID(within(t, 5*time.Second))
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Fatal(err)
	}
}
