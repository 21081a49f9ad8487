package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const valid = `{"vault_address": "https://10.71.0.12:8200", "ca_file": "/ca.crt",
	"certificate_file": "/tls.crt", "key_file": "/tls.key"`

func TestDefaults(t *testing.T) {
	config, err := Parse(strings.NewReader(valid + "}"))
	if err != nil {
		t.Fatal(err)
	}
	if config.Socket != "/run/kms-plugin/kms.sock" || config.AuthRole != "kms-plugin" ||
		config.TransitKey != "kubernetes" || config.AttemptTimeout().Seconds() != 2 {
		t.Fatalf("defaults: %+v", config)
	}
}

func TestFaults(t *testing.T) {
	for title, row := range map[string]struct{ more, want string }{
		"unknown key":        {`, "vault_adress": ""}`, "vault_adress"},
		"plain http":         {`, "vault_address": "http://10.71.0.12:8200"}`, "vault_address"},
		"no host":            {`, "vault_address": "https://"}`, "vault_address"},
		"relative path":      {`, "key_file": "tls.key"}`, "key_file"},
		"long socket":        {`, "socket": "/` + strings.Repeat("s", 120) + `"}`, "107 bytes"},
		"name with a query":  {`, "transit_key": "a?b"}`, "transit_key"},
		"name that climbs":   {`, "auth_role": "../x"}`, "auth_role"},
		"public monitor":     {`, "monitor_address": "0.0.0.0:9000"}`, "monitor_address"},
		"monitor by name":    {`, "monitor_address": "localhost:9000"}`, "monitor_address"},
		"attempt too short":  {`, "attempt_milliseconds": 1}`, "attempt_milliseconds"},
		"two documents":      {`} {}`, "more than one"},
		"not JSON":           {`,`, "EOF"},
		"wrong type":         {`, "socket": 3}`, "socket"},
		"two faults at once": {`, "socket": "s", "auth_mount": ""}`, "auth_mount"},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := Parse(strings.NewReader(valid + row.more))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("want %q, got %v", row.want, err)
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	if _, err := Load(file); !os.IsNotExist(err) {
		t.Fatalf("missing file: %v", err)
	}
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Fatalf("empty document: %v", err)
	}
	if err := os.WriteFile(file, []byte(valid+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err != nil {
		t.Fatal(err)
	}
}
