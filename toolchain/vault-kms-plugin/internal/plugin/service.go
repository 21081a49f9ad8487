// Package plugin answers the API server's KMS v2 requests with a Vault transit key.
package plugin

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/kms/pkg/service"

	"ai-lab.eu/vault-kms-plugin/internal/vault"
)

// Healthy is what Status says when Vault can be used (KMS v2 asks for exactly this word).
const Healthy = "ok"

const apiVersion = "v2"

// Key is the transit key.
type Key interface {
	KeyID(ctx context.Context) (string, error)
	Encrypt(ctx context.Context, plaintext []byte) (ciphertext []byte, keyID string, err error)
	Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
}

// Observer counts requests.
type Observer interface {
	Observe(operation string, duration time.Duration, err error)
}

// Service implements k8s.io/kms/pkg/service.Service.
type Service struct {
	key      Key
	observer Observer
	log      *slog.Logger
	// The deadline of requests that come without one.
	timeout time.Duration

	mu sync.Mutex
	// What Status said last, to log a change once instead of every minute.
	health string
	keyID  string
}

var _ service.Service = (*Service)(nil)

// New makes the service; `timeout` bounds requests that come without a deadline.
func New(key Key, observer Observer, log *slog.Logger, timeout time.Duration) *Service {
	return &Service{key: key, observer: observer, log: log, timeout: timeout}
}

// Status never fails: while Vault cannot be used, healthz says why, and the API server waits.
func (s *Service) Status(ctx context.Context) (*service.StatusResponse, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	start := time.Now()
	keyID, err := s.key.KeyID(ctx)
	s.observer.Observe("status", time.Since(start), err)
	health := Healthy
	if err != nil {
		health = err.Error()
	}
	return &service.StatusResponse{Version: apiVersion, Healthz: health, KeyID: s.note(health, keyID)}, nil
}

// note remembers what Status says and returns the last known key identifier.
func (s *Service) note(health, keyID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if health != s.health {
		if health == Healthy {
			s.log.Info("Vault can be used")
		} else {
			s.log.Error("Vault cannot be used", "error", health)
		}
		s.health = health
	}
	if keyID != "" && keyID != s.keyID {
		s.log.Info("the key has a new latest version", "key_id", keyID, "before", s.keyID)
		s.keyID = keyID
	}
	return s.keyID
}

// Encrypt wraps a key of the API server.
func (s *Service) Encrypt(ctx context.Context, uid string, data []byte) (*service.EncryptResponse, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	start := time.Now()
	ciphertext, keyID, err := s.key.Encrypt(ctx, data)
	s.observer.Observe("encrypt", time.Since(start), err)
	if err != nil {
		return nil, s.fail("encrypt", uid, err)
	}
	return &service.EncryptResponse{Ciphertext: ciphertext, KeyID: keyID}, nil
}

// Decrypt unwraps a key of the API server. Which version of the key made the ciphertext stands in
// the ciphertext, so requests with an old key identifier need nothing more.
func (s *Service) Decrypt(ctx context.Context, uid string, request *service.DecryptRequest) ([]byte, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	start := time.Now()
	plaintext, err := s.key.Decrypt(ctx, request.Ciphertext)
	s.observer.Observe("decrypt", time.Since(start), err)
	if err != nil {
		return nil, s.fail("decrypt", uid, err)
	}
	return plaintext, nil
}

func (s *Service) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}

// fail logs a failed request and gives it the gRPC code that says whether to try again.
func (s *Service) fail(operation, uid string, err error) error {
	code := codes.Unavailable
	switch {
	case errors.Is(err, vault.ErrCiphertext):
		code = codes.InvalidArgument
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case vault.Rejected(err):
		code = codes.FailedPrecondition
	}
	s.log.Error("request failed", "operation", operation, "uid", uid, "code", code.String(), "error", err.Error())
	return status.Error(code, err.Error())
}
