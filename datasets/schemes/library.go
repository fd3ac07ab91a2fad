package schemes

import (
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// shipped holds the small schemes of our own making; `all:` is not wanted: only tables and manifests.
//
//go:embed demo_drg demo_dip
var shipped embed.FS

// Place is a folder whose folders are packages.
type Place struct {
	FS   fs.FS
	Name string
}

// Shipped are the packages inside the program.
func Shipped() Place { return Place{FS: shipped, Name: "shipped"} }

// Library finds packages by id: in its places in their order, then among the shipped ones.
type Library []Place

// Entry is a package of a library.
type Entry struct {
	ID    string `json:"id"`
	Place string `json:"place"`
	Kind  string `json:"kind"`
	Manifest
	Hash   string `json:"hash,omitempty"`
	Groups int    `json:"groups"`
	Fault  string `json:"fault,omitempty"`
	folder fs.FS
}

// places are all places, the shipped one last.
func (l Library) places() []Place { return append(slices.Clone([]Place(l)), Shipped()) }

// folders calls do for every folder of every place.
func (l Library) folders(do func(p Place, name string, fsys fs.FS) error) error {
	for _, p := range l.places() {
		dirs, err := fs.ReadDir(p.FS, ".")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fault.New(fault.NotFound, "%s: %w", p.Name, plainCause(err))
		}
		for _, d := range dirs {
			if !d.IsDir() {
				continue
			}
			sub, err := fs.Sub(p.FS, d.Name())
			if err != nil {
				return err
			}
			if err := do(p, d.Name(), sub); err != nil {
				return err
			}
		}
	}
	return nil
}

// errFound ends a search.
var errFound = errors.New("found")

// Open reads the package of that id, with the overlays laid over it. A package that names a base is laid over it first.
func (l Library) Open(id string, overlays ...Layer) (*Scheme, error) {
	var found fs.FS
	var name string
	var have []string
	err := l.folders(func(p Place, folder string, sub fs.FS) error {
		this := folder
		if m, err := readManifest(sub, folder); err == nil && m.Version != "" {
			this = m.Version
		}
		if this == id || folder == id {
			found, name = sub, path.Join(p.Name, folder)
			return errFound
		}
		have = append(have, this)
		return nil
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, err
	}
	if found == nil {
		return nil, fault.New(fault.NotFound, "scheme %s: not here (there are %s): give a folder, or import it with sanyi scheme add", id, strings.Join(have, ", "))
	}
	return l.Read(found, name, overlays...)
}

// maxBases bounds overlays over overlays.
const maxBases = 8

// Read reads a folder as a package, or as an overlay whose base is in the library.
func (l Library) Read(fsys fs.FS, name string, overlays ...Layer) (*Scheme, error) {
	for range maxBases {
		m, err := readManifest(fsys, name)
		if err != nil {
			return nil, err
		}
		if m.Base == "" {
			return Read(fsys, name, overlays...)
		}
		overlays = append([]Layer{{FS: fsys, Name: name}}, overlays...)
		found := false
		err = l.folders(func(p Place, folder string, sub fs.FS) error {
			bm, err := readManifest(sub, folder)
			if err != nil || (folder != m.Base && bm.Version != m.Base) {
				return nil //nolint:nilerr // another folder's fault
			}
			fsys, name, found = sub, path.Join(p.Name, folder), true
			return errFound
		})
		if err != nil && !errors.Is(err, errFound) {
			return nil, err
		}
		if !found {
			return nil, fault.New(fault.NotFound, "%s: its base %s is not in the library: add it with sanyi scheme add, or name its folder's parent with --dir", path.Join(name, manifestFile), m.Base)
		}
	}
	return nil, fault.New(fault.Invalid, "%s: bases over bases, more than %d deep or in a circle", name, maxBases)
}

// List reads every package; one that cannot be read is listed with its fault.
func (l Library) List() ([]Entry, error) {
	var out []Entry
	err := l.folders(func(p Place, folder string, sub fs.FS) error {
		if _, err := kindOf(sub, folder); err != nil {
			if m, merr := readManifest(sub, folder); merr != nil || m.Base == "" {
				return nil //nolint:nilerr // a folder that is no package
			}
		}
		e := Entry{ID: folder, Place: p.Name, folder: sub}
		s, err := l.Read(sub, path.Join(p.Name, folder))
		if err != nil {
			e.Fault, _, _ = strings.Cut(err.Error(), "\n")
		}
		if s != nil {
			e.ID, e.Kind, e.Manifest, e.Hash, e.Groups = s.ID, s.Kind, s.Manifest, s.Hash, s.Groups()
		}
		out = append(out, e)
		return nil
	})
	return out, err
}

// Groups is how many payment groups the scheme has.
func (s *Scheme) Groups() int {
	if s.Kind == DIP {
		return s.Tables["catalog.csv"].Len()
	}
	return s.Tables["drg.csv"].Len()
}
