// Package metrics counts requests and serves /healthz and /metrics on a loopback address.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

type series struct {
	operation, outcome string
}

type total struct {
	count   uint64
	seconds float64
}

// Requests counts requests by operation and outcome. The zero value is ready.
type Requests struct {
	mu     sync.Mutex
	totals map[series]total
}

// Observe counts one request.
func (r *Requests) Observe(operation string, duration time.Duration, err error) {
	outcome := "success"
	if err != nil {
		outcome = "error"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.totals == nil {
		r.totals = map[series]total{}
	}
	sum := r.totals[series{operation, outcome}]
	sum.count++
	sum.seconds += duration.Seconds()
	r.totals[series{operation, outcome}] = sum
}

// String is the Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/).
func (r *Requests) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([]series, 0, len(r.totals))
	for key := range r.totals {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].operation+keys[i].outcome < keys[j].operation+keys[j].outcome
	})
	var text strings.Builder
	for _, metric := range []struct {
		name, help string
		value      func(total) any
	}{
		{"vault_kms_plugin_requests_total", "Requests of the API server.",
			func(t total) any { return t.count }},
		{"vault_kms_plugin_request_seconds_total", "Time spent on them.",
			func(t total) any { return t.seconds }},
	} {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s counter\n", metric.name, metric.help, metric.name)
		for _, key := range keys {
			fmt.Fprintf(&text, "%s{operation=%q,outcome=%q} %v\n",
				metric.name, key.operation, key.outcome, metric.value(r.totals[key]))
		}
	}
	return text.String()
}

// Serve answers until the context ends. `health` returns "ok" or what is wrong.
func Serve(ctx context.Context, listener net.Listener, requests *Requests, health func(context.Context) string) error {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /metrics", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(answer, requests)
	})
	routes.HandleFunc("GET /healthz", func(answer http.ResponseWriter, request *http.Request) {
		text := health(request.Context())
		if text != "ok" {
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(answer, text)
	})
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
