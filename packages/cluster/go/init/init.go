package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// step is one line of a plan; op says which of the other fields count.
type step struct {
	Op      string   `json:"op"`
	Path    string   `json:"path"`
	Source  string   `json:"source"`
	Type    string   `json:"type"`
	Options []string `json:"options"`
	Data    string   `json:"data"`
	Mode    uint32   `json:"mode"`
	Major   uint32   `json:"major"`
	Minor   uint32   `json:"minor"`
}

// readyFd is where the starter waits for one line that says that the plan is done.
const readyFd = 3

func initMain(args []string) error {
	if len(args) != 1 {
		return errors.New("init takes one plan file")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var steps []step
	if err := json.Unmarshal(text, &steps); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	syscall.Umask(0)
	for i, s := range steps {
		if err := s.apply(); err != nil {
			return fmt.Errorf("step %d (%s %s): %w", i+1, s.Op, s.Path, err)
		}
	}
	syscall.Umask(0o022)
	children := make(chan os.Signal, 16)
	signal.Notify(children, syscall.SIGCHLD)
	ready := os.NewFile(readyFd, "ready")
	if _, err := ready.WriteString("ready\n"); err != nil {
		return fmt.Errorf("the starter is gone: %w", err)
	}
	ready.Close()
	// SIGTERM and SIGINT are not handled on purpose: the kernel drops them for a PID 1, which ends by SIGKILL only.
	for {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if pid <= 0 {
				break
			}
		}
		<-children
	}
}

func (s step) apply() error {
	switch s.Op {
	case "mkdir":
		if err := os.MkdirAll(s.Path, os.FileMode(s.Mode)); err != nil {
			return err
		}
		return os.Chmod(s.Path, fileMode(s.Mode))
	case "write":
		if err := os.MkdirAll(filepath.Dir(s.Path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(s.Path, []byte(s.Data), os.FileMode(s.Mode))
	case "symlink":
		if err := os.MkdirAll(filepath.Dir(s.Path), 0o755); err != nil {
			return err
		}
		return os.Symlink(s.Source, s.Path)
	case "mount":
		return s.mount()
	case "mknod":
		if err := os.MkdirAll(filepath.Dir(s.Path), 0o755); err != nil {
			return err
		}
		return syscall.Mknod(s.Path, s.Mode, int(s.Major<<8|s.Minor))
	case "hide":
		return hide(s.Path, s.Source)
	case "pivot":
		return pivot(s.Path)
	case "detach":
		return detach()
	case "hostname":
		return syscall.Sethostname([]byte(s.Data))
	case "join-cgroup":
		return joinCgroup(s.Path)
	}
	return errors.New("unknown op")
}

// fileMode keeps the sticky bit, which os.Chmod takes in Go's own notation.
func fileMode(mode uint32) os.FileMode {
	m := os.FileMode(mode & 0o777)
	if mode&syscall.S_ISVTX != 0 {
		m |= os.ModeSticky
	}
	return m
}

var mountFlags = map[string]uintptr{
	"bind": syscall.MS_BIND, "rbind": syscall.MS_BIND | syscall.MS_REC, "ro": syscall.MS_RDONLY,
	"nosuid": syscall.MS_NOSUID, "nodev": syscall.MS_NODEV, "noexec": syscall.MS_NOEXEC,
	"remount": syscall.MS_REMOUNT, "rshared": syscall.MS_SHARED | syscall.MS_REC,
	"rprivate": syscall.MS_PRIVATE | syscall.MS_REC,
}

func (s step) mount() error {
	var flags uintptr
	for _, o := range s.Options {
		f, ok := mountFlags[o]
		if !ok {
			return fmt.Errorf("unknown mount option %q", o)
		}
		flags |= f
	}
	if err := syscall.Mount(s.Source, s.Path, s.Type, flags, s.Data); err != nil {
		return err
	}
	if flags&syscall.MS_BIND != 0 && flags&syscall.MS_RDONLY != 0 && flags&syscall.MS_REMOUNT == 0 {
		return syscall.Mount("", s.Path, "", flags|syscall.MS_REMOUNT, "") // a bind mount takes "ro" only on remount
	}
	return nil
}

// hide makes path absent in an overlay by a whiteout in its upper folder (or, for a folder whose name ends in "/",
// empty), without ever touching the lower file. Ancestors take over mode and owner of the lower ones.
func hide(path, upper string) error {
	emptied := strings.HasSuffix(path, "/")
	path = filepath.Clean(path)
	var ancestors []string
	last := path
	if !emptied {
		last = filepath.Dir(path)
	}
	for p := last; p != "/"; p = filepath.Dir(p) {
		ancestors = append([]string{p}, ancestors...)
	}
	for _, p := range ancestors {
		target := filepath.Join(upper, p)
		if info, err := os.Lstat(target); err == nil {
			if !info.IsDir() {
				return nil // an ancestor is hidden already
			}
			continue
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		if err := syscall.Mkdir(target, st.Mode&0o7777); err != nil {
			return err
		}
		if err := os.Chown(target, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if emptied {
		return syscall.Setxattr(filepath.Join(upper, path), "trusted.overlay.opaque", []byte("y"), 0)
	}
	err := syscall.Mknod(filepath.Join(upper, path), syscall.S_IFCHR, 0)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// oldRoot is where the machine's file system stays reachable between pivot and detach.
const oldRoot = "/.old-root"

// pivot makes root the root of this mount namespace. From here on, links in the new root lead nowhere else.
func pivot(root string) error {
	old := root + oldRoot
	if err := os.MkdirAll(old, 0o700); err != nil {
		return err
	}
	if err := syscall.PivotRoot(root, old); err != nil {
		return err
	}
	return os.Chdir("/")
}

func detach() error {
	if err := syscall.Unmount(oldRoot, syscall.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(oldRoot)
}
