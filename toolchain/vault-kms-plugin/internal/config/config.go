// Package config reads and checks the plugin's configuration file.
package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Config says where Vault is, who the plugin is, and which key it uses. It holds no secret: the
// private key stays in its own file.
type Config struct {
	// Socket is the path of the gRPC socket; its directory is made with mode 0700.
	Socket string `json:"socket"`
	// VaultAddress is an https URL.
	VaultAddress string `json:"vault_address"`
	// CAFile, CertificateFile and KeyFile are PEM files. The last two are read again for every
	// new connection, so a renewed certificate needs no restart.
	CAFile          string `json:"ca_file"`
	CertificateFile string `json:"certificate_file"`
	KeyFile         string `json:"key_file"`
	// AuthMount and AuthRole name the TLS certificate auth method and the role in it.
	AuthMount string `json:"auth_mount"`
	AuthRole  string `json:"auth_role"`
	// TransitMount and TransitKey name the key that wraps the API server's keys.
	TransitMount string `json:"transit_mount"`
	TransitKey   string `json:"transit_key"`
	// MonitorAddress serves /healthz and /metrics over plain HTTP; loopback only, empty is off.
	MonitorAddress string `json:"monitor_address"`
	// AttemptMilliseconds bounds one request to Vault; the caller's deadline bounds all attempts.
	AttemptMilliseconds int `json:"attempt_milliseconds"`
}

// Vault's own rule for mounts, roles and keys, narrowed to what needs no escaping in a URL.
var name = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_/.-]*[A-Za-z0-9])?$`)

// AttemptTimeout bounds one request to Vault.
func (c Config) AttemptTimeout() time.Duration {
	return time.Duration(c.AttemptMilliseconds) * time.Millisecond
}

// Load reads a JSON file. Unknown keys are refused: a misspelt setting must not be silently lost.
func Load(file string) (Config, error) {
	handle, err := os.Open(file)
	if err != nil {
		return Config{}, err
	}
	defer handle.Close()
	config, err := Parse(handle)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return config, nil
}

// Parse reads one JSON document and checks it whole.
func Parse(document io.Reader) (Config, error) {
	config := Config{
		Socket:              "/run/kms-plugin/kms.sock",
		AuthMount:           "cert",
		AuthRole:            "kms-plugin",
		TransitMount:        "transit",
		TransitKey:          "kubernetes",
		AttemptMilliseconds: 2000,
	}
	decoder := json.NewDecoder(document)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return Config{}, err
	}
	if decoder.More() {
		return Config{}, errors.New("more than one document")
	}
	return config, config.check()
}

func (c Config) check() error {
	var faults []error
	fault := func(format string, values ...any) { faults = append(faults, fmt.Errorf(format, values...)) }

	address, err := url.Parse(c.VaultAddress)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		fault("vault_address: an https URL is needed, not %q", c.VaultAddress)
	}
	for key, path := range map[string]string{
		"socket": c.Socket, "ca_file": c.CAFile, "certificate_file": c.CertificateFile, "key_file": c.KeyFile,
	} {
		if !filepath.IsAbs(path) {
			fault("%s: an absolute path is needed, not %q", key, path)
		}
	}
	// sun_path of struct sockaddr_un has 108 bytes, the last one for the terminator.
	if len(c.Socket) > 107 {
		fault("socket: longer than 107 bytes")
	}
	for key, value := range map[string]string{
		"auth_mount": c.AuthMount, "auth_role": c.AuthRole,
		"transit_mount": c.TransitMount, "transit_key": c.TransitKey,
	} {
		if !name.MatchString(value) {
			fault("%s: %q is not a name that Vault takes", key, value)
		}
	}
	if c.MonitorAddress != "" {
		host, _, err := net.SplitHostPort(c.MonitorAddress)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			fault("monitor_address: a loopback IP address and a port are needed, not %q", c.MonitorAddress)
		}
	}
	if c.AttemptMilliseconds < 100 || c.AttemptMilliseconds > 60_000 {
		fault("attempt_milliseconds: 100 to 60000, not %d", c.AttemptMilliseconds)
	}
	return errors.Join(faults...)
}
