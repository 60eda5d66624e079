package main

// Remote: how the commands that ask a running service find it and prove who they are.

import (
	"net"
	"net/url"
	"os"
	"path/filepath"

	"mizan/api/client"
)

// remoteFlags are shared by every command that talks to the API.
type remoteFlags struct {
	Server     string `help:"Address of the service." default:"http://127.0.0.1:8080" placeholder:"URL"`
	APIKeyFile string `name:"api-key-file" help:"File that holds the API key, instead of the variable MIZAN_API_KEY. With neither, a service on this machine is shown the key that mizan dev keeps in --data." type:"path" placeholder:"FILE"`
	Data       string `help:"Directory in which mizan dev keeps its data." default:".mizan" placeholder:"DIR"`
}

// connect returns a client of the service.
func (f remoteFlags) connect(s *surroundings) (*client.Client, error) {
	return f.connectWith(s, client.Options{})
}

// connectWithFile is connect with a file that is to be sent, and its size in bytes. Whoever asks closes both.
func (f remoteFlags) connectWithFile(s *surroundings, path string) (remote *client.Client, file *os.File, size int64, err error) {
	if file, err = os.Open(path); err != nil { // #nosec G304 -- the operator names the file, and may read it
		return nil, nil, 0, err
	}
	info, err := file.Stat()
	if err == nil {
		remote, err = f.connect(s)
	}
	if err != nil {
		_ = file.Close() // nothing of it was read
		return nil, nil, 0, err
	}
	return remote, file, info.Size(), nil
}

// connectWith is connect with other bounds. The key of mizan dev is shown to no other machine.
func (f remoteFlags) connectWith(s *surroundings, options client.Options) (*client.Client, error) {
	key, err := s.secret("MIZAN_API_KEY", f.APIKeyFile)
	if err != nil {
		return nil, err
	}
	if key == "" && onThisMachine(f.Server) {
		if kept, err := readSecret(devKeyFile(f.Data)); err == nil {
			key = kept
		} else if !os.IsNotExist(err) {
			return nil, err
		}
	}
	if key == "" {
		return nil, usageError("There is no API key. Set MIZAN_API_KEY, or name a file with --api-key-file.")
	}
	options.UserAgent = "mizan/" + version()
	c, err := client.New(f.Server, key, options)
	if err != nil {
		return nil, usageError(err.Error())
	}
	return c, nil
}

func onThisMachine(server string) bool {
	u, err := url.Parse(server)
	return err == nil && loopbackHost(u.Hostname())
}

// loopbackHost reports whether a host can only be this machine.
func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// devKeyFile is where mizan dev keeps its key.
func devKeyFile(data string) string { return filepath.Join(data, "dev-key") }
