// Package vault keeps a Vault token alive and uses one transit key with it.
package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"ai-lab.eu/vault-kms-plugin/internal/config"
)

const (
	attempts     = 3
	firstPause   = 100 * time.Millisecond
	longestPause = 15 * time.Second
	// Even a lease of a second does not make the plugin flood Vault.
	leastRest = time.Second
)

// Session is a login to Vault by TLS certificate. It is safe for concurrent use.
type Session struct {
	client    *api.Client
	transport *http.Transport
	log       *slog.Logger
	mount     string
	role      string

	// One login at a time; guards what follows.
	mu        sync.Mutex
	token     string
	lease     time.Duration
	renewable bool
	obtained  time.Time
	changed   chan struct{}
}

// NewSession prepares a session; nothing is sent before it is used.
func NewSession(c config.Config, log *slog.Logger) (*Session, error) {
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", c.CAFile)
	}
	if _, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    roots,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
				return &pair, err
			},
		},
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: c.AttemptTimeout(),
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConns:        8,
		// No Proxy: a proxy from the environment must never see this traffic.
	}
	client, err := api.NewClient(&api.Config{
		Address:    c.VaultAddress,
		HttpClient: &http.Client{Transport: transport},
		Timeout:    c.AttemptTimeout(),
		// Retries are ours (see Do), so that they end at the caller's deadline.
		MaxRetries: 0,
	})
	if err != nil {
		return nil, err
	}
	client.ClearToken() // NewClient takes VAULT_TOKEN from the environment
	return &Session{
		client: client, transport: transport, log: log,
		mount: c.AuthMount, role: c.AuthRole, changed: make(chan struct{}, 1),
	}, nil
}

// Do runs one request with a valid token: it logs in first if needed, logs in anew once when
// Vault refuses the token, and tries again (three times at most, within the caller's deadline)
// when Vault is not reachable or sealed.
func (s *Session) Do(ctx context.Context, request func(context.Context, *api.Client) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, request)
		if err == nil || attempt == attempts || !temporary(err) || ctx.Err() != nil {
			return err
		}
		if waited := wait(ctx, pause); waited != nil {
			return err
		}
		pause *= 2
	}
}

func (s *Session) once(ctx context.Context, request func(context.Context, *api.Client) error) error {
	token, err := s.login(ctx, "")
	if err != nil {
		return err
	}
	err = request(ctx, s.client)
	if !refused(err) {
		return err
	}
	if _, err := s.login(ctx, token); err != nil {
		return err
	}
	return request(ctx, s.client)
}

// login returns a token other than `rejected`, from an earlier login where there is one.
func (s *Session) login(ctx context.Context, rejected string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.token != rejected && time.Since(s.obtained) < s.lease {
		return s.token, nil
	}
	// The certificate may have been renewed since the open connections were made.
	s.transport.CloseIdleConnections()
	secret, err := s.client.Logical().WriteWithContext(
		ctx, "auth/"+s.mount+"/login", map[string]any{"name": s.role})
	if err != nil {
		return "", fmt.Errorf("log in by certificate: %w", err)
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" || secret.Auth.LeaseDuration <= 0 {
		return "", fmt.Errorf("log in by certificate: %w: no token with a lease", errUnusable)
	}
	s.keep(secret.Auth.ClientToken, secret.Auth)
	s.log.Info("logged in to Vault", "role", s.role, "lease_seconds", secret.Auth.LeaseDuration)
	return s.token, nil
}

func (s *Session) keep(token string, auth *api.SecretAuth) {
	s.token = token
	s.lease = time.Duration(auth.LeaseDuration) * time.Second
	s.renewable = auth.Renewable
	s.obtained = time.Now()
	s.client.SetToken(token)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run logs in and keeps the token alive until the context ends: it renews when a third of the
// lease is left, and logs in anew when the token cannot be renewed (or not for longer).
func (s *Session) Run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		if err := s.refresh(ctx); err != nil {
			s.log.Warn("no valid token", "error", err.Error(), "retry_seconds", pause.Seconds())
			if wait(ctx, pause) != nil {
				return
			}
			pause = min(pause*2, longestPause)
			continue
		}
		pause = firstPause
		s.rest(ctx)
	}
}

// due says how long the token can be left alone.
func (s *Session) due() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(time.Until(s.obtained.Add(s.lease*2/3)), leastRest)
}

// rest waits until the token must be renewed, or is another one.
func (s *Session) rest(ctx context.Context) {
	timer := time.NewTimer(s.due())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-s.changed:
			timer.Reset(s.due())
		}
	}
}

func (s *Session) refresh(ctx context.Context) error {
	s.mu.Lock()
	token, lease, renewable := s.token, s.lease, s.renewable
	s.mu.Unlock()
	if token == "" || !renewable {
		_, err := s.login(ctx, token)
		return err
	}
	secret, err := s.client.Auth().Token().RenewSelfWithContext(ctx, int(lease.Seconds()))
	if err == nil && secret.Auth != nil &&
		time.Duration(secret.Auth.LeaseDuration)*time.Second > lease/2 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.token == token {
			s.keep(token, secret.Auth)
		}
		return nil
	}
	if temporary(err) {
		return err
	}
	// Refused, or near the end of the longest life that the role allows.
	_, err = s.login(ctx, token)
	return err
}

// refused says that Vault took the request and did not accept the token.
func refused(err error) bool {
	var response *api.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusForbidden
}

// temporary says that the same request may succeed later: no answer, sealed, standby, overload.
func temporary(err error) bool {
	if err == nil {
		return false
	}
	var response *api.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests
	}
	return !errors.Is(err, errUnusable)
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Rejected says that Vault answered and did not do what was asked; trying again will not help.
func Rejected(err error) bool {
	return err != nil && !temporary(err)
}
