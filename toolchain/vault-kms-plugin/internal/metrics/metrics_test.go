package metrics_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ai-lab.eu/vault-kms-plugin/internal/metrics"
)

func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests := &metrics.Requests{}
	requests.Observe("encrypt", 1500*time.Millisecond, nil)
	requests.Observe("encrypt", 500*time.Millisecond, nil)
	requests.Observe("decrypt", time.Second, errors.New("gone"))
	health := "ok"
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- metrics.Serve(ctx, listener, requests, func(context.Context) string { return health })
	}()
	get := func(path string) (int, string) {
		answer, err := http.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if status, text := get("/healthz"); status != 200 || text != "ok\n" {
		t.Fatal(status, text)
	}
	health = "Vault is sealed"
	if status, text := get("/healthz"); status != 503 || !strings.Contains(text, "sealed") {
		t.Fatal(status, text)
	}
	_, text := get("/metrics")
	for _, line := range []string{
		"# TYPE vault_kms_plugin_requests_total counter\n",
		`vault_kms_plugin_requests_total{operation="decrypt",outcome="error"} 1` + "\n",
		`vault_kms_plugin_requests_total{operation="encrypt",outcome="success"} 2` + "\n",
		`vault_kms_plugin_request_seconds_total{operation="encrypt",outcome="success"} 2` + "\n",
	} {
		if !strings.Contains(text, line) {
			t.Fatalf("%q is missing in\n%s", line, text)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
