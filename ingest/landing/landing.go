// Package landing is the quay where extracts arrive: it walks the files, folders and archives that a command names,
// unpacks archives within archives, and keeps the raw files, once each, under the lake's landing/raw folder. What comes
// out is a list of members: files with a name, bytes and a fingerprint. It does not look inside them; that is package
// reader.
//
// An archive is taken as hostile: names that lead out of it are refused, symbolic links are not followed, and what it
// unpacks to is bounded in bytes, members, depth and ratio.
package landing

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Options bound what an archive may unpack to.
type Options struct {
	Work       string  // folder (0700) for members that must be set down on disk: those of tar files, nested zips, pipes
	MaxMembers int     // files in all archives together; 0 = 1,000,000
	MaxBytes   int64   // bytes of all unpacked files together; 0 = 1 TiB
	MaxRatio   float64 // unpacked ÷ packed bytes of one stream, looked at after its first 64 MiB; 0 = 500
	MaxDepth   int     // archives within archives; 0 = 5
}

// Tree is what lies under the walked paths, in the order of their names.
type Tree struct {
	Members []*Member
	Skipped []Skipped
}

// Skipped is something that was seen and is no extract.
type Skipped struct {
	Path string
	Why  string
}

// Member is one file, after all archives are unpacked.
type Member struct {
	// Path is the logical path relative to the walked argument, with the archives it lies in, slashes forward:
	// "night.zip/H001/inp.csv", "2025-03-01/encounters.csv.gz". A file given as argument is its base name.
	Path string
	// Name is Path without the suffix of a lone compression: "2025-03-01/encounters.csv".
	Name    string
	Disk    string    // the file on disk in which it arrived: the outermost archive, or the file itself
	Size    int64     // unpacked bytes, -1 where only reading tells
	ModTime time.Time // zero where nobody knows
	// Err says why this member cannot be read (a broken archive, a link, a name that leads outside). It names the
	// member. Such a member stands in the list so that the fault is reported and nothing is silently left out.
	Err error

	open func() (io.ReadCloser, error)
}

// Open begins to read the member's content from its first byte; it may be called again. A truncated or damaged
// archive is an error of Read that names the member and says how many bytes came.
func (m *Member) Open() (*Content, error) {
	if m.Err != nil {
		return nil, m.Err
	}
	r, err := m.open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	return newContent(m.Path, r), nil
}

// Walk lists the members under paths. An error means that a path cannot be walked at all; faults of single members are
// in Member.Err.
func Walk(ctx context.Context, paths []string, o Options) (*Tree, error) {
	w := newWalk(ctx, o)
	for _, p := range paths {
		if err := w.argument(p); err != nil {
			return nil, err
		}
	}
	return w.tree, nil
}
