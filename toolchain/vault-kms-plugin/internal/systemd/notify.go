// Package systemd tells the service manager how the service is (sd_notify(3)).
package systemd

import (
	"net"
	"os"
)

// Notify sends states such as "READY=1" or "STOPPING=1". Without a service manager
// (NOTIFY_SOCKET unset) it does nothing.
func Notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	// A leading @ stands for the abstract name space; package net reads it the same way.
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = connection.Write([]byte(state))
	return err
}
