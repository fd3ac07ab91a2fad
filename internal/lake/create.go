package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sanyi-lake/sanyi/internal/fault"
)

// Format is the version of the lake's layout that this program writes and reads.
const Format = 1

// Config is sanyi.yaml.
type Config struct {
	Format     int    `yaml:"format"` // version of the lake's layout: a newer one is refused
	Lake       string `yaml:"lake"`   // random id, so that two lakes are not taken for one another
	Timezone   string `yaml:"timezone"`
	Production bool   `yaml:"production"` // refuses experiments such as ingest --relaxed
	Key        KeyRef `yaml:"key"`
	// Overlays are folders of definitions that every command on this lake reads after the shipped ones.
	Overlays []string `yaml:"overlays,omitempty"`
	// MinCell is the smallest cell that doors other than the local command line show (clarification 4); 10 where the
	// commission has set no other.
	MinCell int `yaml:"min_cell"`
	// KeepSnapshots is how many Iceberg snapshots a table's newest metadata lists. Older publications stay readable by
	// their own metadata.
	KeepSnapshots int `yaml:"keep_snapshots"`
	// LandingDays is how long raw files are kept.
	LandingDays int `yaml:"landing_days"`
}

// KeyRef is what the lake knows about its key: never the key itself.
type KeyRef struct {
	ID          string `yaml:"id"`
	File        string `yaml:"file"`        // relative to the lake's folder unless absolute
	Algorithm   string `yaml:"algorithm"`   // sha256 or sm3
	Fingerprint string `yaml:"fingerprint"` // HMAC of a constant
}

// KeyFile is where the lake's key is looked for when nothing else is said.
func (l *Lake) KeyFile() string {
	if filepath.IsAbs(l.config.Key.File) {
		return l.config.Key.File
	}
	return filepath.Join(l.dir, l.config.Key.File)
}

// Create makes a new lake in dir, which must be absent or empty, and its key file, unless that is there already.
func Create(ctx context.Context, dir string, opts CreateOptions) (*Lake, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(dir, "%#?\n") {
		return nil, fault.New(fault.Usage, "lake %q: a lake's path must not hold any of %% # ? (Iceberg stores paths as URIs)", dir)
	}
	if opts.Pseudonym == "" {
		opts.Pseudonym = SHA256
	}
	if algorithms[opts.Pseudonym] == nil {
		return nil, fault.New(fault.Usage, "pseudonym algorithm %q: wants %s or %s", opts.Pseudonym, SHA256, SM3)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fault.New(fault.Conflict, "lake %s: the folder is not empty", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Unavailable, "lake %s: %w", dir, err)
	}
	key, err := chooseKey(dir, opts)
	if err != nil {
		return nil, err
	}
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{"", 0o755}, {"warehouse", 0o755}, {"landing", 0o700}, {"landing/work", 0o700}} {
		if err := os.MkdirAll(filepath.Join(dir, d.path), d.mode); err != nil {
			return nil, fault.New(fault.Unavailable, "lake %s: %w", dir, err)
		}
	}
	config := Config{
		Format: Format, Lake: strings.ToLower(rand.Text()[:12]), Timezone: "Asia/Shanghai", Production: opts.Production,
		Key: key, MinCell: 10, KeepSnapshots: 10, LandingDays: 90,
	}
	if err := createCatalog(ctx, dir, config.Lake); err != nil {
		return nil, err
	}
	// sanyi.yaml comes last: a folder without it is no lake, however far a killed Create came.
	if err := writeConfig(dir, config); err != nil {
		return nil, err
	}
	return Open(ctx, dir, Options{Logger: opts.Logger})
}

func chooseKey(dir string, opts CreateOptions) (KeyRef, error) {
	file := opts.KeyFile
	var recorded string // in sanyi.yaml
	if file == "" {
		file, recorded = dir+".key", filepath.Join("..", filepath.Base(dir)+".key")
	} else {
		var err error
		if file, err = filepath.Abs(file); err != nil {
			return KeyRef{}, err
		}
		recorded = file
		if inside, err := filepath.Rel(dir, file); err == nil && !strings.HasPrefix(inside, "..") {
			return KeyRef{}, fault.New(fault.Usage, "key file %s: must lie outside the lake %s", file, dir)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return KeyRef{}, fault.New(fault.Unavailable, "key file %s: %w", file, err)
	}
	secret, err := makeKeyFile(file)
	if errors.Is(err, fs.ErrExist) {
		secret, err = readKeyFile(file)
	}
	if err != nil {
		return KeyRef{}, fmt.Errorf("key file %s: %w", file, err)
	}
	k := Key{Algorithm: opts.Pseudonym, secret: secret}
	fingerprint := k.fingerprint()
	return KeyRef{ID: "k" + fingerprint[:8], File: recorded, Algorithm: opts.Pseudonym, Fingerprint: fingerprint}, nil
}

func createCatalog(ctx context.Context, dir, id string) error {
	db, err := openCatalog(filepath.Join(dir, "catalog.db"))
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(fault.New(fault.Unavailable, "catalogue of lake %s: %w", dir, err), db.Close())
	}
	_, err = tx.ExecContext(ctx, ddl)
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO iceberg_namespace_properties VALUES (?, ?, 'exists', 'true')`, CatalogName, Namespace)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `INSERT INTO lake VALUES ('id', ?), ('root', ?), ('format', ?)`, id, dir, Format)
	}
	if err == nil {
		err = tx.Commit()
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("catalogue of lake %s: %w", dir, err)
	}
	return nil
}

func writeConfig(dir string, config Config) error {
	text, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	remark := "# A sanyi lake. The key file is not part of it: back it up apart; without it no person can be recognised again.\n"
	path := filepath.Join(dir, "sanyi.yaml")
	f, err := os.Create(path + ".new")
	if err != nil {
		return fault.New(fault.Unavailable, "lake %s: %w", dir, err)
	}
	_, err = f.WriteString(remark + string(text))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Unavailable, "lake %s: %w", dir, err)
	}
	return os.Rename(path+".new", path)
}

// Open opens the lake in dir.
func Open(ctx context.Context, dir string, opts Options) (*Lake, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case opts.LockWait == 0:
		opts.LockWait = 30 * time.Second
	case opts.LockWait < 0:
		opts.LockWait = 0
	}
	path := filepath.Join(dir, "catalog.db")
	if _, err := os.Stat(path); err != nil {
		return nil, fault.New(fault.NotFound, "lake %s: no catalogue: %w", dir, err)
	}
	db, err := openCatalog(path)
	if err != nil {
		return nil, err
	}
	l := &Lake{dir: dir, config: config, db: db, log: opts.Logger, wait: opts.LockWait, plans: map[string]*plan{}, states: map[int64]map[string]string{}}
	var id, root string
	err = db.QueryRowContext(ctx, `SELECT (SELECT value FROM lake WHERE key = 'id'), (SELECT value FROM lake WHERE key = 'root')`).Scan(&id, &root)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "catalogue of lake %s: %w", dir, err), db.Close())
	}
	if id != config.Lake {
		return nil, errors.Join(fault.New(fault.Invalid, "lake %s: sanyi.yaml is of lake %s and catalog.db of lake %s", dir, config.Lake, id), db.Close())
	}
	if !sameFolder(root, dir) {
		return nil, errors.Join(fault.New(fault.Invalid, "lake %s: was made as %s, and Iceberg stores absolute paths; move it back, or link the old path to it", dir, root), db.Close())
	}
	l.dir = root
	return l, nil
}

func sameFolder(a, b string) bool {
	if a == b {
		return true
	}
	ai, aerr := os.Stat(a)
	bi, berr := os.Stat(b)
	return aerr == nil && berr == nil && os.SameFile(ai, bi)
}

func readConfig(dir string) (Config, error) {
	path := filepath.Join(dir, "sanyi.yaml")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fault.New(fault.NotFound, "lake %s: no lake there (no sanyi.yaml); make one with: sanyi init %s", dir, dir)
	}
	if err != nil {
		return Config{}, fault.New(fault.Unavailable, "lake %s: %w", dir, err)
	}
	// The version is looked at first: what a newer format says beside it is not for this program to judge.
	var version struct {
		Format int `yaml:"format"`
	}
	if err := yaml.Unmarshal(text, &version); err != nil {
		return Config{}, fault.New(fault.Invalid, "%s: %w", path, err)
	}
	if version.Format > Format {
		return Config{}, fault.New(fault.Invalid, "lake %s: has format %d, this program knows formats up to %d; use a newer sanyi", dir, version.Format, Format)
	}
	if version.Format < 1 {
		return Config{}, fault.New(fault.Invalid, "%s: no format version", path)
	}
	var config Config
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&config); err != nil {
		return Config{}, fault.New(fault.Invalid, "%s: %w", path, err)
	}
	if algorithms[config.Key.Algorithm] == nil {
		return Config{}, fault.New(fault.Invalid, "%s: key algorithm %q: wants %s or %s", path, config.Key.Algorithm, SHA256, SM3)
	}
	if config.KeepSnapshots < 1 {
		config.KeepSnapshots = 1
	}
	return config, nil
}

// Landing is the folder of raw files (0700) and of all scratch.
func (l *Lake) Landing() string { return filepath.Join(l.dir, "landing") }

// Warehouse is the folder of data and metadata files: all that an engine needs to read.
func (l *Lake) Warehouse() string { return filepath.Join(l.dir, "warehouse") }

// Config is what sanyi.yaml of the lake says.
func (l *Lake) Config() Config { return l.config }

// Dir is the lake's folder, absolute.
func (l *Lake) Dir() string { return l.dir }

// Close releases the catalogue and this process's scratch folder.
func (l *Lake) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.work != nil {
		err = l.work.close()
		l.work = nil
	}
	return errors.Join(err, l.db.Close())
}
