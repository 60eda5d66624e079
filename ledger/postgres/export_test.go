package postgres

// What the tests of this package see of its inside.

import (
	"context"
	"os/exec"
)

// SchemaWithin reads a schema as a transaction has changed it.
var SchemaWithin = readSchema

// PID returns the process id of the server itself.
func (s *Server) PID() int { return postmasterPID(s.config.DataDir) }

// SocketPath returns the full path of the server's socket.
func (s *Server) SocketPath() string { return s.socketDir + "/" + socketName() }

// SocketDir returns the private directory of the server's socket.
func (s *Server) SocketDir() string { return s.socketDir }

// StartOrphan starts a server without a supervisor, as if its supervisor had been killed with SIGKILL.
func StartOrphan(ctx context.Context, config ServerConfig) (*exec.Cmd, error) {
	config, err := config.complete(ctx)
	if err != nil {
		return nil, err
	}
	id, err := prepareData(ctx, config)
	if err != nil {
		return nil, err
	}
	cmd := id.command(context.Background(), "/", config.Bin.path("postgres"), "-D", config.DataDir,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+config.DataDir)
	return cmd, cmd.Start()
}
