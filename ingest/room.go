package ingest

import (
	"errors"
	"strings"
	"syscall"

	"github.com/sanyi-lake/sanyi/internal/fault"
	"github.com/sanyi-lake/sanyi/internal/lang"
)

// noRoom says that a file could not grow: the disk is full, or a quota or a limit on the size of files was reached.
// DuckDB and SQLite tell it in words alone.
func noRoom(err error) bool {
	if err == nil {
		return false
	}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, errno) {
			return true
		}
	}
	for _, words := range []string{"No space left on device", "no space left on device", "database or disk is full", "Disk quota exceeded", "File too large"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// roomFault tells a full disk by its name, wherever it was met, and what to do about it.
func roomFault(dir string, err error) error {
	if !noRoom(err) {
		return err
	}
	return fault.New(fault.Unavailable, lang.Pick(
		"湖 %s：磁盘已满，未发布任何内容；请腾出空间（或调高配额），再运行同一命令（%w）",
		"lake %s: the disk is full, nothing was published; make room there (or raise the quota) and run the same command again (%w)"), dir, err)
}
