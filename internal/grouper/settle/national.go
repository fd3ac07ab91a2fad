package settle

import _ "embed"

//go:embed national.yaml
var nationalYAML []byte

// National is the example parameter set of the national norms: a starting point for a region's own file.
func National() *Params {
	p, err := Load(nationalYAML, "national.yaml")
	if err != nil {
		panic(err) // Must: the file is embedded and tested
	}
	return p
}

// NationalYAML is its text, with the source of each value.
func NationalYAML() string { return string(nationalYAML) }
