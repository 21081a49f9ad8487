// The Kubernetes KMS v2 plugin of the lab: it wraps the API server's encryption keys with a
// transit key in Vault (https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ai-lab.eu/vault-kms-plugin/internal/config"
	"ai-lab.eu/vault-kms-plugin/internal/metrics"
	"ai-lab.eu/vault-kms-plugin/internal/plugin"
	"ai-lab.eu/vault-kms-plugin/internal/server"
	"ai-lab.eu/vault-kms-plugin/internal/systemd"
	"ai-lab.eu/vault-kms-plugin/internal/vault"
)

const (
	usage = `usage: vault-kms-plugin serve -config FILE
       vault-kms-plugin check [-socket PATH] [-timeout DURATION]
`
	// The API server gives a request 3 s unless its configuration says otherwise.
	defaultTimeout = 3 * time.Second
	shutdownGrace  = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, arguments []string, out, problems io.Writer) int {
	if len(arguments) == 0 {
		fmt.Fprint(problems, usage)
		return 2
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	flags.SetOutput(problems)
	var command func() error
	switch arguments[0] {
	case "serve":
		file := flags.String("config", "/etc/kms-plugin/config.json", "configuration file")
		command = func() error { return serve(ctx, *file, problems) }
	case "check":
		socket := flags.String("socket", "/run/kms-plugin/kms.sock", "socket of the plugin")
		timeout := flags.Duration("timeout", 10*time.Second, "longest wait for an answer")
		command = func() error { return check(ctx, *socket, *timeout, out) }
	default:
		fmt.Fprint(problems, usage)
		return 2
	}
	if err := flags.Parse(arguments[1:]); err != nil || flags.NArg() > 0 {
		fmt.Fprint(problems, usage)
		return 2
	}
	if err := command(); err != nil {
		fmt.Fprintln(problems, "vault-kms-plugin:", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, file string, logs io.Writer) error {
	log := slog.New(slog.NewJSONHandler(logs, nil))
	settings, err := config.Load(file)
	if err != nil {
		return err
	}
	session, err := vault.NewSession(settings, log)
	if err != nil {
		return err
	}
	requests := &metrics.Requests{}
	key := vault.NewTransit(session, settings.TransitMount, settings.TransitKey)
	kms := plugin.New(key, requests, log, defaultTimeout)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if settings.MonitorAddress != "" {
		monitor, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.MonitorAddress)
		if err != nil {
			return err
		}
		go func() {
			if err := metrics.Serve(ctx, monitor, requests, health(kms)); err != nil {
				cancel(err)
			}
		}()
	}
	listener, err := server.Listen(ctx, settings.Socket)
	if err != nil {
		return err
	}
	go session.Run(ctx)

	// Ready means that the socket answers, not that Vault does: the kubelet, the API server and
	// perhaps Vault's own machine start in any order, and Status tells them how it stands.
	if err := systemd.Notify("READY=1"); err != nil {
		log.Warn("the service manager was not told", "error", err.Error())
	}
	log.Info("serving", "socket", settings.Socket, "vault", settings.VaultAddress,
		"key", settings.TransitMount+"/"+settings.TransitKey)
	err = server.Serve(ctx, listener, kms, shutdownGrace)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	log.Info("stopped")
	return err
}

func health(kms *plugin.Service) func(context.Context) string {
	return func(ctx context.Context) string {
		status, err := kms.Status(ctx)
		if err != nil {
			return err.Error()
		}
		return status.Healthz
	}
}

// check asks a running plugin and fails unless it can use its key.
func check(ctx context.Context, socket string, timeout time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	status, err := server.Status(ctx, socket)
	if err != nil {
		return err
	}
	if status.GetHealthz() != plugin.Healthy {
		return errors.New(status.GetHealthz())
	}
	fmt.Fprintf(out, "%s %s\n", status.GetHealthz(), status.GetKeyId())
	return nil
}
