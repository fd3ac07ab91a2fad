package lake

// Config is sanyi.yaml.
type Config struct {
	Format     int    `yaml:"format"` // version of the lake's layout: a newer one is refused
	Lake       string `yaml:"lake"`   // random id, so that two lakes are not taken for one another
	Production bool   `yaml:"production"`
	Timezone   string `yaml:"timezone"`
	Key        KeyRef `yaml:"key"`
	// Overlays are folders of definitions that every command on this lake reads after the shipped ones.
	Overlays []string `yaml:"overlays,omitempty"`
	// MinCell is the smallest cell that doors other than the local command line show (clarification 4).
	MinCell int `yaml:"min_cell"`
	// KeepSnapshots is how many Iceberg snapshots a table's newest metadata lists; older publications stay readable.
	KeepSnapshots int `yaml:"keep_snapshots"`
	// LandingDays is how long raw files are kept.
	LandingDays int `yaml:"landing_days"`
}

// KeyRef is what the lake knows about its key: never the key itself.
type KeyRef struct {
	ID          string `yaml:"id"`
	File        string `yaml:"file"`        // relative to the lake's folder unless absolute
	Algorithm   string `yaml:"algorithm"`   // "sha256" or "sm3"
	Fingerprint string `yaml:"fingerprint"` // HMAC of a constant
}
