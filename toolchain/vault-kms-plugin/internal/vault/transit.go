package vault

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"
)

// errUnusable marks an answer that will not become better by asking again.
var errUnusable = errors.New("unusable answer from Vault")

// ErrCiphertext says that what is to be decrypted was not made by this plugin.
var ErrCiphertext = errors.New("not a ciphertext of Vault's transit engine")

// Transit is one key of a transit engine.
type Transit struct {
	session *Session
	mount   string
	key     string

	mu sync.Mutex
	// Creation time (Unix seconds) of every version known so far.
	versions map[int]string
}

// NewTransit names the key; nothing is sent.
func NewTransit(session *Session, mount, key string) *Transit {
	return &Transit{session: session, mount: mount, key: key, versions: map[int]string{}}
}

// KeyID reads the key and returns the identifier of its latest version.
func (t *Transit) KeyID(ctx context.Context) (string, error) {
	latest, err := t.read(ctx)
	if err != nil {
		return "", err
	}
	return t.identify(ctx, latest)
}

// Encrypt returns the ciphertext and the identifier of the version that made it.
func (t *Transit) Encrypt(ctx context.Context, plaintext []byte) ([]byte, string, error) {
	data, err := t.write(ctx, "encrypt", "plaintext", base64.StdEncoding.EncodeToString(plaintext))
	if err != nil {
		return nil, "", err
	}
	ciphertext, _ := data["ciphertext"].(string)
	version, err := versionOf(ciphertext)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errUnusable, err)
	}
	identifier, err := t.identify(ctx, version)
	if err != nil {
		return nil, "", err
	}
	return []byte(ciphertext), identifier, nil
}

// Decrypt opens a ciphertext of any version that Vault still has.
func (t *Transit) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	if _, err := versionOf(string(ciphertext)); err != nil {
		return nil, err
	}
	data, err := t.write(ctx, "decrypt", "ciphertext", string(ciphertext))
	if err != nil {
		return nil, err
	}
	encoded, ok := data["plaintext"].(string)
	if !ok {
		return nil, fmt.Errorf("%w: no plaintext in it", errUnusable)
	}
	plaintext, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		// Without the cause, which could quote the plaintext.
		return nil, fmt.Errorf("%w: the plaintext is not base64", errUnusable)
	}
	return plaintext, nil
}

func (t *Transit) write(ctx context.Context, operation, field, value string) (map[string]any, error) {
	var data map[string]any
	err := t.session.Do(ctx, func(ctx context.Context, client *api.Client) error {
		secret, err := client.Logical().WriteWithContext(
			ctx, t.mount+"/"+operation+"/"+t.key, map[string]any{field: value})
		if err != nil {
			return err
		}
		if secret == nil {
			return fmt.Errorf("%w: it is empty", errUnusable)
		}
		data = secret.Data
		return nil
	})
	return data, err
}

// identify hashes everything that makes a version of a key what it is: a key that is deleted and
// made anew under the same name starts at version 1 again, but at another time.
func (t *Transit) identify(ctx context.Context, version int) (string, error) {
	created, known := t.created(version)
	if !known {
		if _, err := t.read(ctx); err != nil {
			return "", err
		}
		if created, known = t.created(version); !known {
			return "", fmt.Errorf("%w: the key has no version %d", errUnusable, version)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(
		[]string{t.mount, t.key, strconv.Itoa(version), created}, "\x00")))
	return "v" + strconv.Itoa(version) + "-" + hex.EncodeToString(sum[:16]), nil
}

func (t *Transit) created(version int) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	created, known := t.versions[version]
	return created, known
}

func (t *Transit) read(ctx context.Context) (latest int, err error) {
	var secret *api.Secret
	err = t.session.Do(ctx, func(ctx context.Context, client *api.Client) error {
		secret, err = client.Logical().ReadWithContext(ctx, t.mount+"/keys/"+t.key)
		return err
	})
	if err != nil {
		return 0, err
	}
	if secret == nil {
		return 0, fmt.Errorf("%w: there is no key %s/%s", errUnusable, t.mount, t.key)
	}
	number, _ := secret.Data["latest_version"].(json.Number)
	latest64, err := number.Int64()
	keys, ok := secret.Data["keys"].(map[string]any)
	if err != nil || !ok {
		return 0, fmt.Errorf("%w: the key has no versions", errUnusable)
	}
	versions := make(map[int]string, len(keys))
	for text, value := range keys {
		version, err := strconv.Atoi(text)
		created, ok := value.(json.Number)
		if err != nil || !ok {
			return 0, fmt.Errorf("%w: %s/%s is not a symmetric key", errUnusable, t.mount, t.key)
		}
		versions[version] = created.String()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.versions = versions
	return int(latest64), nil
}

// versionOf reads the key version from "vault:v<version>:<base64>".
func versionOf(ciphertext string) (int, error) {
	rest, found := strings.CutPrefix(ciphertext, "vault:v")
	digits, payload, split := strings.Cut(rest, ":")
	version, err := strconv.Atoi(digits)
	if !found || !split || err != nil || version < 1 || payload == "" {
		return 0, ErrCiphertext
	}
	return version, nil
}
