package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// endpoint is a place in one of the two network namespaces: "host:PORT" addresses, or "unix:/path" (in net "host").
type endpoint struct {
	Net     string `json:"net"` // "host" or "cluster"
	Address string `json:"address"`
}

// forward asks for a listener whose connections go to dial.
type forward struct {
	Id     int      `json:"id"`
	Listen endpoint `json:"listen"`
	Dial   endpoint `json:"dial"`
}

type answer struct {
	Id      int    `json:"id"`
	Address string `json:"address,omitempty"`
	Error   string `json:"error,omitempty"`
}

// relayMain serves forwards until its standard input ends.
func relayMain(args []string) error {
	if len(args) != 1 {
		return errors.New("relay takes the PID of a process in the cluster's network namespace")
	}
	cluster, err := startNetns("/proc/" + args[0] + "/ns/net")
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var f forward
		if err := json.Unmarshal(in.Bytes(), &f); err != nil {
			return err
		}
		a := answer{Id: f.Id}
		if l, err := listen(cluster, f.Listen); err != nil {
			a.Error = err.Error()
		} else {
			a.Address = l.Addr().String()
			go serve(l, cluster, f.Dial)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return in.Err()
}

// netns runs functions on one thread that has entered another network namespace: a socket belongs for ever to the
// namespace of the thread that made it.
type netns chan func()

func startNetns(path string) (netns, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	calls, entered := make(netns), make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not go back to the pool
		if _, _, errno := syscall.RawSyscall(sysSetns, file.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
			entered <- fmt.Errorf("setns %s: %w", path, errno)
			return
		}
		entered <- nil
		for call := range calls {
			call()
		}
	}()
	return calls, <-entered
}

func (n netns) do(call func()) {
	done := make(chan struct{})
	n <- func() { call(); close(done) }
	<-done
}

func split(address string) (network, place string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}

func listen(cluster netns, e endpoint) (l net.Listener, err error) {
	network, place := split(e.Address)
	if e.Net == "cluster" {
		cluster.do(func() { l, err = net.Listen(network, place) })
		return l, err
	}
	if network == "unix" {
		// Left by a relay that was killed. Other sockets never lie in a cluster's own folder under this name.
		if info, err := os.Lstat(place); err == nil && info.Mode()&os.ModeSocket != 0 {
			os.Remove(place)
		}
		defer syscall.Umask(syscall.Umask(0o177))
	}
	return net.Listen(network, place)
}

func dial(cluster netns, e endpoint) (c net.Conn, err error) {
	network, place := split(e.Address)
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if e.Net == "cluster" {
		cluster.do(func() { c, err = dialer.Dial(network, place) })
		return c, err
	}
	return dialer.Dial(network, place)
}

func serve(l net.Listener, cluster netns, to endpoint) {
	for {
		from, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			fmt.Fprintln(os.Stderr, "kx-init relay:", err)
			time.Sleep(50 * time.Millisecond) // out of file descriptors: try again when some are free
			continue
		}
		go func() {
			there, err := dial(cluster, to)
			if err != nil {
				from.Close()
				return
			}
			go pass(there, from)
			pass(from, there)
			from.Close()
			there.Close()
		}()
	}
}

// pass copies until the source ends, then tells the other side so. io.Copy splices between sockets in the kernel.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		half.CloseWrite()
		return
	}
	to.Close()
	from.Close()
}
