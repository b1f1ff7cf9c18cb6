// Measures a program from outside, by the kernel's own account of the finished process, and sends files out of the
// page cache.
//
//	measure run PROGRAM [ARG ...]   runs it on our own standard streams; one line of JSON on descriptor 3
//	measure evict FILE ...          after it nothing of the files is cached; prints the share that still is, 0 to 1
//
// A small process does this, not the benchmark itself: the largest memory that the kernel notes for a child begins
// with that of the process it was forked from.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) >= 2 && args[0] == "run" {
		return measure(args[1], args[2:])
	}
	if len(args) >= 2 && args[0] == "evict" {
		return evict(args[1:])
	}
	return fmt.Errorf("want run PROGRAM or evict FILE")
}

// Usage of one finished process; children that it waited for are in it.
type usage struct {
	Status      int     `json:"status"` // -1 when a signal ended it
	WallMs      float64 `json:"wallMs"`
	UserMs      float64 `json:"userMs"`
	SystemMs    float64 `json:"systemMs"`
	MaxRssBytes int64   `json:"maxRssBytes"`
}

func measure(program string, args []string) error {
	command := exec.Command(program, args...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	from := time.Now()
	err := command.Run()
	wall := time.Since(from)
	if command.ProcessState == nil {
		return err
	}
	state := command.ProcessState
	told := usage{
		Status:      state.ExitCode(),
		WallMs:      milliseconds(wall),
		UserMs:      milliseconds(state.UserTime()),
		SystemMs:    milliseconds(state.SystemTime()),
		MaxRssBytes: state.SysUsage().(*syscall.Rusage).Maxrss * 1024,
	}
	return json.NewEncoder(os.NewFile(3, "report")).Encode(told)
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

const fadviseDontNeed = 4

// Dirty pages stay in the cache whatever is advised, so they are written first.
func evict(paths []string) error {
	var pages, cached int
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := file.Sync(); err != nil {
			return err
		}
		_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, fadviseDontNeed, 0, 0)
		if errno != 0 {
			return fmt.Errorf("fadvise %s: %w", path, errno)
		}
		all, still, err := residence(file)
		if err != nil {
			return fmt.Errorf("mincore %s: %w", path, err)
		}
		pages += all
		cached += still
	}
	fmt.Println(float64(cached) / float64(max(pages, 1)))
	return nil
}

// residence counts a file's pages, and those of them in the page cache.
func residence(file *os.File) (pages, cached int, err error) {
	stat, err := file.Stat()
	if err != nil || stat.Size() == 0 {
		return 0, 0, err
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, int(stat.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return 0, 0, err
	}
	defer syscall.Munmap(mapped)
	marks := make([]byte, (len(mapped)+os.Getpagesize()-1)/os.Getpagesize())
	_, _, errno := syscall.Syscall(syscall.SYS_MINCORE,
		uintptr(unsafe.Pointer(&mapped[0])), uintptr(len(mapped)), uintptr(unsafe.Pointer(&marks[0])))
	if errno != 0 {
		return 0, 0, errno
	}
	for _, mark := range marks {
		cached += int(mark & 1)
	}
	return len(marks), cached, nil
}
