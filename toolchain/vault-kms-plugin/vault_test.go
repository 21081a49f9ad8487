package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	kmsapi "k8s.io/kms/apis/v2"

	"ai-lab.eu/vault-kms-plugin/internal/config"
	"ai-lab.eu/vault-kms-plugin/internal/vaulttest"
)

const rootToken = "test-root"

// What the lab gives the plugin, and nothing more.
const policy = `
path "transit/keys/kubernetes"    { capabilities = ["read"] }
path "transit/encrypt/kubernetes" { capabilities = ["update"] }
path "transit/decrypt/kubernetes" { capabilities = ["update"] }
`

// realVault starts the program in VAULT_BINARY in dev mode (in memory, TLS) and sets up what the
// plugin needs. The client certificate is the fake's.
func realVault(t *testing.T) (config.Config, *api.Client) {
	t.Helper()
	binary := os.Getenv("VAULT_BINARY")
	if binary == "" {
		t.Skip("VAULT_BINARY names no Vault")
	}
	settings := vaulttest.New(t).Config
	clientCA, err := os.ReadFile(settings.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String()
	probe.Close()

	folder := t.TempDir()
	process := exec.Command(binary, "server", "-dev", "-dev-tls", "-dev-tls-cert-dir="+folder,
		"-dev-root-token-id="+rootToken, "-dev-no-store-token", "-dev-listen-address="+address)
	process.Env = []string{"HOME=" + folder}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_ = process.Wait() // its status says only that it was told to end
	})
	settings.VaultAddress = "https://" + address
	settings.CAFile = filepath.Join(folder, "vault-ca.pem")
	settings.AttemptMilliseconds = 2000

	client := administrator(t, settings)
	// The role's certificate is the authority of the clients.
	for _, step := range []struct {
		path string
		data map[string]any
	}{
		{"sys/mounts/transit", map[string]any{"type": "transit"}},
		{"transit/keys/kubernetes", map[string]any{}},
		{"sys/policies/acl/kms-plugin", map[string]any{"policy": policy}},
		{"sys/auth/cert", map[string]any{"type": "cert"}},
		{"auth/cert/certs/kms-plugin", map[string]any{
			"certificate": string(clientCA), "allowed_common_names": "control-plane",
			"token_policies": "kms-plugin", "token_ttl": 1800,
		}},
	} {
		if _, err := client.Logical().Write(step.path, step.data); err != nil {
			t.Fatal(step.path, err)
		}
	}
	return settings, client
}

// administrator waits for the server and returns a client with the root token.
func administrator(t *testing.T, settings config.Config) *api.Client {
	t.Helper()
	ctx := seconds(t, 30)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			t.Fatal("Vault did not start: ", last)
		case <-ticker.C:
		}
		pem, err := os.ReadFile(settings.CAFile)
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			last = errors.Join(errors.New("no CA yet"), err)
			continue
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		client, err := api.NewClient(&api.Config{
			Address: settings.VaultAddress, HttpClient: &http.Client{Transport: transport},
		})
		if err != nil {
			t.Fatal(err)
		}
		client.SetToken(rootToken)
		if health, err := client.Sys().Health(); err != nil || health.Sealed {
			last = err
			continue
		}
		return client
	}
}

func TestWithARealVault(t *testing.T) {
	settings, vault := realVault(t)
	client, written, stop := start(t, settings)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keyID := func() string {
		t.Helper()
		answer, err := client.Status(seconds(t, 10), &kmsapi.StatusRequest{})
		if err != nil || answer.GetHealthz() != "ok" || answer.GetVersion() != "v2" {
			t.Fatal(answer, err)
		}
		return answer.GetKeyId()
	}
	decrypt := func(sealed *kmsapi.EncryptResponse) (string, error) {
		answer, err := client.Decrypt(seconds(t, 10), &kmsapi.DecryptRequest{
			Uid: "u", Ciphertext: sealed.GetCiphertext(), KeyId: sealed.GetKeyId()})
		return string(answer.GetPlaintext()), err
	}

	before := keyID()
	sealed, err := client.Encrypt(seconds(t, 10), &kmsapi.EncryptRequest{Uid: "u", Plaintext: []byte("canary")})
	if err != nil || sealed.GetKeyId() != before || strings.Contains(string(sealed.GetCiphertext()), "canary") {
		t.Fatal(sealed, err)
	}

	// Rotation: another identifier, and the old ciphertext can still be read.
	must(vault.Logical().Write("transit/keys/kubernetes/rotate", nil))
	if after := keyID(); after == before || after != keyID() {
		t.Fatalf("%s after a rotation, %s before", after, before)
	}
	if plain, err := decrypt(sealed); err != nil || plain != "canary" {
		t.Fatal(plain, err)
	}

	// All tokens revoked: the next request logs in anew.
	must(vault.Logical().Write("sys/leases/revoke-prefix/auth/cert", nil))
	if plain, err := decrypt(sealed); err != nil || plain != "canary" {
		t.Fatal(plain, err)
	}

	if strings.Count(written.String(), "logged in") != 2 {
		t.Fatalf("logs: %s", written)
	}

	// Crypto-shredding: with the key deleted nothing can be read, and health says so.
	must(vault.Logical().Write("transit/keys/kubernetes/config", map[string]any{"deletion_allowed": true}))
	must(vault.Logical().Delete("transit/keys/kubernetes"))
	if _, err := decrypt(sealed); status.Code(err) != codes.FailedPrecondition {
		t.Fatal(err)
	}
	answer, err := client.Status(seconds(t, 10), &kmsapi.StatusRequest{})
	if err != nil || !strings.Contains(answer.GetHealthz(), "no key") {
		t.Fatal(answer, err)
	}

	// Sealed: said by Status, not by an endless wait.
	if err := vault.Sys().SealWithContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	answer, err = client.Status(seconds(t, 10), &kmsapi.StatusRequest{})
	if err != nil || !strings.Contains(answer.GetHealthz(), "sealed") || time.Since(begin) > 5*time.Second {
		t.Fatal(answer, err, time.Since(begin))
	}
	if code := stop(); code != 0 || strings.Contains(written.String(), "canary") || strings.Contains(written.String(), "hvs.") {
		t.Fatal(code, written)
	}
}
