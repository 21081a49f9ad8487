// Package vaulttest is a small Vault for tests: certificate login, token renewal and one transit
// key, over TLS with client certificates, with the faults that a test asks for.
package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ai-lab.eu/vault-kms-plugin/internal/config"
)

// Vault is the fake. Fields that change after New are guarded by the methods.
type Vault struct {
	Config config.Config

	mu        sync.Mutex
	tokens    map[string]bool
	created   map[string]int64
	latest    int
	lease     int
	logins    int
	renewals  int
	requests  int
	status    int // of every answer, when not 0
	hang      chan struct{}
	keyGone   bool
	keyObject bool
	raw       map[string]string // path suffix -> body of a 200
}

// New starts the fake and writes its CA and a client certificate into a folder of the test.
func New(t *testing.T) *Vault {
	t.Helper()
	folder := t.TempDir()
	authority, authorityKey := certificate(t, nil, nil, "test CA")
	serverPair := pair(t, authority, authorityKey, "vault")
	clientPair := pair(t, authority, authorityKey, "control-plane")
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(path, block, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := x509.MarshalECPrivateKey(clientPair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	fake := &Vault{
		tokens: map[string]bool{}, created: map[string]int64{"1": 1_700_000_000}, latest: 1,
		lease: 1800, raw: map[string]string{},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(fake.answer))
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{serverPair}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	fake.Config = config.Config{
		Socket:       filepath.Join(folder, "run", "kms.sock"),
		VaultAddress: server.URL,
		CAFile:       write("ca.crt", "CERTIFICATE", authority.Raw),
		AuthMount:    "cert", AuthRole: "kms-plugin", TransitMount: "transit", TransitKey: "kubernetes",
		CertificateFile:     write("tls.crt", "CERTIFICATE", clientPair.Certificate[0]),
		KeyFile:             write("tls.key", "EC PRIVATE KEY", key),
		AttemptMilliseconds: 300,
	}
	return fake
}

func certificate(t *testing.T, parent *x509.Certificate, signer *ecdsa.PrivateKey, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        parent == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func pair(t *testing.T, authority *x509.Certificate, key *ecdsa.PrivateKey, name string) tls.Certificate {
	t.Helper()
	made, own := certificate(t, authority, key, name)
	return tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: own}
}

// Rotate adds a version to the key.
func (v *Vault) Rotate() {
	v.locked(func() { v.latest++; v.created[fmt.Sprint(v.latest)] = 1_700_000_000 + int64(v.latest) })
}

// Remake deletes the key and makes another of the same name.
func (v *Vault) Remake() {
	v.locked(func() { v.latest = 1; v.created = map[string]int64{"1": 1_800_000_000} })
}

// ForgetTokens makes every token given out so far invalid, as after a restore from a snapshot.
func (v *Vault) ForgetTokens() { v.locked(func() { v.tokens = map[string]bool{} }) }

// Lease sets the life of tokens in seconds.
func (v *Vault) Lease(seconds int) { v.locked(func() { v.lease = seconds }) }

// Fail makes every answer an error with this status; 0 ends it.
func (v *Vault) Fail(status int) { v.locked(func() { v.status = status }) }

// Hang leaves every request without an answer until the returned function is called.
func (v *Vault) Hang() func() {
	hang := make(chan struct{})
	v.locked(func() { v.hang = hang })
	return func() {
		v.locked(func() { v.hang = nil })
		close(hang)
	}
}

// RemoveKey makes the transit key unknown.
func (v *Vault) RemoveKey() { v.locked(func() { v.keyGone = true }) }

// Asymmetric makes the key look like one that cannot wrap keys.
func (v *Vault) Asymmetric() { v.locked(func() { v.keyObject = true }) }

// Answer sends this body with status 200 for every path that ends so.
func (v *Vault) Answer(suffix, body string) { v.locked(func() { v.raw[suffix] = body }) }

// Logins and Renewals count what the client did.
func (v *Vault) Logins() (count int) { v.locked(func() { count = v.logins }); return }

// Renewals counts renewals of tokens.
func (v *Vault) Renewals() (count int) { v.locked(func() { count = v.renewals }); return }

// Requests counts everything that was asked.
func (v *Vault) Requests() (count int) { v.locked(func() { count = v.requests }); return }

func (v *Vault) locked(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

func (v *Vault) answer(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body) // a GET has none
	_, _ = io.Copy(io.Discard, r.Body)        // only then does net/http notice that a client hangs up
	v.mu.Lock()
	v.requests++
	hang := v.hang
	v.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	status, answer := v.route(r, strings.TrimPrefix(r.URL.Path, "/v1/"), body)
	w.WriteHeader(status)
	if text, ok := answer.(string); ok {
		fmt.Fprint(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

func (v *Vault) route(r *http.Request, path string, body map[string]any) (int, any) {
	if v.status != 0 {
		return v.status, errors("asked to fail")
	}
	for suffix, text := range v.raw {
		if strings.HasSuffix(path, suffix) {
			return 200, text
		}
	}
	if path == "auth/cert/login" {
		if len(r.TLS.PeerCertificates) == 0 || body["name"] != "kms-plugin" {
			return 400, errors("invalid certificate or no client certificate supplied")
		}
		v.logins++
		token := fmt.Sprintf("token-%d", v.logins)
		v.tokens[token] = true
		return 200, v.auth(token)
	}
	token := r.Header.Get("X-Vault-Token")
	if !v.tokens[token] {
		return 403, errors("permission denied")
	}
	switch path {
	case "auth/token/renew-self":
		v.renewals++
		return 200, v.auth(token)
	case "transit/keys/kubernetes":
		if v.keyGone {
			return 404, errors()
		}
		keys := map[string]any{}
		for version, created := range v.created {
			keys[version] = created
			if v.keyObject {
				keys[version] = map[string]any{"public_key": "x"}
			}
		}
		return 200, data(map[string]any{"latest_version": v.latest, "keys": keys})
	case "transit/encrypt/kubernetes":
		return 200, data(map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", v.latest, body["plaintext"])})
	case "transit/decrypt/kubernetes":
		text, _ := body["ciphertext"].(string)
		return 200, data(map[string]any{"plaintext": text[strings.LastIndex(text, ":")+1:]})
	}
	return 404, errors("no handler for route")
}

func (v *Vault) auth(token string) map[string]any {
	return map[string]any{"auth": map[string]any{
		"client_token": token, "lease_duration": v.lease, "renewable": true,
	}}
}

func data(values map[string]any) map[string]any { return map[string]any{"data": values} }

func errors(messages ...string) map[string]any { return map[string]any{"errors": messages} }
