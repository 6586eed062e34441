package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// runMain moves this process into the given cgroups and becomes the command.
func runMain(args []string) error {
	for i, a := range args {
		if a != "--" {
			if err := joinCgroup(a); err != nil {
				return err
			}
			continue
		}
		command := args[i+1:]
		if len(command) == 0 {
			break
		}
		path, err := exec.LookPath(command[0])
		if err != nil {
			return err
		}
		return syscall.Exec(path, command, os.Environ())
	}
	return errors.New("run takes cgroup folders, --, and a command")
}

func joinCgroup(dir string) error {
	// A cpuset (cgroup v1) without CPUs or memory nodes takes no process: inherit the parent's.
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		own := filepath.Join(dir, f)
		if text, err := os.ReadFile(own); err == nil && len(text) <= 1 {
			if inherited, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f)); err == nil && len(inherited) > 1 {
				if err := os.WriteFile(own, inherited, 0); err != nil {
					return err
				}
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		return fmt.Errorf("cannot join cgroup %s: %w", dir, err)
	}
	return nil
}
